import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import type { RecordStore } from '../../src/state/record-store.ts';
import { describeRecordStore } from './record-store-suite.ts';
import { openJournal } from './record-stores.ts';

function temporary(): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'semba-state-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function makeJournal(): { store: RecordStore; done: () => Promise<void> } {
  const { folder, remove } = temporary();
  const store = openJournal(folder);
  const done = async (): Promise<void> => {
    await store.close();
    remove();
  };
  return { store, done };
}

describeRecordStore('memory', () => {
  const store = new MemoryRecordStore({ strict: true });
  return { store, done: async () => store.close() };
});
describeRecordStore('journal', makeJournal);

interface Counter {
  readonly count: number;
}

describe('journal record store', () => {
  it('keeps persistent records over a restart', async () => {
    const { folder, remove } = temporary();
    const first = openJournal(folder);
    await first.table<Counter>('c', 1).update('a', () => ({ next: { count: 3 }, result: 0 }));
    await first.close();
    const second = openJournal(folder);
    assert.deepEqual(await second.table<Counter>('c', 1).get('a'), { count: 3 });
    await second.close();
    remove();
  });

  it('belongs to one process at a time', async () => {
    const { folder, remove } = temporary();
    const first = openJournal(folder);
    assert.throws(() => openJournal(folder), /nobody else/);
    await first.close();
    await openJournal(folder).close();
    remove();
  });

  it('reads an older layout through its upgrade, and refuses it without one', async () => {
    const { folder, remove } = temporary();
    const old = openJournal(folder);
    await old.table<Counter>('c', 1).update('a', () => ({ next: { count: 3 }, result: 0 }));
    await old.close();
    const store = openJournal(folder);
    assert.throws(() => store.table('c', 2), /table 'c' has layout 1, expected 2.*older semba/);
    const table = store.table<{ readonly total: number }>('c', 2, (record) => ({
      total: (record as Counter).count,
    }));
    assert.deepEqual(await table.get('a'), { total: 3 });
    await store.close();
    const older = openJournal(folder);
    assert.throws(() => older.table('c', 1), /newer semba/);
    await older.close();
    remove();
  });
});

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import type { RecordStore } from '../../src/state/record-store.ts';
import { describeRecordStore } from './record-store-suite.ts';
import { openLmdb } from './record-stores.ts';

const HAMMER = fileURLToPath(new URL('record-store-hammer.js', import.meta.url));

function temporary(): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'semba-state-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function makeLmdb(): { store: RecordStore; done: () => Promise<void> } {
  const { folder, remove } = temporary();
  const store = openLmdb(folder);
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
describeRecordStore('lmdb', makeLmdb);

interface Counter {
  readonly count: number;
}

describe('lmdb record store', () => {
  it('loses no update of two processes', async () => {
    const { folder, remove } = temporary();
    await Promise.all([hammer(folder, 300), hammer(folder, 300)]);
    assert.equal(await total(folder), 600);
    remove();
  });

  it('is stopped by no process that was killed in the middle of its writes', async () => {
    const { folder, remove } = temporary();
    const victim = start(folder, 1_000_000);
    await new Promise((resolve) => victim.once('message', resolve));
    const other = hammer(folder, 200);
    victim.kill('SIGKILL');
    const ended = await new Promise((resolve) =>
      victim.once('exit', (_code, signal) => resolve(signal)),
    );
    assert.equal(ended, 'SIGKILL');
    await other;
    assert.ok((await total(folder)) >= 200);
    remove();
  });

  it('keeps persistent records over a restart', async () => {
    const { folder, remove } = temporary();
    const first = openLmdb(folder);
    await first.table<Counter>('c', 1).update('a', () => ({ next: { count: 3 }, result: 0 }));
    await first.close();
    const second = openLmdb(folder);
    assert.deepEqual(await second.table<Counter>('c', 1).get('a'), { count: 3 });
    await second.close();
    remove();
  });

  it('reads an older layout through its upgrade, and refuses it without one', async () => {
    const { folder, remove } = temporary();
    const old = openLmdb(folder);
    await old.table<Counter>('c', 1).update('a', () => ({ next: { count: 3 }, result: 0 }));
    await old.close();
    const store = openLmdb(folder);
    assert.throws(() => store.table('c', 2), /table 'c' has layout 1, expected 2.*older semba/);
    const table = store.table<{ readonly total: number }>('c', 2, (record) => ({
      total: (record as Counter).count,
    }));
    assert.deepEqual(await table.get('a'), { total: 3 });
    await store.close();
    const older = openLmdb(folder);
    assert.throws(() => older.table('c', 1), /newer semba/);
    await older.close();
    remove();
  });
});

function start(folder: string, times: number) {
  return fork(HAMMER, [folder, String(times)], { stdio: 'inherit' });
}

function hammer(folder: string, times: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = start(folder, times);
    child.once('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`the hammer ended with ${code ?? signal}`));
    });
  });
}

async function total(folder: string): Promise<number> {
  const store = openLmdb(folder);
  let sum = 0;
  for (const [, { count }] of await store.table<Counter>('c', 1).scan('')) sum += count;
  await store.close();
  return sum;
}

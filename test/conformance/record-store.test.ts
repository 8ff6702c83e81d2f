import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LmdbRecordStore } from '../../src/state/lmdb/lmdb-record-store.ts';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import type { RecordStore, WakeBus } from '../../src/state/record-store.ts';
import { describeRecordStore } from './record-store-suite.ts';

type Durability = 'volatile' | 'persistent';
const DURABILITIES: readonly Durability[] = ['volatile', 'persistent'];
const HAMMER = fileURLToPath(new URL('record-store-hammer.js', import.meta.url));

function temporary(): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'semba-state-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

function makeLmdb(durability: Durability): { store: RecordStore; done: () => Promise<void> } {
  const { folder, remove } = temporary();
  const store = new LmdbRecordStore({ folder, durability });
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
for (const durability of DURABILITIES) {
  describeRecordStore(`lmdb, ${durability}`, () => makeLmdb(durability));
}

interface Counter {
  readonly count: number;
}

describe('lmdb record store', () => {
  for (const durability of DURABILITIES) {
    it(`${durability}: two processes lose no update`, async () => {
      const { folder, remove } = temporary();
      await Promise.all([hammer(folder, durability, 300), hammer(folder, durability, 300)]);
      assert.equal(await total(folder, durability), 600);
      remove();
    });

    it(`${durability}: a process killed in the middle of its writes stops nobody`, async () => {
      const { folder, remove } = temporary();
      const victim = start(folder, durability, 1_000_000);
      await new Promise((resolve) => victim.once('message', resolve));
      const other = hammer(folder, durability, 200);
      victim.kill('SIGKILL');
      const ended = await new Promise((resolve) =>
        victim.once('exit', (_code, signal) => resolve(signal)),
      );
      assert.equal(ended, 'SIGKILL');
      await other;
      assert.ok((await total(folder, durability)) >= 200);
      remove();
    });
  }

  it('keeps persistent records over a restart', async () => {
    const { folder, remove } = temporary();
    const first = new LmdbRecordStore({ folder, durability: 'persistent' });
    await first.table<Counter>('c', 1).update('a', () => ({ next: { count: 3 }, result: 0 }));
    await first.close();
    const second = new LmdbRecordStore({ folder, durability: 'persistent' });
    assert.deepEqual(await second.table<Counter>('c', 1).get('a'), { count: 3 });
    await second.close();
    remove();
  });

  it('reads an older layout through its upgrade, and refuses it without one', async () => {
    const { folder, remove } = temporary();
    const old = new LmdbRecordStore({ folder, durability: 'persistent' });
    await old.table<Counter>('c', 1).update('a', () => ({ next: { count: 3 }, result: 0 }));
    await old.close();
    const store = new LmdbRecordStore({ folder, durability: 'persistent' });
    assert.throws(() => store.table('c', 2), /table 'c' has layout 1, expected 2.*older semba/);
    const table = store.table<{ readonly total: number }>('c', 2, (record) => ({
      total: (record as Counter).count,
    }));
    assert.deepEqual(await table.get('a'), { total: 3 });
    await store.close();
    const older = new LmdbRecordStore({ folder, durability: 'persistent' });
    assert.throws(() => older.table('c', 1), /newer semba/);
    await older.close();
    remove();
  });

  it('wakes the watchers of other processes, and only those', async () => {
    const { folder, remove } = temporary();
    const buses = new Map<string, (topic: string) => void>();
    const sent: string[] = [];
    const busOf = (serverId: string): WakeBus => ({
      serverId,
      wake: (to, topic) => {
        sent.push(`${to} ${topic}`);
        buses.get(to)?.(topic);
      },
      listen: (woken) => buses.set(serverId, woken),
    });
    const one = new LmdbRecordStore({ folder, durability: 'volatile', bus: busOf('one') });
    // A second root in one process sees the first's commits as another process would.
    const two = new LmdbRecordStore({
      folder: `${folder}/../${folder.split('/').pop()}`,
      durability: 'volatile',
      bus: busOf('two'),
    });
    const mine = one.table<Counter>('c', 1);
    const theirs = two.table<Counter>('c', 1);
    const woken = new Promise<number | undefined>((resolve) => {
      theirs.watch('a', () => resolve((theirs.get('a') as Counter | undefined)?.count));
    });
    mine.update('b', () => ({ next: { count: 1 }, result: 0 }));
    mine.update('a', () => ({ next: { count: 5 }, result: 0 }));
    assert.equal(await woken, 5);
    assert.deepEqual(sent, ['two c/a']);
    await one.close();
    await two.close();
    remove();
  });
});

function start(folder: string, durability: Durability, times: number) {
  return fork(HAMMER, [folder, durability, String(times)], { stdio: 'inherit' });
}

function hammer(folder: string, durability: Durability, times: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = start(folder, durability, times);
    child.once('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`the hammer ended with ${code ?? signal}`));
    });
  });
}

async function total(folder: string, durability: Durability): Promise<number> {
  const store = new LmdbRecordStore({ folder, durability });
  let sum = 0;
  for (const [, { count }] of await store.table<Counter>('c', 1).scan('')) sum += count;
  await store.close();
  return sum;
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SimulatedDisk } from '../../../test/faults/simulated-disk.ts';
import type { Timers } from '../../env/ports.ts';
import { JournalRecordStore } from './journal-record-store.ts';
import { JournalDamageError } from './replay.ts';

interface Value {
  readonly value: number;
  readonly text: string;
}

/** What is to be done soon is not done while a test lasts. */
const NO_TIMERS: Timers = {
  after: () => ({ cancel: () => {} }),
  turn: () => Promise.resolve(),
};
const FIRST = 'journal-00000001';
const SEGMENT_SIZE = 4096;

function open(disk: SimulatedDisk): JournalRecordStore {
  return new JournalRecordStore(disk, { timers: NO_TIMERS, segmentSizeMin: SEGMENT_SIZE });
}

function valueFor(value: number): Value {
  return { value, text: 'x'.repeat((value * 37) % 300) };
}

/** All records, by key. */
function recordsOf(store: JournalRecordStore): Record<string, number> {
  const records = [...(store.table<Value>('t', 1).scan('') as Iterable<[string, Value]>)];
  return Object.fromEntries(records.map(([key, { value }]) => [key, value]));
}

function sorted(records: Record<string, number>): string {
  return JSON.stringify(Object.entries(records).sort());
}

/** mulberry32: the same numbers for the same seed. */
function draws(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Three records, of which the last is written, and sealed. */
async function filled(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const store = open(disk);
  const table = store.table<Value>('t', 1);
  for (const key of ['a', 'b', 'c']) await table.replace(key, valueFor(key.charCodeAt(0)));
  await store.close();
  return disk;
}

describe('a journal', () => {
  it('syncs once for changes that come together, and gathers the next ones meanwhile', async () => {
    const disk = new SimulatedDisk();
    const store = open(disk);
    const table = store.table<Value>('t', 1);
    const before = disk.syncCount;
    disk.hold();
    const first = ['a', 'b', 'c'].map((key) => table.replace(key, valueFor(1)));
    await turn();
    const second = ['d', 'e'].map((key) => table.replace(key, valueFor(2)));
    await turn();
    assert.equal(disk.syncCount - before, 1);
    disk.release();
    await Promise.all([...first, ...second]);
    assert.equal(disk.syncCount - before, 2);
    await store.close();
  });

  it('answers a change of little consequence before the disk has it; a kill leaves it', async () => {
    const disk = await filled();
    const store = open(disk);
    disk.hold();
    assert.equal(store.table<Value>('t', 1).replaceSoon('a', undefined), undefined);
    assert.deepEqual(recordsOf(open(disk.afterKill())), { b: 98, c: 99 });
    disk.release();
    await store.close();
    assert.deepEqual(recordsOf(open(disk.afterPowerCut(() => 0.99))), { b: 98, c: 99 });
  });

  it('refuses what finds no room, leaves the rest, and goes on when there is', async () => {
    const disk = await filled();
    const store = open(disk);
    const table = store.table<Value>('t', 1);
    disk.roomMax = disk.size();
    await assert.rejects(async () => {
      for (let i = 0; i < 5_000; i++)
        await table.replace('big', { value: i, text: 'y'.repeat(200) });
    }, /ENOSPC/);
    const last = recordsOf(store);
    assert.ok(last.big !== undefined && last.big > 0, 'it had some room of its own');
    assert.throws(() => table.replaceSoon('a', { value: 7, text: 'y'.repeat(300) }), /ENOSPC/);
    assert.deepEqual(recordsOf(open(disk.afterKill())), last);
    disk.roomMax = Number.POSITIVE_INFINITY;
    await table.replace('a', undefined);
    const { a: _, ...rest } = last;
    assert.deepEqual(recordsOf(open(disk.afterPowerCut(() => 0.99))), rest);
    await store.close();
  });

  it('trusts no file whose sync failed: what stands goes to another one', async () => {
    const disk = await filled();
    const store = open(disk);
    const table = store.table<Value>('t', 1);
    disk.failsSync = true;
    await assert.rejects(async () => table.replace('d', valueFor(4)), /EIO/);
    await assert.rejects(async () => table.replace('e', valueFor(5)), /EIO/);
    assert.throws(() => table.replaceSoon('a', undefined), /not on the disk/);
    disk.failsSync = false;
    await table.replace('f', valueFor(6));
    const found = recordsOf(open(disk.afterPowerCut(() => 0.99)));
    assert.equal(found.f, 6);
    assert.deepEqual(recordsOf(store), found);
    assert.ok(!disk.list().includes(FIRST));
    await store.close();
  });

  it('is not read when a bit of it is another one, wherever', async () => {
    const disk = await filled();
    const { kernel } = disk.files.get(FIRST)!;
    const whole = { a: 97, b: 98, c: 99 };
    let refused = 0;
    for (let at = 0; at < kernel.length && at < 2_000; at++) {
      const other = disk.afterKill();
      const { kernel: bytes } = other.files.get(FIRST)!;
      bytes[at]! ^= 1 << (at % 8);
      try {
        assert.deepEqual(recordsOf(open(other)), whole, `byte ${at}`);
      } catch (error) {
        assert.ok(error instanceof JournalDamageError, String(error));
        assert.match(error.message, /journal-00000001 (is damaged at byte \d+|was written by)/);
        refused++;
      }
    }
    assert.ok(refused > 300, `${refused} of them`);
  });

  it('ends with what was written whole, wherever it was cut off', async () => {
    const disk = new SimulatedDisk();
    const store = open(disk);
    const table = store.table<Value>('t', 1);
    table.replaceSoon('a', valueFor(1));
    table.replaceSoon('b', valueFor(2));
    const bytes = disk.files.get(FIRST)!.kernel.slice();
    for (let size = 0; size < 800; size++) {
      const cut = disk.afterKill();
      cut.files.get(FIRST)!.kernel = bytes.slice(0, size);
      const found = sorted(recordsOf(open(cut)));
      assert.ok(['[]', '[["a",1]]', '[["a",1],["b",2]]'].includes(found), `${size}: ${found}`);
    }
    await store.close();
  });

  it('stays small while records come and go, and loses none that stays', async () => {
    const disk = new SimulatedDisk();
    const store = open(disk);
    const table = store.table<Value>('t', 1);
    await table.replace('stays', valueFor(1));
    for (let i = 0; i < 500; i++) await table.replace(`k${i % 7}`, valueFor(i));
    await turn();
    const ends = disk.list();
    assert.ok(ends.length <= 2 && !ends.includes(FIRST), ends.join());
    assert.equal(recordsOf(open(disk.afterKill())).stays, 1);
    await store.close();
  });

  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    it(`has after a kill or a power cut what it promised (seed ${seed})`, () => outlives(seed));
  }
});

/** Lives of one journal, each ended somewhere in the middle of its changes. */
async function outlives(seed: number): Promise<void> {
  const draw = draws(seed);
  let disk = new SimulatedDisk();
  let found = '[]';
  let value = 0;
  for (let life = 0; life < 40; life++) {
    const store = open(disk);
    const current = recordsOf(store);
    assert.equal(sorted(current), found, `seed ${seed}, life ${life}`);
    const table = store.table<Value>('t', 1);
    /** All that the records have been, and how many changes last. */
    const states = [found];
    let [synced, written] = [0, 0];
    for (let left = draw() * 120; left > 0; left--) {
      const key = `k${Math.floor(draw() * 6)}`;
      const next = draw() < 0.3 ? undefined : valueFor(++value);
      if (next === undefined) delete current[key];
      else current[key] = next.value;
      const number = states.push(sorted(current)) - 1;
      if (draw() < 0.3) {
        table.replaceSoon(key, next);
        written = number;
      } else {
        void (table.replace(key, next) as Promise<void>).then(() => {
          synced = Math.max(synced, number);
        });
      }
      if (draw() < 0.2) disk.hold();
      if (draw() < 0.3) disk.release();
      if (draw() < 0.4) await turn();
    }
    const isPowerCut = draw() < 0.6;
    const least = isPowerCut ? synced : Math.max(synced, written);
    disk = isPowerCut ? disk.afterPowerCut(draw) : disk.afterKill();
    found = sorted(recordsOf(open(disk.afterKill())));
    assert.ok(states.slice(least).includes(found), `seed ${seed}, life ${life}: ${found}`);
  }
}

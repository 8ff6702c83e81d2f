import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ProcessCalls, SEGMENT_SIZE, type SharedMemory } from '../../env/shared-memory.ts';
import { SharedMemoryFullError } from './heap.ts';
import { ABSENT, CHANGED, SharedRecords } from './shared-records.ts';

const [US, OTHER] = [10, 11];
/** Words of the header: see shared-records.ts and heap.ts. */
const [LOCK, IS_CHANGING, FREE_LISTS] = [1, 15, 16];

describe('shared records', () => {
  it('puts a value only where the generation is the one that was seen', () => {
    const { records } = makeRecords();
    const first = records.put('a', ABSENT, Buffer.from('one'));
    assert.equal(records.put('a', ABSENT, Buffer.from('two')), CHANGED);
    const second = records.put('a', first, Buffer.from('two'));
    assert.notEqual(second, first);
    assert.equal(look(records, 'a').value, 'two');
    assert.equal(look(records, 'a', second).value, undefined);
    assert.equal(records.put('a', first, undefined), CHANGED);
    assert.equal(records.put('a', undefined, undefined), ABSENT);
    assert.equal(look(records, 'a').generation, ABSENT);
    records.check();
  });

  it('tells records of one chain apart', () => {
    const { records } = makeRecords();
    const names = Array.from({ length: 20_000 }, (_, i) => `name ${i}`);
    for (const name of names) records.put(name, ABSENT, Buffer.from(name));
    for (const name of names.slice(0, 10_000)) records.put(name, undefined, undefined);
    for (const [i, name] of names.entries()) {
      assert.equal(look(records, name).value, i < 10_000 ? undefined : name);
    }
    const found = names.slice(10_000).filter((name) => name.startsWith('name 1'));
    assert.equal(records.scan('name 1').length, found.length);
    records.check();
  });

  it('takes the lock from a process that died in the middle, and makes the free lists anew', () => {
    const { records, words, calls } = makeRecords();
    for (const name of ['a', 'b', 'c']) records.put(name, ABSENT, Buffer.alloc(500, name));
    records.put('b', undefined, undefined);
    // It was killed after it took a free block, and before anybody could find it.
    words[IS_CHANGING] = 1;
    words.fill(0, FREE_LISTS, FREE_LISTS + 40);
    words[LOCK] = OTHER;
    calls.dead.add(OTHER);
    assert.equal(look(records, 'a').value, 'a'.repeat(500));
    assert.equal(words[LOCK], 0);
    assert.equal(words[IS_CHANGING], 0);
    records.check();
    const before = records.check();
    records.put('d', ABSENT, Buffer.alloc(500, 'd'));
    assert.equal(records.check(), before);
  });

  it('waits for one that lives, and ends one that does not let go', () => {
    const { records, words, calls } = makeRecords(1_000);
    words[LOCK] = OTHER;
    calls.onSleep = () => {
      if (calls.sleeps === 50) words[LOCK] = 0;
    };
    records.put('a', ABSENT, Buffer.from('one'));
    assert.deepEqual(calls.killed, []);
    words[LOCK] = OTHER;
    assert.equal(look(records, 'a').value, 'one');
    assert.deepEqual(calls.killed, [OTHER]);
    assert.ok(calls.nowMs > 1_000);
  });

  it('changes nothing when there is no memory left', () => {
    const { records } = makeRecords(undefined, 3 * 1024 * 1024);
    const value = Buffer.alloc(300_000, 'x');
    let count = 0;
    assert.throws(() => {
      for (; count < 100; count++) records.put(`r${count}`, ABSENT, value);
    }, SharedMemoryFullError);
    assert.ok(count > 2 && count < 20, `${count}`);
    records.check();
    assert.equal(look(records, `r${count}`).generation, ABSENT);
    assert.throws(() => records.put('r0', undefined, Buffer.alloc(1_000_000)), /no shared memory/);
    assert.equal(look(records, 'r0').value?.length, 300_000);
    records.put('r1', undefined, undefined);
    records.put(`r${count}`, ABSENT, value);
    records.check();
  });

  it('refuses a memory that holds something else', () => {
    const { memory, processes, clock } = makeRecords();
    new Uint32Array(memory.segment(0))[0] = 7;
    assert.throws(() => new SharedRecords({ memory, processes, clock }), /another layout/);
  });
});

function look(records: SharedRecords, name: string, known: number = ABSENT) {
  let value: string | undefined;
  const generation = records.look(name, known, (bytes) => {
    value = bytes.toString();
  });
  return { generation, value };
}

/** A memory of one process; time passes while it sleeps. */
function makeRecords(patienceMs?: number, size = SEGMENT_SIZE) {
  const segments: ArrayBuffer[] = [];
  const memory: SharedMemory = {
    segmentsMax: 2,
    segment: (index) => (segments[index] ??= new ArrayBuffer(SEGMENT_SIZE)),
    reserve: (_start, end) => end <= size,
    close: () => undefined,
  };
  const calls = {
    dead: new Set<number>(),
    killed: [] as number[],
    sleeps: 0,
    nowMs: 0,
    onSleep: (): void => undefined,
  };
  const processes: ProcessCalls = {
    pid: US,
    isAlive: (pid) => !calls.dead.has(pid),
    sleep(microseconds) {
      calls.sleeps++;
      calls.nowMs += microseconds / 1_000;
      calls.onSleep();
    },
    kill(pid) {
      calls.killed.push(pid);
      calls.dead.add(pid);
    },
  };
  const clock = { monotonicMs: () => calls.nowMs, fileTime: () => 0n };
  const records = new SharedRecords({ memory, processes, clock, patienceMs });
  return { records, memory, processes, clock, calls, words: new Uint32Array(memory.segment(0)) };
}

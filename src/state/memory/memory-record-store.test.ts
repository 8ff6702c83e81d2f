/** What is its own; test/conformance/record-store-suite.ts has what every store does. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryRecordStore } from './memory-record-store.ts';

interface Counter {
  readonly count: number;
  readonly parts?: readonly string[];
}

const increment = (current: Counter | undefined) => {
  const count = (current?.count ?? 0) + 1;
  return { next: { count }, result: count };
};

describe('MemoryRecordStore', () => {
  it('wakes watchers after the updater, and only for changes of their key', async () => {
    const table = new MemoryRecordStore().table<Counter>('counters', 1);
    const seen: string[] = [];
    const stop = table.watch('a', () => seen.push(`a=${JSON.stringify(table.get('a'))}`));
    table.update('b', increment);
    table.update('a', () => ({ next: 'keep', result: 0 }));
    table.update('a', () => ({ next: undefined, result: 0 }));
    table.update('a', increment);
    assert.deepEqual(seen, []);
    await Promise.resolve();
    assert.deepEqual(seen, ['a={"count":1}']);
    table.update('a', increment);
    stop();
    await Promise.resolve();
    assert.equal(seen.length, 1);
  });

  it('fails when an update updates', () => {
    const table = new MemoryRecordStore().table<Counter>('counters', 1);
    const nested = () => ({ next: undefined, result: table.update('b', increment) });
    assert.throws(() => table.update('a', nested), /not pure/);
    assert.equal(table.update('a', increment), 1);
  });

  it('keeps a frozen clone when strict, and refuses what is no plain data', () => {
    const table = new MemoryRecordStore({ strict: true }).table<Counter>('counters', 1);
    const record = { count: 1, parts: ['p'] };
    table.update('a', () => ({ next: record, result: 0 }));
    record.parts.push('later');
    assert.deepEqual(table.get('a'), { count: 1, parts: ['p'] });
    assert.ok(Object.isFrozen((table.get('a') as Counter).parts));
    const odd = { count: 1, callback: () => 0 };
    assert.throws(() => table.update('a', () => ({ next: odd, result: 0 })));
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryRecordStore } from './memory/memory-record-store.ts';
import { decideHeld, SharedLimit, sweepLimits } from './shared-limit.ts';

function limits(max: number): { a: SharedLimit; b: SharedLimit; store: MemoryRecordStore } {
  const store = new MemoryRecordStore({ strict: true });
  const of = (serverId: string): SharedLimit =>
    new SharedLimit({ name: 'opensMax', max, serverId, store });
  return { a: of('a'), b: of('b'), store };
}

/** How often the record is changed while `body` runs. */
function changesOf(store: MemoryRecordStore, body: () => void): number {
  let changes = 0;
  const stop = store.table('limit', 1).watch('opensMax', () => changes++);
  body();
  stop();
  return changes;
}

describe('SharedLimit', () => {
  it('of a process that is alone is its own', () => {
    const alone = new SharedLimit({ name: 'x', max: 2, serverId: 'a', store: undefined });
    assert.equal(alone.allows(2), true);
    assert.equal(alone.allows(3), false);
    alone.fell(0);
  });

  it('is exact over processes where it is small', () => {
    const { a, b } = limits(3);
    assert.equal(a.allows(2), true);
    assert.equal(b.allows(2), false);
    assert.equal(b.allows(1), true);
    a.fell(1);
    assert.equal(b.allows(2), true);
    assert.equal(a.allows(2), false);
  });

  it('is never exceeded, and seldom asked about, where it is large', () => {
    const max = 25_600;
    const { a, b, store } = limits(max);
    const counts = [0, 0];
    const changes = changesOf(store, () => {
      for (const [index, limit] of [a, b].entries()) {
        while (limit.allows(counts[index]! + 1)) counts[index]!++;
      }
    });
    assert.equal(counts[0]! + counts[1]!, max);
    assert.ok(changes <= 256, `${changes} changes`);
  });

  it('leaves to others what a process no longer has, but for two portions', () => {
    const max = 25_600;
    const { a, b, store } = limits(max);
    assert.equal(a.allows(max), true);
    const changes = changesOf(store, () => {
      for (let count = max; count-- > 0; ) a.fell(count);
    });
    assert.ok(changes <= 256, `${changes} changes`);
    assert.equal(b.allows(max - 200), true);
    assert.equal(b.allows(max), false);
  });

  it('counts what a process took over, though it is too much', () => {
    const { a, b } = limits(3);
    a.allows(2);
    b.rose(4);
    assert.equal(b.allows(5), false);
    assert.equal(a.allows(3), false);
    a.fell(0);
    b.rose(4);
    assert.equal(a.allows(1), false);
  });

  it('does not touch the record while the count goes up and down a little', () => {
    const { a, store } = limits(25_600);
    a.allows(1);
    const changes = changesOf(store, () => {
      for (let i = 0; i < 1000; i++) {
        a.allows(90);
        a.fell(0);
      }
    });
    assert.equal(changes, 0);
  });

  it('is free of what a process held that is gone', async () => {
    const { a, b, store } = limits(3);
    a.allows(3);
    assert.equal(b.allows(1), false);
    await sweepLimits(store, new Set(['a']));
    assert.equal(b.allows(3), true);
    await sweepLimits(store, new Set(['b']));
    assert.deepEqual([...(await store.table('limit', 1).scan(''))], []);
  });
});

describe('decideHeld', () => {
  it('gives what the others leave', () => {
    const current = { held: { a: 5, b: 3 } };
    const asked = { serverId: 'b', wanted: 9, max: 10 };
    assert.deepEqual(decideHeld(current, asked), { next: { held: { a: 5, b: 5 } }, result: 5 });
  });

  it('gives nothing where others have too much, as after they took opens over', () => {
    const current = { held: { a: 12, b: 1 } };
    const asked = { serverId: 'b', wanted: 1, max: 10 };
    assert.deepEqual(decideHeld(current, asked), { next: { held: { a: 12 } }, result: 0 });
  });

  it('keeps what is asked for already, and removes the record with the last', () => {
    const current = { held: { a: 2 } };
    assert.equal(decideHeld(current, { serverId: 'a', wanted: 2, max: 10 }).next, 'keep');
    assert.equal(decideHeld(current, { serverId: 'a', wanted: 0, max: 10 }).next, undefined);
  });
});

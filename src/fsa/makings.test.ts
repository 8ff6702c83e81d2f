import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideOwn, type Making, makersOf, sinceOf } from './makings.ts';

function making(id: string, sinceNs: bigint): Making {
  return { id, serverId: id.slice(0, id.indexOf('/')), sinceNs };
}

describe('decideOwn', () => {
  const theirs = making('b/share/1', 5n);

  it("puts a volume's makings in place of those it had", () => {
    const current = { makings: [making('a/share/1', 1n), theirs, making('a/other/1', 2n)] };
    const { next } = decideOwn(current, 'a/share/', [making('a/share/2', 3n)]);
    const rest = [theirs, making('a/other/1', 2n)];
    assert.deepEqual(next, { makings: [...rest, making('a/share/2', 3n)] });
  });

  it('removes the record with the last', () => {
    assert.deepEqual(decideOwn({ makings: [theirs] }, 'b/share/', []).next, undefined);
    assert.deepEqual(decideOwn(undefined, 'b/share/', [theirs]).next, { makings: [theirs] });
  });
});

describe('makersOf', () => {
  const record = { makings: [making('a/share/1', 10n), making('b/share/1', 20n)] };

  it('are those that began before the file was born', () => {
    assert.deepEqual([...makersOf(record, { birthTimeNs: 9n })], []);
    assert.deepEqual([...makersOf(record, { birthTimeNs: 10n })], ['a/share/1']);
    assert.deepEqual([...makersOf(record, { birthTimeNs: 20n })], ['a/share/1', 'b/share/1']);
    assert.deepEqual([...makersOf(undefined, { birthTimeNs: 20n })], []);
  });

  it('may be all where the store keeps no birth times', () => {
    assert.deepEqual([...makersOf(record, { birthTimeNs: undefined })], ['a/share/1', 'b/share/1']);
  });
});

describe('sinceOf', () => {
  it('is the last change, or shortly before now where that is yet to come', () => {
    assert.equal(sinceOf({ changeTimeNs: 7n }, 7n), 7n);
    assert.equal(sinceOf({ changeTimeNs: 8_000_000_001n }, 8_000_000_000n), 7_000_000_000n);
  });
});

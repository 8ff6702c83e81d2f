import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesOf, type PackedRecord, packRecord, unpackRecord } from './packed-record.ts';

interface Item {
  readonly id: string;
  readonly more?: Uint8Array;
}

interface Record {
  readonly isWhole: boolean;
  readonly items: readonly Item[];
  readonly names: readonly string[];
  readonly others: readonly Item[];
  readonly size: bigint;
}

const A: Item = { id: 'a', more: new Uint8Array([1, 2, 3]) };
const B: Item = { id: 'b' };
const C: Item = { id: 'c' };

function recordOf(items: readonly Item[], others: readonly Item[] = []): Record {
  return { isWhole: true, items, names: ['x', 'y'], others, size: 1n << 60n };
}

/** What another process reads of it. */
function again(packed: PackedRecord<Record>, before?: PackedRecord<Record>): PackedRecord<Record> {
  return unpackRecord<Record>(Uint8Array.from(bytesOf(packed)), before);
}

function sortedFields(record: object): object {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe('a packed record', () => {
  it('reads back as it was, with lists of objects, of others, and empty ones', () => {
    for (const record of [recordOf([]), recordOf([A]), recordOf([A, B], [C]), recordOf([], [A])]) {
      const { record: read } = again(packRecord(record, undefined));
      assert.deepEqual(sortedFields(read), sortedFields(record));
    }
  });

  it('may be a list itself', () => {
    const packed = packRecord(['server-1', 'server-2'], undefined);
    assert.deepEqual(unpackRecord(bytesOf(packed), undefined).record, ['server-1', 'server-2']);
    const objects = packRecord([A, B], undefined);
    assert.deepEqual(unpackRecord<readonly Item[]>(bytesOf(objects), undefined).record[1], B);
  });

  it('is the same bytes whatever is known of the record before', () => {
    const before = packRecord(recordOf([A, B, C], [C]), undefined);
    const lists = [[A, B, C], [A, C], [B, C], [C], [C, B, A], [{ id: 'new' }, A, { id: 'b' }], []];
    for (const items of lists) {
      const next = recordOf(items, [A]);
      const anew = Uint8Array.from(bytesOf(packRecord(next, undefined)));
      assert.deepEqual(Uint8Array.from(bytesOf(packRecord(next, before))), anew);
      const { record } = again(packRecord(next, before), again(before));
      assert.deepEqual(sortedFields(record), sortedFields(next));
    }
  });

  it('takes what stayed over: neither packed nor read again', () => {
    const before = packRecord(recordOf([A, B, C]), undefined);
    const next = packRecord(recordOf([A, C, { id: 'd' }]), before);
    assert.equal(next.lists[0]?.parts[0], before.lists[0]?.parts[0]);
    assert.equal(next.lists[0]?.parts[1], before.lists[0]?.parts[2]);
    const known = again(before);
    const read = again(next, known);
    assert.equal(read.record.items[0], known.record.items[0]);
    assert.equal(read.record.items[1], known.record.items[2]);
  });

  it('does not take an item of one list for one of another', () => {
    const before = packRecord(recordOf([], [A, B]), undefined);
    const next = recordOf([C], [A]);
    assert.deepEqual(sortedFields(again(packRecord(next, before)).record), sortedFields(next));
  });
});

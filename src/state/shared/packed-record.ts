/**
 * Records as bytes, of which a change packs only what is new: the items of a record's lists (a
 * file's opens, mostly) stand each by itself, and those that were there before are copied.
 *
 *    0   4  size of the head
 *    4   -  head: [the record without its lists, their names, how many items each has]
 *    -   4  size of an item      items follow each other in the order of the lists
 *    -   -  item
 *
 * Head and items are msgpack. Little-endian. Lists are fields that hold objects; a record that is a
 * list itself is all head.
 */
import { Packr } from 'msgpackr';
import { LE, viewOf } from '../../base/bytes.ts';

/** A record, and what its items are packed as. */
export interface PackedRecord<R> {
  readonly record: R;
  readonly head: Uint8Array;
  readonly lists: readonly PackedList[];
}

interface PackedList {
  readonly items: readonly unknown[];
  readonly parts: readonly Uint8Array[];
}

type Head = readonly [rest: unknown, names: readonly string[], counts: readonly number[]];

const SIZE = 4;
/** Items that may have gone before the next one that stayed; what is not found is made anew. */
const AHEAD_MAX = 32;
const NO_LISTS: readonly PackedList[] = [];
const NOTHING: PackedList = { items: [], parts: [] };

const packr = new Packr();

/** `before`: what the record was, of which it has most items. */
export function packRecord<R extends object>(
  record: R,
  before: PackedRecord<R> | undefined,
): PackedRecord<R> {
  const names: string[] = [];
  const counts: number[] = [];
  const lists: PackedList[] = [];
  const rest: Record<string, unknown> = {};
  if (!Array.isArray(record)) {
    const fields = record as Readonly<Record<string, unknown>>;
    for (const name in fields) {
      const value = fields[name];
      if (!isList(value)) {
        rest[name] = value;
        continue;
      }
      const known = before?.lists[lists.length] ?? NOTHING;
      names.push(name);
      counts.push(value.length);
      lists.push({ items: value, parts: partsOf(value, known) });
    }
  }
  const head: Head = [Array.isArray(record) ? record : rest, names, counts];
  return { record, head: packr.pack(head), lists };
}

/** All of it, until the next call. */
export function bytesOf({ head, lists }: PackedRecord<unknown>): Uint8Array {
  let size = SIZE + head.length;
  for (const { parts } of lists) for (const part of parts) size += SIZE + part.length;
  if (scratch.bytes.length < size) scratch = scratchOf(2 * size);
  let at = put(0, head);
  for (const { parts } of lists) for (const part of parts) at = put(at, part);
  return scratch.bytes.subarray(0, size);
}

/** Records are put together here before they are copied to where they stay. */
let scratch = scratchOf(4096);

function scratchOf(size: number): { readonly bytes: Uint8Array; readonly view: DataView } {
  const bytes = new Uint8Array(size);
  return { bytes, view: viewOf(bytes) };
}

function put(at: number, part: Uint8Array): number {
  scratch.view.setUint32(at, part.length, LE);
  scratch.bytes.set(part, at + SIZE);
  return at + SIZE + part.length;
}

/** `bytes` are the caller's no more; `before` is what the record was when it was looked at last. */
export function unpackRecord<R extends object>(
  bytes: Uint8Array,
  before: PackedRecord<R> | undefined,
): PackedRecord<R> {
  const view = viewOf(bytes);
  let at = SIZE + view.getUint32(0, LE);
  const head = bytes.subarray(SIZE, at);
  const [rest, names, counts] = packr.unpack(head) as Head;
  if (names.length === 0) return { record: rest as R, head, lists: NO_LISTS };
  const record: Record<string, unknown> = rest as Record<string, unknown>;
  const lists: PackedList[] = [];
  for (const [index, name] of names.entries()) {
    const parts: Uint8Array[] = [];
    for (let left = counts[index]!; left > 0; left--) {
      const end = at + SIZE + view.getUint32(at, LE);
      parts.push(bytes.subarray(at + SIZE, end));
      at = end;
    }
    const items = itemsOf(parts, before?.lists[index] ?? NOTHING);
    record[name] = items;
    lists.push({ items, parts });
  }
  return { record: record as R, head, lists };
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && typeof value[0] === 'object' && value[0] !== null;
}

/** Items come and go, and keep their order: one walk over both lists finds those that stayed. */
function partsOf(items: readonly unknown[], known: PackedList): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const item of items) {
    const end = Math.min(at + AHEAD_MAX, known.items.length);
    let found = at;
    while (found < end && known.items[found] !== item) found++;
    if (found < end) {
      parts.push(known.parts[found]!);
      at = found + 1;
    } else parts.push(packr.pack(item));
  }
  return parts;
}

function itemsOf(parts: readonly Uint8Array[], known: PackedList): readonly unknown[] {
  const items: unknown[] = [];
  let at = 0;
  for (const part of parts) {
    const end = Math.min(at + AHEAD_MAX, known.parts.length);
    let found = at;
    while (found < end && !isSame(known.parts[found]!, part)) found++;
    if (found < end) {
      items.push(known.items[found]);
      at = found + 1;
    } else items.push(packr.unpack(part));
  }
  return items;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

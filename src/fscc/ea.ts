import { align, LE, pad, put, slice } from '../base/bytes.ts';
import {
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import type { Encoded } from './encoded.ts';

/** [MS-FSCC] 2.4.16 FileFullEaInformation, Flags: the reader must understand this attribute. */
export const FILE_NEED_EA = 0x80;

export interface ExtendedAttribute {
  readonly flags: number;
  /** One byte a character, as on the wire. */
  readonly name: string;
  /** An empty value deletes the attribute when it is set. */
  readonly value: Uint8Array;
}

const FULL_EA_HEADER_SIZE = 8;
const GET_EA_HEADER_SIZE = 5;

/**
 * [MS-FSCC] 2.4.16 FILE_FULL_EA_INFORMATION, entries aligned to 4; undefined when the bytes are no
 * list (STATUS_EA_LIST_INCONSISTENT). Values are copies. An empty buffer is an empty list.
 *
 *    0   4  NextEntryOffset
 *    4   1  Flags
 *    5   1  EaNameLength    without the NUL
 *    6   2  EaValueLength
 *    8      EaName, NUL, EaValue
 */
export function decodeFullEaList(
  view: DataView,
  at: number,
  end: number,
): readonly ExtendedAttribute[] | undefined {
  const list: ExtendedAttribute[] = [];
  if (at === end) return list;
  for (let entryAt = at; ; ) {
    if (end - entryAt < FULL_EA_HEADER_SIZE) return undefined;
    const next = view.getUint32(entryAt, LE);
    const nameAt = entryAt + FULL_EA_HEADER_SIZE;
    const valueAt = nameAt + view.getUint8(entryAt + 5) + 1;
    const valueEnd = valueAt + view.getUint16(entryAt + 6, LE);
    if (valueEnd > end || view.getUint8(valueAt - 1) !== 0) return undefined;
    list.push({
      flags: view.getUint8(entryAt + 4),
      name: latin1(view, nameAt, valueAt - 1),
      value: slice(view, valueAt, valueEnd).slice(),
    });
    if (next === 0) return list;
    if (next % 4 !== 0 || next < valueEnd - entryAt || next > end - entryAt) return undefined;
    entryAt += next;
  }
}

/** Bytes of the list that `encodeFullEaList` writes. */
export function fullEaListSize(list: readonly ExtendedAttribute[]): number {
  let size = 0;
  for (const ea of list) size = align(size, 4) + entrySize(ea);
  return size;
}

/** How many entries, from the first, `encodeFullEaList` has room for in so many bytes. */
export function countThatFit(list: readonly ExtendedAttribute[], room: number): number {
  let size = 0;
  let count = 0;
  for (const ea of list) {
    size = align(size, 4) + entrySize(ea);
    if (size > room) break;
    count++;
  }
  return count;
}

/**
 * Writes whole entries as long as they fit. STATUS_BUFFER_OVERFLOW: some were left out;
 * STATUS_BUFFER_TOO_SMALL: not even the first fits ([MS-FSA] 2.1.5.12.10).
 */
export function encodeFullEaList(
  view: DataView,
  at: number,
  end: number,
  list: readonly ExtendedAttribute[],
): Encoded {
  let previousAt = -1;
  let listEnd = at;
  for (const ea of list) {
    const entryAt = at + align(listEnd - at, 4);
    if (entryAt + entrySize(ea) > end) {
      const status = previousAt < 0 ? STATUS_BUFFER_TOO_SMALL : STATUS_BUFFER_OVERFLOW;
      return { status, end: listEnd };
    }
    pad(view, listEnd, entryAt);
    if (previousAt >= 0) view.setUint32(previousAt, entryAt - previousAt, LE);
    view.setUint32(entryAt, 0, LE);
    view.setUint8(entryAt + 4, ea.flags);
    view.setUint8(entryAt + 5, ea.name.length);
    view.setUint16(entryAt + 6, ea.value.length, LE);
    listEnd = put(view, writeLatin1(view, entryAt + FULL_EA_HEADER_SIZE, ea.name), ea.value);
    previousAt = entryAt;
  }
  return { status: STATUS_SUCCESS, end: listEnd };
}

/**
 * [MS-FSCC] 2.4.13 FileEaInformation, EaSize: Windows counts a list header of 4 bytes and, for each
 * attribute, 5 bytes with its name and value; 0 for none.
 */
export function packedEaSize(list: readonly { name: string; value: { length: number } }[]): number {
  let size = list.length === 0 ? 0 : 4;
  for (const ea of list) size += 5 + ea.name.length + ea.value.length;
  return size;
}

/**
 * [MS-FSCC] 2.4.16.1 FILE_GET_EA_INFORMATION: the names asked for; undefined when the bytes are
 * no list.
 *
 *    0   4  NextEntryOffset
 *    4   1  EaNameLength   without the NUL
 *    5      EaName, NUL
 */
export function decodeGetEaList(
  view: DataView,
  at: number,
  end: number,
): readonly string[] | undefined {
  const names: string[] = [];
  if (at === end) return names;
  for (let entryAt = at; ; ) {
    if (end - entryAt < GET_EA_HEADER_SIZE) return undefined;
    const next = view.getUint32(entryAt, LE);
    const nameAt = entryAt + GET_EA_HEADER_SIZE;
    const nameEnd = nameAt + view.getUint8(entryAt + 4);
    if (nameEnd >= end || view.getUint8(nameEnd) !== 0) return undefined;
    names.push(latin1(view, nameAt, nameEnd));
    if (next === 0) return names;
    if (next % 4 !== 0 || next <= nameEnd - entryAt || next > end - entryAt) return undefined;
    entryAt += next;
  }
}

/** The other direction; the caller made room for `9 + name` bytes an entry. Returns the end. */
export function encodeGetEaList(view: DataView, at: number, names: readonly string[]): number {
  let previousAt = -1;
  let listEnd = at;
  for (const name of names) {
    const entryAt = at + align(listEnd - at, 4);
    pad(view, listEnd, entryAt);
    if (previousAt >= 0) view.setUint32(previousAt, entryAt - previousAt, LE);
    view.setUint32(entryAt, 0, LE);
    view.setUint8(entryAt + 4, name.length);
    listEnd = writeLatin1(view, entryAt + GET_EA_HEADER_SIZE, name);
    previousAt = entryAt;
  }
  return listEnd;
}

/** [MS-FSCC] 2.4.16: 1 to 254 characters, no control characters and none that end a name. */
export function isValidEaName(name: string): boolean {
  if (name.length === 0 || name.length > EA_NAME_LENGTH_MAX) return false;
  for (let i = 0; i < name.length; i++) {
    if (name.charCodeAt(i) < 0x20 || FORBIDDEN_IN_EA_NAMES.includes(name.charAt(i))) return false;
  }
  return true;
}

const EA_NAME_LENGTH_MAX = 254;
const FORBIDDEN_IN_EA_NAMES = '\\/:*?"<>|,+=[];';

function entrySize(ea: ExtendedAttribute): number {
  return FULL_EA_HEADER_SIZE + ea.name.length + 1 + ea.value.length;
}

function latin1(view: DataView, at: number, end: number): string {
  return Buffer.from(view.buffer, view.byteOffset + at, end - at).toString('latin1');
}

/** The name and its NUL. */
function writeLatin1(view: DataView, at: number, name: string): number {
  for (let i = 0; i < name.length; i++) view.setUint8(at + i, name.charCodeAt(i));
  view.setUint8(at + name.length, 0);
  return at + name.length + 1;
}

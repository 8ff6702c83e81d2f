import { LE, viewOf } from '../base/bytes.ts';

/** [MS-DTYP] 2.3.4 GUID in its curly-less string form, lower case. */
export type Guid = string;

export const GUID_SIZE = 16;
export const NULL_GUID: Guid = '00000000-0000-0000-0000-000000000000';

/**
 * [MS-DTYP] 2.3.4.2 GUID--Packet Representation; the caller made sure of 16 bytes at `at`.
 *
 *    0   4  Data1   little endian
 *    4   2  Data2   little endian
 *    6   2  Data3   little endian
 *    8   8  Data4   as written
 */
export function decodeGuid(view: DataView, at: number): Guid {
  return [
    hex(view.getUint32(at, LE), 8),
    hex(view.getUint16(at + 4, LE), 4),
    hex(view.getUint16(at + 6, LE), 4),
    hex(view.getUint16(at + 8), 4),
    hex(view.getUint16(at + 10), 4) + hex(view.getUint32(at + 12), 8),
  ].join('-');
}

/** Writes 16 bytes and returns the end offset. `guid` is a valid GUID of our own. */
export function encodeGuid(view: DataView, at: number, guid: Guid): number {
  const digits = guid.replaceAll('-', '');
  view.setUint32(at, Number.parseInt(digits.slice(0, 8), 16), LE);
  view.setUint16(at + 4, Number.parseInt(digits.slice(8, 12), 16), LE);
  view.setUint16(at + 6, Number.parseInt(digits.slice(12, 16), 16), LE);
  view.setUint32(at + 8, Number.parseInt(digits.slice(16, 24), 16));
  view.setUint32(at + 12, Number.parseInt(digits.slice(24, 32), 16));
  return at + GUID_SIZE;
}

export function guidBytes(guid: Guid): Uint8Array {
  const bytes = new Uint8Array(GUID_SIZE);
  encodeGuid(viewOf(bytes), 0, guid);
  return bytes;
}

/** The GUID that 16 bytes hold. */
export function guidOf(bytes: Uint8Array): Guid {
  return decodeGuid(viewOf(bytes), 0);
}

/** The GUID that a text names, with or without braces; undefined when it names none. */
export function parseGuid(text: string): Guid | undefined {
  const bare = /^\{?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?$/i.exec(text);
  return bare?.[1]?.toLowerCase();
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

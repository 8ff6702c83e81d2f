import { LE } from '../../base/bytes.ts';

/**
 * The body without content that these structures share:
 *
 * [MS-SMB2] 2.2.7 and 2.2.8 LOGOFF, 2.2.11 and 2.2.12 TREE_DISCONNECT, 2.2.28 and 2.2.29 ECHO
 * (Request and Response each), 2.2.18 FLUSH Response, 2.2.27 LOCK Response, 2.2.30 CANCEL Request
 *
 *    0   2  StructureSize  4
 *    2   2  Reserved
 */
export type EmptyBody = Readonly<Record<string, never>>;
const EMPTY_BODY: EmptyBody = Object.freeze({});
const SIZE = 4;

/** Undefined when the bytes are not this body. */
export function decodeEmptyBody(view: DataView, at: number, end: number): EmptyBody | undefined {
  if (end - at < SIZE) return undefined;
  return view.getUint16(at, LE) === SIZE ? EMPTY_BODY : undefined;
}

export function encodeEmptyBody(view: DataView, at: number): number {
  view.setUint32(at, SIZE, LE);
  return at + SIZE;
}

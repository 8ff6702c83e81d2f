import { LE, put, viewOf } from '../../base/bytes.ts';
import { utf16Bytes } from '../../base/utf16le.ts';

/**
 * [MS-NLMP] 2.2.2.1 AV_PAIR, a list of them ended by MsvAvEOL:
 *
 *    0   2  AvId
 *    2   2  AvLen
 *    4   *  Value
 */
export interface AvPair {
  readonly id: number;
  readonly value: Uint8Array;
}

export const MSV_AV_EOL = 0;
export const MSV_AV_NB_COMPUTER_NAME = 1;
export const MSV_AV_NB_DOMAIN_NAME = 2;
export const MSV_AV_DNS_COMPUTER_NAME = 3;
export const MSV_AV_DNS_DOMAIN_NAME = 4;
export const MSV_AV_FLAGS = 6;
export const MSV_AV_TIMESTAMP = 7;
export const MSV_AV_TARGET_NAME = 9;
export const MSV_AV_CHANNEL_BINDINGS = 10;

/** MsvAvFlags: the AUTHENTICATE_MESSAGE carries a MIC. */
export const MSV_AV_FLAG_MIC = 0x0000_0002;

/** Pairs in one list, at most: eleven ids exist. */
const PAIRS_MAX = 32;
const HEADER_SIZE = 4;

/**
 * The pairs before MsvAvEOL, views of `bytes`; undefined when the list does not end within them.
 * What follows MsvAvEOL is not looked at: NTLMv2_CLIENT_CHALLENGE pads there.
 */
export function decodeAvPairs(bytes: Uint8Array): readonly AvPair[] | undefined {
  const view = viewOf(bytes);
  const pairs: AvPair[] = [];
  let at = 0;
  while (bytes.length - at >= HEADER_SIZE && pairs.length < PAIRS_MAX) {
    const id = view.getUint16(at, LE);
    const length = view.getUint16(at + 2, LE);
    if (id === MSV_AV_EOL) return pairs;
    at += HEADER_SIZE;
    if (bytes.length - at < length) return undefined;
    pairs.push({ id, value: bytes.subarray(at, at + length) });
    at += length;
  }
  return undefined;
}

export function encodeAvPairs(pairs: readonly AvPair[]): Uint8Array {
  let size = HEADER_SIZE;
  for (const { value } of pairs) size += HEADER_SIZE + value.length;
  const bytes = new Uint8Array(size);
  const view = viewOf(bytes);
  let at = 0;
  for (const { id, value } of pairs) {
    view.setUint16(at, id, LE);
    view.setUint16(at + 2, value.length, LE);
    at = put(view, at + HEADER_SIZE, value);
  }
  return bytes;
}

export function findAvPair(pairs: readonly AvPair[], id: number): Uint8Array | undefined {
  return pairs.find((pair) => pair.id === id)?.value;
}

/** MsvAvFlags' value; 0 when the pair is absent or not 4 bytes long. */
export function avFlags(pairs: readonly AvPair[]): number {
  const value = findAvPair(pairs, MSV_AV_FLAGS);
  return value?.length === 4 ? viewOf(value).getUint32(0, LE) : 0;
}

export function avText(id: number, text: string): AvPair {
  return { id, value: utf16Bytes(text) };
}

export function avU32(id: number, number: number): AvPair {
  const value = new Uint8Array(4);
  viewOf(value).setUint32(0, number, LE);
  return { id, value };
}

export function avFileTime(id: number, fileTime: bigint): AvPair {
  const value = new Uint8Array(8);
  viewOf(value).setBigUint64(0, fileTime, LE);
  return { id, value };
}

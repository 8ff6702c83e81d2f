import { LE } from '../base/bytes.ts';

/** NumberOfSnapShots, NumberOfSnapShotsReturned and SnapShotArraySize. */
const HEAD_SIZE = 12;
/** '@GMT-YYYY.MM.DD-HH.MM.SS' in UTF-16 with its NUL. */
const TOKEN_SIZE = 50;
/** Bytes of an answer that holds no snapshot; no client may ask for less. */
export const SNAPSHOT_ARRAY_SIZE_MIN = 16;

/** Bytes of the whole array of so many snapshots. */
export function snapshotArraySize(count: number): number {
  return HEAD_SIZE + count * TOKEN_SIZE + 2;
}

/**
 * [MS-SMB2] 2.2.32.2 SRV_SNAPSHOT_ARRAY
 *
 *    0   4  NumberOfSnapShots
 *    4   4  NumberOfSnapShotsReturned   0 when they have no room
 *    8   4  SnapShotArraySize           bytes of SnapShots, also of those that have no room
 *   12   n  SnapShots                   NUL-terminated UTF-16 each, and a NUL after the last
 *
 * Returns the end: `snapshotArraySize` of all tokens, or SNAPSHOT_ARRAY_SIZE_MIN for the counts.
 */
export function encodeSnapshotArray(
  view: DataView,
  at: number,
  tokens: readonly string[],
  isWhole: boolean,
): number {
  view.setUint32(at, tokens.length, LE);
  view.setUint32(at + 4, isWhole ? tokens.length : 0, LE);
  view.setUint32(at + 8, snapshotArraySize(tokens.length) - HEAD_SIZE, LE);
  if (!isWhole) {
    view.setUint32(at + HEAD_SIZE, 0, LE);
    return at + SNAPSHOT_ARRAY_SIZE_MIN;
  }
  let next = at + HEAD_SIZE;
  for (const token of tokens) {
    for (let i = 0; i < TOKEN_SIZE / 2; i++, next += 2) {
      view.setUint16(next, i < token.length ? token.charCodeAt(i) : 0, LE);
    }
  }
  view.setUint16(next, 0, LE);
  return next + 2;
}

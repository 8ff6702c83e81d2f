/**
 * The files of a journal: segments, by number. A segment is a header and frames, and zeros behind
 * them.
 *
 * Header                                    Frame, from a multiple of 8 on
 *    0  16  'semba journal', zeros             0  4  'SJNL'
 *   16   4  version of all this                4  4  check sum of the rest, padding included
 *   20   4  number of the segment              8  4  bytes of entries
 *   24   4  salt                              12  4  0
 *   28   4  check sum of what is before       16  8  sequence number, one more each time
 *                                             24  8  of the last frame that the disk had then
 *                                             32     entries, zeros up to a multiple of 8
 *
 * An entry is a byte that says what it is, and then as `RecordEncoder` writes counts and values:
 *   1 a record:       table (count), key (string), the record
 *   2 none any more:  table (count), key (string)
 *   3 a table:        table (count), name (string), version of its records (count)
 *   4 whole:          all that stands is in this segment; those before it are spent
 *
 * All is little-endian. The check sum is CRC-32; a frame's begins with the salt, which nobody can
 * guess: a client chooses names, and they must not look like frames. Numbers of tables and shapes
 * count in one segment.
 */
import { crc32 } from 'node:zlib';
import { assert } from '../../base/assert.ts';
import { equalBytes, getOffset, LE, setOffset, viewOf } from '../../base/bytes.ts';

/** Of frames, entries and values; records have versions of their own. */
const FORMAT_VERSION = 1;
export const HEADER_SIZE = 32;
export const FRAME_HEADER_SIZE = 32;
const FRAME_MAGIC = 0x4c4e_4a53;
const TITLE = new Uint8Array(16);
TITLE.set(Buffer.from('semba journal', 'latin1'));

export const ENTRY_RECORD = 1;
export const ENTRY_NONE = 2;
export const ENTRY_TABLE = 3;
export const ENTRY_WHOLE = 4;

export function segmentName(number: number): string {
  return `journal-${String(number).padStart(8, '0')}`;
}

/** Undefined: the file is no segment. */
export function segmentNumber(name: string): number | undefined {
  return /^journal-\d{8}$/.test(name) ? Number(name.slice(-8)) : undefined;
}

export interface SegmentHeader {
  readonly number: number;
  /** u32. */
  readonly salt: number;
}

export function encodeHeader({ number, salt }: SegmentHeader): Uint8Array {
  const header = new Uint8Array(HEADER_SIZE);
  const view = viewOf(header);
  header.set(TITLE);
  view.setUint32(16, FORMAT_VERSION, LE);
  view.setUint32(20, number, LE);
  view.setUint32(24, salt, LE);
  view.setUint32(28, crc32(header.subarray(0, 28)), LE);
  return header;
}

/** 'other': another version wrote it. */
export function decodeHeader(header: Uint8Array): SegmentHeader | 'other' | undefined {
  if (header.length < HEADER_SIZE || !equalBytes(header.subarray(0, 16), TITLE)) return undefined;
  const view = viewOf(header);
  if (view.getUint32(28, LE) !== crc32(header.subarray(0, 28))) return undefined;
  if (view.getUint32(16, LE) !== FORMAT_VERSION) return 'other';
  return { number: view.getUint32(20, LE), salt: view.getUint32(24, LE) };
}

export interface FrameHeader {
  /** Bytes of entries. */
  readonly length: number;
  readonly sequence: number;
  readonly synced: number;
}

/** Bytes of the whole frame. */
export function frameSize(length: number): number {
  return (FRAME_HEADER_SIZE + length + 7) & ~7;
}

/** Writes the header in front of entries that are there, with zeros behind them. */
export function finishFrame(frame: Uint8Array, salt: number, header: FrameHeader): void {
  const { length, sequence, synced } = header;
  assert(frame.length === frameSize(length), `a frame of ${length} has ${frame.length} bytes`);
  const view = viewOf(frame);
  view.setUint32(0, FRAME_MAGIC, LE);
  view.setUint32(8, length, LE);
  view.setUint32(12, 0, LE);
  setOffset(view, 16, sequence);
  setOffset(view, 24, synced);
  view.setUint32(4, crc32(frame.subarray(8), salt), LE);
}

/** Bytes of entries that a frame is said to have; undefined: here is none. */
export function frameLength(header: Uint8Array): number | undefined {
  const view = viewOf(header);
  if (header.length < FRAME_HEADER_SIZE || view.getUint32(0, LE) !== FRAME_MAGIC) return undefined;
  return view.getUint32(8, LE);
}

/** Of the bytes of a whole frame; undefined: they are not as they were written. */
export function decodeFrame(frame: Uint8Array, salt: number): FrameHeader | undefined {
  const length = frameLength(frame);
  if (length === undefined || frame.length !== frameSize(length)) return undefined;
  const view = viewOf(frame);
  if (view.getUint32(4, LE) !== crc32(frame.subarray(8), salt)) return undefined;
  const sequence = getOffset(view, 16);
  const synced = getOffset(view, 24);
  if (sequence === undefined || synced === undefined) return undefined;
  return { length, sequence, synced };
}

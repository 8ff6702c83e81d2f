import { align, getOffset, LE, pad, setOffset } from '../base/bytes.ts';
import { decodeUtf16, encodeUtf16 } from '../base/utf16le.ts';
import {
  STATUS_BUFFER_OVERFLOW,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import type { Encoded } from './encoded.ts';

export interface StreamData {
  /** ':name:$DATA'; '::$DATA' is the unnamed one. */
  readonly name: string;
  readonly size: number;
  readonly allocationSize: number;
}

/** `sizeof(FILE_STREAM_INFORMATION)` with its padding: less room is refused. */
export const STREAM_INFORMATION_SIZE_MIN = 32;
const ENTRY_HEADER_SIZE = 24;

/**
 * Answers FileStreamInformation: as many whole entries as fit, then STATUS_BUFFER_OVERFLOW.
 *
 * [MS-FSCC] 2.4.49 FileStreamInformation, entries aligned to 8
 *
 *    0   4  NextEntryOffset
 *    4   4  StreamNameLength
 *    8   8  StreamSize
 *   16   8  StreamAllocationSize
 *   24      StreamName
 */
export function encodeStreamInformation(
  view: DataView,
  at: number,
  end: number,
  streams: readonly StreamData[],
): Encoded {
  if (end - at < STREAM_INFORMATION_SIZE_MIN) {
    return { status: STATUS_INFO_LENGTH_MISMATCH, end: at };
  }
  let previousAt = -1;
  let listEnd = at;
  for (const stream of streams) {
    const entryAt = at + align(listEnd - at, 8);
    if (entryAt + ENTRY_HEADER_SIZE + 2 * stream.name.length > end) {
      return { status: STATUS_BUFFER_OVERFLOW, end: listEnd };
    }
    pad(view, listEnd, entryAt);
    if (previousAt >= 0) view.setUint32(previousAt, entryAt - previousAt, LE);
    view.setUint32(entryAt, 0, LE);
    view.setUint32(entryAt + 4, 2 * stream.name.length, LE);
    setOffset(view, entryAt + 8, stream.size);
    setOffset(view, entryAt + 16, stream.allocationSize);
    listEnd = encodeUtf16(view, entryAt + ENTRY_HEADER_SIZE, stream.name);
    previousAt = entryAt;
  }
  return { status: STATUS_SUCCESS, end: listEnd };
}

/** The streams of a FileStreamInformation answer; undefined when the bytes are none. */
export function decodeStreamInformation(
  view: DataView,
  at: number,
  end: number,
): readonly StreamData[] | undefined {
  const streams: StreamData[] = [];
  if (at === end) return streams;
  for (let entryAt = at; ; ) {
    if (end - entryAt < ENTRY_HEADER_SIZE) return undefined;
    const next = view.getUint32(entryAt, LE);
    const nameLength = view.getUint32(entryAt + 4, LE);
    const nameAt = entryAt + ENTRY_HEADER_SIZE;
    const size = getOffset(view, entryAt + 8);
    const allocationSize = getOffset(view, entryAt + 16);
    if (size === undefined || allocationSize === undefined) return undefined;
    if (nameLength % 2 !== 0 || nameLength > end - nameAt) return undefined;
    streams.push({ name: decodeUtf16(view, nameAt, nameAt + nameLength), size, allocationSize });
    if (next === 0) return streams;
    if (next < ENTRY_HEADER_SIZE || next > end - entryAt) return undefined;
    entryAt += next;
  }
}

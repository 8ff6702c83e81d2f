import { getOffset, LE, setOffset, slice } from '../base/bytes.ts';

export interface FileRange {
  readonly offset: number;
  readonly length: number;
}

export const ALLOCATED_RANGE_SIZE = 16;

/**
 * [MS-FSCC] 2.3.52 FSCTL_QUERY_ALLOCATED_RANGES Request: FILE_ALLOCATED_RANGE_BUFFER; undefined
 * when the bytes are none, negative numbers and sums above 2^63 - 1 included ([MS-FSA] 2.1.5.10.22
 * answers STATUS_INVALID_PARAMETER). A length that reaches beyond 2^53 - 1 is cut there.
 *
 *    0   8  FileOffset
 *    8   8  Length
 */
export function decodeAllocatedRange(
  view: DataView,
  at: number,
  end: number,
): FileRange | undefined {
  if (end - at < ALLOCATED_RANGE_SIZE) return undefined;
  const offset = getOffset(view, at);
  const length = view.getBigInt64(at + 8, LE);
  if (offset === undefined || length < 0n) return undefined;
  if (BigInt(offset) + length > INT64_MAX) return undefined;
  return { offset, length: Math.min(Number(length), Number.MAX_SAFE_INTEGER - offset) };
}

const INT64_MAX = 0x7fff_ffff_ffff_ffffn;

export function encodeAllocatedRange(view: DataView, at: number, range: FileRange): number {
  setOffset(view, at, range.offset);
  setOffset(view, at + 8, range.length);
  return at + ALLOCATED_RANGE_SIZE;
}

/** [MS-FSCC] 2.3.53 Reply: a list of ranges; undefined when the bytes are none. */
export function decodeAllocatedRanges(
  view: DataView,
  at: number,
  end: number,
): readonly FileRange[] | undefined {
  if ((end - at) % ALLOCATED_RANGE_SIZE !== 0) return undefined;
  const ranges: FileRange[] = [];
  for (let next = at; next < end; next += ALLOCATED_RANGE_SIZE) {
    const range = decodeAllocatedRange(view, next, end);
    if (range === undefined) return undefined;
    ranges.push(range);
  }
  return ranges;
}

/** The zeroed bytes are `[fileOffset, beyondFinalZero)`. */
export interface ZeroData {
  readonly fileOffset: bigint;
  readonly beyondFinalZero: bigint;
}

/**
 * [MS-FSCC] 2.3.85 FSCTL_SET_ZERO_DATA Request: FILE_ZERO_DATA_INFORMATION; undefined when too
 * short. Signed: the caller refuses negative and reversed ranges ([MS-FSA] 2.1.5.10.38).
 *
 *    0   8  FileOffset
 *    8   8  BeyondFinalZero
 */
export function decodeZeroData(view: DataView, at: number, end: number): ZeroData | undefined {
  if (end - at < 16) return undefined;
  return { fileOffset: view.getBigInt64(at, LE), beyondFinalZero: view.getBigInt64(at + 8, LE) };
}

export function encodeZeroData(view: DataView, at: number, zero: ZeroData): number {
  view.setBigInt64(at, zero.fileOffset, LE);
  view.setBigInt64(at + 8, zero.beyondFinalZero, LE);
  return at + 16;
}

/**
 * [MS-FSCC] 2.3.83 FSCTL_SET_SPARSE Request: SetSparse. An empty buffer means TRUE, so this
 * decodes everything.
 */
export function decodeSetSparse(view: DataView, at: number, end: number): boolean {
  return end <= at || view.getUint8(at) !== 0;
}

export function encodeSetSparse(view: DataView, at: number, setSparse: boolean): number {
  view.setUint8(at, setSparse ? 1 : 0);
  return at + 1;
}

export const DUPLICATE_EXTENTS_SIZE = 40;

export interface DuplicateExtents {
  /** SMB2 file id of the source: 16 bytes, a view of the input. */
  readonly sourceFileId: Uint8Array;
  readonly sourceOffset: number;
  readonly targetOffset: number;
  readonly length: number;
}

/**
 * [MS-FSCC] 2.3.9 FSCTL_DUPLICATE_EXTENTS_TO_FILE Request: SMB2_DUPLICATE_EXTENTS_DATA; undefined
 * when the bytes are none.
 *
 *    0  16  SourceFileID
 *   16   8  SourceFileOffset
 *   24   8  TargetFileOffset
 *   32   8  ByteCount
 */
export function decodeDuplicateExtents(
  view: DataView,
  at: number,
  end: number,
): DuplicateExtents | undefined {
  if (end - at < DUPLICATE_EXTENTS_SIZE) return undefined;
  const sourceOffset = getOffset(view, at + 16);
  const targetOffset = getOffset(view, at + 24);
  const length = getOffset(view, at + 32);
  if (sourceOffset === undefined || targetOffset === undefined) return undefined;
  if (length === undefined) return undefined;
  return { sourceFileId: slice(view, at, at + 16), sourceOffset, targetOffset, length };
}

import { getOffset, LE, setOffset } from '../base/bytes.ts';
import type { FileRange } from './fsctl-ranges.ts';

const HEADER_SIZE = 8;
const RANGE_SIZE = 16;
export const TRIM_OUTPUT_SIZE = 4;

/**
 * [MS-FSCC] 2.3.13 FSCTL_FILE_LEVEL_TRIM Request: FILE_LEVEL_TRIM; undefined when the bytes are
 * none, offsets and lengths above 2^53 - 1 included.
 *
 *    0   4  Key        ignored
 *    4   4  NumRanges
 *    8      Ranges     8 Offset, 8 Length, each
 */
export function decodeTrim(
  view: DataView,
  at: number,
  end: number,
): readonly FileRange[] | undefined {
  if (end - at < HEADER_SIZE) return undefined;
  const count = view.getUint32(at + 4, LE);
  if (count > (end - at - HEADER_SIZE) / RANGE_SIZE) return undefined;
  const ranges: FileRange[] = [];
  for (let i = 0; i < count; i++) {
    const rangeAt = at + HEADER_SIZE + RANGE_SIZE * i;
    const offset = getOffset(view, rangeAt);
    const length = getOffset(view, rangeAt + 8);
    if (offset === undefined || length === undefined) return undefined;
    ranges.push({ offset, length });
  }
  return ranges;
}

export function encodeTrim(view: DataView, at: number, ranges: readonly FileRange[]): number {
  view.setUint32(at, 0, LE);
  view.setUint32(at + 4, ranges.length, LE);
  let next = at + HEADER_SIZE;
  for (const { offset, length } of ranges) {
    setOffset(view, next, offset);
    setOffset(view, next + 8, length);
    next += RANGE_SIZE;
  }
  return next;
}

/** [MS-FSCC] 2.3.14 FSCTL_FILE_LEVEL_TRIM Reply: NumRangesProcessed. */
export function encodeTrimOutput(view: DataView, at: number, rangesProcessed: number): number {
  view.setUint32(at, rangesProcessed, LE);
  return at + TRIM_OUTPUT_SIZE;
}

import { getOffset, LE, setOffset } from '../base/bytes.ts';
import type { FileRange } from './fsctl-ranges.ts';

/** [MS-FSCC] 2.3.55.1 FILE_REGION_INPUT, DesiredUsage: what was ever written, or zeroed. */
export const FILE_REGION_USAGE_VALID_CACHED_DATA = 0x0000_0001;
export const FILE_REGION_OUTPUT_SIZE = 16;
export const FILE_REGION_INFO_SIZE = 24;
const INPUT_SIZE = 20;

export interface RegionsQuery extends FileRange {
  readonly desiredUsage: number;
}

/**
 * [MS-FSCC] 2.3.55 FSCTL_QUERY_FILE_REGIONS Request: FILE_REGION_INPUT; undefined when the bytes
 * are none. A length that reaches beyond 2^53 - 1 is cut there.
 *
 *    0   8  FileOffset
 *    8   8  Length
 *   16   4  DesiredUsage
 */
export function decodeRegionsQuery(
  view: DataView,
  at: number,
  end: number,
): RegionsQuery | undefined {
  if (end - at < INPUT_SIZE) return undefined;
  const offset = getOffset(view, at);
  const length = view.getBigInt64(at + 8, LE);
  if (offset === undefined || length < 0n) return undefined;
  return {
    offset,
    length: Math.min(Number(length), Number.MAX_SAFE_INTEGER - offset),
    desiredUsage: view.getUint32(at + 16, LE),
  };
}

/**
 * [MS-FSCC] 2.3.56 FSCTL_QUERY_FILE_REGIONS Reply: FILE_REGION_OUTPUT, with the regions that fit.
 *
 *    0   4  Flags
 *    4   4  TotalRegionEntryCount
 *    8   4  RegionEntryCount
 *   12   4  Reserved
 *   16      Region  8 FileOffset, 8 Length, 4 Usage, 4 Reserved, each
 */
export function encodeRegions(
  view: DataView,
  at: number,
  regions: readonly FileRange[],
  fitting: number,
): number {
  view.setUint32(at, 0, LE);
  view.setUint32(at + 4, regions.length, LE);
  view.setUint32(at + 8, fitting, LE);
  view.setUint32(at + 12, 0, LE);
  let next = at + FILE_REGION_OUTPUT_SIZE;
  for (const { offset, length } of regions.slice(0, fitting)) {
    setOffset(view, next, offset);
    setOffset(view, next + 8, length);
    view.setUint32(next + 16, FILE_REGION_USAGE_VALID_CACHED_DATA, LE);
    view.setUint32(next + 20, 0, LE);
    next += FILE_REGION_INFO_SIZE;
  }
  return next;
}

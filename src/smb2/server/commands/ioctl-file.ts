import { toOffset } from '../../../base/bytes.ts';
import type { Task } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INVALID_PARAMETER,
} from '../../../erref/ntstatus.ts';
import {
  getCompression,
  queryAllocatedRanges,
  queryFileRegions,
  setCompression,
  setSparse,
  setZeroData,
  trim,
} from '../../../fsa/fs-control.ts';
import type { LocalOpen } from '../../../fsa/local-open.ts';
import {
  COMPRESSION_STATE_SIZE,
  decodeCompressionState,
  encodeCompressionState,
} from '../../../fscc/fsctl-compression.ts';
import {
  decodeRegionsQuery,
  encodeRegions,
  FILE_REGION_INFO_SIZE,
  FILE_REGION_OUTPUT_SIZE,
  FILE_REGION_USAGE_VALID_CACHED_DATA,
} from '../../../fscc/fsctl-file-regions.ts';
import {
  ALLOCATED_RANGE_SIZE,
  decodeAllocatedRange,
  decodeSetSparse,
  decodeZeroData,
  encodeAllocatedRange,
} from '../../../fscc/fsctl-ranges.ts';
import { decodeTrim, encodeTrimOutput, TRIM_OUTPUT_SIZE } from '../../../fscc/fsctl-trim.ts';
import { type Ioctl, outputWhole } from './ioctl-call.ts';

/** [MS-FSA] 2.1.5.10.36 FSCTL_SET_SPARSE. */
export function* setSparseFlag({ input }: Ioctl, open: LocalOpen): Task<NtStatus> {
  return yield* setSparse(open, decodeSetSparse(input, 0, input.byteLength));
}

/** [MS-FSA] 2.1.5.10.37 FSCTL_SET_ZERO_DATA. */
export function* zeroData({ input }: Ioctl, open: LocalOpen): Task<NtStatus> {
  const zero = decodeZeroData(input, 0, input.byteLength);
  if (zero === undefined) return STATUS_INVALID_PARAMETER;
  const from = toOffset(zero.fileOffset);
  const beyond = toOffset(zero.beyondFinalZero);
  if (from === undefined || beyond === undefined || from > beyond) return STATUS_INVALID_PARAMETER;
  return yield* setZeroData(open, from, beyond);
}

/** [MS-FSA] 2.1.5.10.22 FSCTL_QUERY_ALLOCATED_RANGES. */
export function* queryRanges(call: Ioctl, open: LocalOpen): Task<NtStatus> {
  const { input, ioctl } = call;
  const range = decodeAllocatedRange(input, 0, input.byteLength);
  if (range === undefined) return STATUS_INVALID_PARAMETER;
  const rangesMax = Math.floor(ioctl.maxOutputResponse / ALLOCATED_RANGE_SIZE);
  const found = yield* queryAllocatedRanges(open, range.offset, range.length, rangesMax);
  if (found.status !== 0) return found.status;
  if (found.ranges.length === 0 && found.more) return STATUS_BUFFER_TOO_SMALL;
  call.output(found.ranges.length * ALLOCATED_RANGE_SIZE, (view, at) => {
    let next = at;
    for (const one of found.ranges) next = encodeAllocatedRange(view, next, one);
  });
  return found.more ? STATUS_BUFFER_OVERFLOW : 0;
}

/** [MS-FSA] 2.1.5.10.9 FSCTL_GET_COMPRESSION. */
export function* getCompressionState(call: Ioctl, open: LocalOpen): Task<NtStatus> {
  const { status, format } = yield* getCompression(open);
  if (status !== 0) return status;
  return outputWhole(call, COMPRESSION_STATE_SIZE, (view, at) => {
    encodeCompressionState(view, at, format);
  });
}

/** [MS-FSA] 2.1.5.10.30 FSCTL_SET_COMPRESSION. */
export function* setCompressionState({ input }: Ioctl, open: LocalOpen): Task<NtStatus> {
  const format = decodeCompressionState(input, 0, input.byteLength);
  return format === undefined ? STATUS_INVALID_PARAMETER : yield* setCompression(open, format);
}

/** [MS-FSA] 2.1.5.10.7 FSCTL_FILE_LEVEL_TRIM; a client may leave the output buffer away. */
export function* trimRanges(call: Ioctl, open: LocalOpen): Task<NtStatus> {
  const { input, ioctl } = call;
  const ranges = decodeTrim(input, 0, input.byteLength);
  if (ranges === undefined) return STATUS_INVALID_PARAMETER;
  if (ioctl.maxOutputResponse !== 0 && ioctl.maxOutputResponse < TRIM_OUTPUT_SIZE) {
    return STATUS_INVALID_PARAMETER;
  }
  const { status, count } = yield* trim(open, ranges);
  if (status !== 0) return status;
  if (ioctl.maxOutputResponse > 0) {
    call.output(TRIM_OUTPUT_SIZE, (view, at) => {
      encodeTrimOutput(view, at, count);
    });
  }
  return 0;
}

/** [MS-FSA] 2.1.5.10.25 FSCTL_QUERY_FILE_REGIONS; without input the whole file is meant. */
export function* queryRegions(call: Ioctl, open: LocalOpen): Task<NtStatus> {
  const { input, ioctl } = call;
  const query =
    input.byteLength === 0 ? WHOLE_FILE : decodeRegionsQuery(input, 0, input.byteLength);
  if (query === undefined) return STATUS_INVALID_PARAMETER;
  // NTFS keeps account of this one use alone.
  if (query.desiredUsage !== FILE_REGION_USAGE_VALID_CACHED_DATA) return STATUS_INVALID_PARAMETER;
  if (ioctl.maxOutputResponse < FILE_REGION_OUTPUT_SIZE) return STATUS_BUFFER_TOO_SMALL;
  const { status, ranges } = yield* queryFileRegions(open, query.offset, query.length);
  if (status !== 0) return status;
  const room = ioctl.maxOutputResponse - FILE_REGION_OUTPUT_SIZE;
  const fitting = Math.min(ranges.length, Math.floor(room / FILE_REGION_INFO_SIZE));
  call.output(FILE_REGION_OUTPUT_SIZE + fitting * FILE_REGION_INFO_SIZE, (view, at) => {
    encodeRegions(view, at, ranges, fitting);
  });
  return fitting < ranges.length ? STATUS_BUFFER_OVERFLOW : 0;
}

const WHOLE_FILE = {
  offset: 0,
  length: Number.MAX_SAFE_INTEGER,
  desiredUsage: FILE_REGION_USAGE_VALID_CACHED_DATA,
};

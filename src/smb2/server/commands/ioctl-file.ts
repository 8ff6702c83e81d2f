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
  objectId,
  queryAllocatedRanges,
  setCompression,
  setSparse,
  setZeroData,
} from '../../../fsa/fs-control.ts';
import type { LocalOpen } from '../../../fsa/local-open.ts';
import {
  COMPRESSION_STATE_SIZE,
  decodeCompressionState,
  encodeCompressionState,
} from '../../../fscc/fsctl-compression.ts';
import { encodeObjectId, OBJECT_ID_BUFFER_SIZE } from '../../../fscc/fsctl-object-id.ts';
import {
  ALLOCATED_RANGE_SIZE,
  decodeAllocatedRange,
  decodeSetSparse,
  decodeZeroData,
  encodeAllocatedRange,
} from '../../../fscc/fsctl-ranges.ts';
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

/** [MS-FSA] 2.1.5.10.1 FSCTL_CREATE_OR_GET_OBJECT_ID. */
export function* createOrGetObjectId(call: Ioctl, open: LocalOpen): Task<NtStatus> {
  const id = yield* objectId(open);
  if (id.status !== 0) return id.status;
  return outputWhole(call, OBJECT_ID_BUFFER_SIZE, (view, at) => {
    encodeObjectId(view, at, {
      objectId: id.id,
      birthVolumeId: id.birthVolumeId,
      birthObjectId: id.birthObjectId,
      domainId: new Uint8Array(16),
    });
  });
}

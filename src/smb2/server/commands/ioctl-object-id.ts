import type { Task } from '../../../base/task.ts';
import { type NtStatus, STATUS_INVALID_PARAMETER } from '../../../erref/ntstatus.ts';
import type { LocalOpen } from '../../../fsa/local-open.ts';
import * as fsa from '../../../fsa/object-id.ts';
import {
  decodeObjectId,
  encodeObjectId,
  OBJECT_ID_BUFFER_SIZE,
} from '../../../fscc/fsctl-object-id.ts';
import { type Ioctl, outputWhole } from './ioctl-call.ts';

/** Bytes of FILE_OBJECTID_BUFFER behind the id itself. */
const EXTENDED_SIZE = 48;

/** [MS-FSA] 2.1.5.10.1 FSCTL_CREATE_OR_GET_OBJECT_ID and .14 FSCTL_GET_OBJECT_ID. */
export const createOrGetObjectId = (call: Ioctl, open: LocalOpen): Task<NtStatus> =>
  answer(call, fsa.createOrGetObjectId(open));
export const getObjectId = (call: Ioctl, open: LocalOpen): Task<NtStatus> =>
  answer(call, fsa.getObjectId(open));

function* answer(call: Ioctl, getting: ReturnType<typeof fsa.getObjectId>): Task<NtStatus> {
  if (call.ioctl.maxOutputResponse < OBJECT_ID_BUFFER_SIZE) return STATUS_INVALID_PARAMETER;
  const { status, id } = yield* getting;
  if (id === undefined) return status;
  return outputWhole(call, OBJECT_ID_BUFFER_SIZE, (view, at) => {
    encodeObjectId(view, at, id);
  });
}

/** [MS-FSA] 2.1.5.10.35 FSCTL_SET_OBJECT_ID. */
export function* setObjectId({ input }: Ioctl, open: LocalOpen): Task<NtStatus> {
  if (input.byteLength !== OBJECT_ID_BUFFER_SIZE) return STATUS_INVALID_PARAMETER;
  const id = decodeObjectId(input, 0, input.byteLength);
  return id === undefined ? STATUS_INVALID_PARAMETER : yield* fsa.setObjectId(open, id);
}

/** [MS-FSA] 2.1.5.10.36 FSCTL_SET_OBJECT_ID_EXTENDED: what stands behind the id. */
export function* setObjectIdExtended({ ioctl }: Ioctl, open: LocalOpen): Task<NtStatus> {
  if (ioctl.input.length !== EXTENDED_SIZE) return STATUS_INVALID_PARAMETER;
  const extended = ioctl.input.slice();
  return yield* fsa.setObjectIdExtended(open, {
    objectId: new Uint8Array(16),
    birthVolumeId: extended.subarray(0, 16),
    birthObjectId: extended.subarray(16, 32),
    domainId: extended.subarray(32, 48),
  });
}

/** [MS-FSA] 2.1.5.10.3 FSCTL_DELETE_OBJECT_ID. */
export const deleteObjectId = (_call: Ioctl, open: LocalOpen): Task<NtStatus> =>
  fsa.deleteObjectId(open);

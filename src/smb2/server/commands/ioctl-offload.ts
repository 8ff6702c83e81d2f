import type { Task } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INVALID_PARAMETER,
} from '../../../erref/ntstatus.ts';
import type { LocalOpen } from '../../../fsa/local-open.ts';
import { offloadRead, offloadWrite } from '../../../fsa/offload.ts';
import {
  decodeOffloadRead,
  decodeOffloadWrite,
  encodeOffloadReadOutput,
  encodeOffloadWriteOutput,
  OFFLOAD_READ_OUTPUT_SIZE,
  OFFLOAD_WRITE_OUTPUT_SIZE,
} from '../../../fscc/fsctl-offload.ts';
import type { Ioctl } from './ioctl-call.ts';

/** [MS-FSA] 2.1.5.10.20 FSCTL_OFFLOAD_READ. */
export function* readToToken(call: Ioctl, open: LocalOpen): Task<NtStatus> {
  const { request, ioctl, input } = call;
  if (ioctl.maxOutputResponse < OFFLOAD_READ_OUTPUT_SIZE) return STATUS_BUFFER_TOO_SMALL;
  const read = decodeOffloadRead(input, 0, input.byteLength);
  if (read === undefined) return STATUS_INVALID_PARAMETER;
  const { status, output } = yield* offloadRead(request.server.offloadTokens, open, read);
  if (output === undefined) return status;
  call.output(OFFLOAD_READ_OUTPUT_SIZE, (view, at) => {
    encodeOffloadReadOutput(view, at, output);
  });
  return status;
}

/** [MS-FSA] 2.1.5.10.21 FSCTL_OFFLOAD_WRITE. */
export function* writeFromToken(call: Ioctl, open: LocalOpen): Task<NtStatus> {
  const { request, ioctl, input } = call;
  if (ioctl.maxOutputResponse < OFFLOAD_WRITE_OUTPUT_SIZE) return STATUS_BUFFER_TOO_SMALL;
  const write = decodeOffloadWrite(input, 0, input.byteLength);
  if (write === undefined) return STATUS_INVALID_PARAMETER;
  const { status, count } = yield* offloadWrite(request.server.offloadTokens, open, write);
  if (status !== 0) return status;
  call.output(OFFLOAD_WRITE_OUTPUT_SIZE, (view, at) => {
    encodeOffloadWriteOutput(view, at, count);
  });
  return 0;
}

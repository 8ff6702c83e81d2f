import { put } from '../../../base/bytes.ts';
import type { Task } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
} from '../../../erref/ntstatus.ts';
import type { LocalOpen } from '../../../fsa/local-open.ts';
import { deleteReparsePoint, getReparsePoint, setReparsePoint } from '../../../fsa/reparse.ts';
import type { Ioctl } from './ioctl-call.ts';

/** [MS-FSCC] 2.1.2.2 REPARSE_DATA_BUFFER, up to its data. */
const REPARSE_HEADER_SIZE = 8;

/** [MS-FSA] 2.1.5.10.15 FSCTL_GET_REPARSE_POINT: what does not fit is cut off, with a warning. */
export function* getReparseData(call: Ioctl, open: LocalOpen): Task<NtStatus> {
  const { status, data } = yield* getReparsePoint(open);
  if (status !== 0) return status;
  const { maxOutputResponse } = call.ioctl;
  if (maxOutputResponse < REPARSE_HEADER_SIZE) return STATUS_BUFFER_TOO_SMALL;
  const size = Math.min(data.length, maxOutputResponse);
  call.output(size, (view, at) => {
    put(view, at, data.subarray(0, size));
  });
  return size < data.length ? STATUS_BUFFER_OVERFLOW : 0;
}

/** [MS-FSA] 2.1.5.10.38 FSCTL_SET_REPARSE_POINT. */
export function setReparseData({ ioctl }: Ioctl, open: LocalOpen): Task<NtStatus> {
  // The file keeps it longer than the message lives.
  return setReparsePoint(open, ioctl.input.slice());
}

/** [MS-FSA] 2.1.5.10.5 FSCTL_DELETE_REPARSE_POINT. */
export function deleteReparseData({ ioctl }: Ioctl, open: LocalOpen): Task<NtStatus> {
  return deleteReparsePoint(open, ioctl.input);
}

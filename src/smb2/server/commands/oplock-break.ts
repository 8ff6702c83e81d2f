import type { Task } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_INVALID_OPLOCK_PROTOCOL,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../../../erref/ntstatus.ts';
import { decodeLeaseBreak } from '../../wire/lease-break.ts';
import { decodeOplockBreak } from '../../wire/oplock-break.ts';
import type { Request } from '../request.ts';

/**
 * [MS-SMB2] 3.3.5.22 Receiving an SMB2 OPLOCK_BREAK Acknowledgment. No oplock and no lease is
 * granted yet, so an acknowledgement answers nothing: the statuses of 3.3.5.22.1 and 3.3.5.22.2.
 */
export function* handleOplockBreak(request: Request): Task<NtStatus> {
  const { view, body, end } = request;
  if (decodeLeaseBreak(view, body, end) !== undefined) return STATUS_OBJECT_NAME_NOT_FOUND;
  const acknowledged = decodeOplockBreak(view, body, end);
  if (acknowledged === undefined) return STATUS_INVALID_PARAMETER;
  const open = request.findOpen(acknowledged.fileId);
  return typeof open === 'number' ? open : STATUS_INVALID_OPLOCK_PROTOCOL;
}

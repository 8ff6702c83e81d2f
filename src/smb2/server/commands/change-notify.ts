import type { Task } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
} from '../../../erref/ntstatus.ts';
import { decodeChangeNotifyRequest } from '../../wire/change-notify.ts';
import type { Request } from '../request.ts';

/**
 * [MS-SMB2] 3.3.5.19 Receiving an SMB2 CHANGE_NOTIFY Request. The object store tells no changes yet:
 * the answer that the section names for such a store, on which clients poll instead.
 */
export function* handleChangeNotify(request: Request): Task<NtStatus> {
  const notify = decodeChangeNotifyRequest(request.view, request.body, request.end);
  if (notify === undefined) return STATUS_INVALID_PARAMETER;
  const open = request.findOpen(notify.fileId);
  if (typeof open === 'number') return open;
  return STATUS_NOT_SUPPORTED;
}

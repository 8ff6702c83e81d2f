import type { Task } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_INVALID_PARAMETER,
  STATUS_NOTIFY_ENUM_DIR,
} from '../../../erref/ntstatus.ts';
import { changeNotify } from '../../../fsa/notify.ts';
import { encodeNotifyInformation } from '../../../fscc/notify-information.ts';
import { decodeChangeNotifyRequest } from '../../wire/change-notify.ts';
import { SMB2_WATCH_TREE } from '../../wire/constants.ts';
import { encodeOutputBufferHead, OUTPUT_BUFFER_HEAD } from '../../wire/output-buffer.ts';
import type { Request } from '../request.ts';

/**
 * [MS-SMB2] 3.3.5.19 Receiving an SMB2 CHANGE_NOTIFY Request. STATUS_NOTIFY_ENUM_DIR comes with a
 * response that tells no changes (3.3.4.4).
 */
export function* handleChangeNotify(request: Request): Task<NtStatus> {
  const notify = decodeChangeNotifyRequest(request.view, request.body, request.end);
  if (notify === undefined) return STATUS_INVALID_PARAMETER;
  const open = request.findOpen(notify.fileId);
  if (typeof open === 'number') return open;
  const { outputBufferLength, completionFilter } = notify;
  if (outputBufferLength > request.connection.maxTransactSize) return STATUS_INVALID_PARAMETER;
  if (!request.chargeCovers(outputBufferLength)) return STATUS_INVALID_PARAMETER;
  if (open.localOpen === undefined) return STATUS_INVALID_PARAMETER;

  const { status, changes, size } = yield* changeNotify(open.localOpen, {
    outputBufferSize: outputBufferLength,
    watchTree: (notify.flags & SMB2_WATCH_TREE) !== 0,
    completionFilter,
    cancel: request,
  });
  if (status !== 0 && status !== STATUS_NOTIFY_ENUM_DIR) return status;
  const reply = request.room(OUTPUT_BUFFER_HEAD + size);
  const at = reply.body + OUTPUT_BUFFER_HEAD;
  encodeNotifyInformation(reply.view, at, at + size, changes);
  reply.finish(encodeOutputBufferHead(reply.view, reply.body, size));
  return status;
}

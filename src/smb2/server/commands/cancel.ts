import type { Task } from '../../../base/task.ts';
import type { NtStatus } from '../../../erref/ntstatus.ts';
import { SMB2_FLAGS_ASYNC_COMMAND } from '../../wire/constants.ts';
import type { Request } from '../request.ts';

/**
 * [MS-SMB2] 3.3.5.16 Receiving an SMB2 CANCEL Request: never answered; what it names is, or there
 * is nothing to do.
 */
export function* handleCancel(request: Request): Task<NtStatus> {
  const { connection, header } = request;
  const isAsync = (header.flags & SMB2_FLAGS_ASYNC_COMMAND) !== 0;
  const target = isAsync
    ? connection.asyncCommands.get(header.asyncId)
    : connection.waiting.get(header.messageId);
  target?.cancel();
  return 0;
}

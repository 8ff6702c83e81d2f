import type { Task } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_INVALID_PARAMETER,
  STATUS_USER_SESSION_DELETED,
} from '../../../erref/ntstatus.ts';
import { decodeLogoffRequest, encodeLogoffResponse } from '../../wire/logoff.ts';
import { loseSession } from '../closing.ts';
import type { Request } from '../request.ts';

/** [MS-SMB2] 3.3.5.6 Receiving an SMB2 LOGOFF Request. */
export function* handleLogoff(request: Request): Task<NtStatus> {
  const { session, connection } = request;
  if (decodeLogoffRequest(request.view, request.body, request.end) === undefined) {
    return STATUS_INVALID_PARAMETER;
  }
  if (session === undefined) return STATUS_USER_SESSION_DELETED;
  const reply = request.room(4);
  reply.finish(encodeLogoffResponse(reply.view, reply.body));
  // The answer is signed with the key of the session that goes.
  const channel = session.channels.get(connection);
  yield* loseSession(request.server, session);
  if (channel !== undefined) session.channels.set(connection, channel);
  return 0;
}

import type { Task } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_INVALID_PARAMETER,
  STATUS_NETWORK_NAME_DELETED,
} from '../../../erref/ntstatus.ts';
import {
  decodeTreeDisconnectRequest,
  encodeTreeDisconnectResponse,
} from '../../wire/tree-disconnect.ts';
import { closeTreeConnect } from '../closing.ts';
import type { Request } from '../request.ts';

/** [MS-SMB2] 3.3.5.8 Receiving an SMB2 TREE_DISCONNECT Request. */
export function* handleTreeDisconnect(request: Request): Task<NtStatus> {
  if (decodeTreeDisconnectRequest(request.view, request.body, request.end) === undefined) {
    return STATUS_INVALID_PARAMETER;
  }
  if (request.treeConnect === undefined) return STATUS_NETWORK_NAME_DELETED;
  yield* closeTreeConnect(request.server, request.treeConnect);
  const reply = request.room(4);
  reply.finish(encodeTreeDisconnectResponse(reply.view, reply.body));
  return 0;
}

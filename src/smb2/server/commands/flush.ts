import type { Task } from '../../../base/task.ts';
import { FILE_APPEND_DATA, FILE_WRITE_DATA } from '../../../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_PARAMETER,
} from '../../../erref/ntstatus.ts';
import { flushFile } from '../../../fsa/read-write.ts';
import { decodeFlushRequest, encodeFlushResponse } from '../../wire/flush.ts';
import type { Request } from '../request.ts';

/** [MS-SMB2] 3.3.5.11 Receiving an SMB2 FLUSH Request. */
export function* handleFlush(request: Request): Task<NtStatus> {
  const flush = decodeFlushRequest(request.view, request.body, request.end);
  if (flush === undefined) return STATUS_INVALID_PARAMETER;
  const open = request.findOpen(flush.fileId);
  if (typeof open === 'number') return open;
  if (open.localOpen !== undefined) {
    const mayWrite = (open.grantedAccess & (FILE_WRITE_DATA | FILE_APPEND_DATA)) !== 0;
    if (!mayWrite) return STATUS_ACCESS_DENIED;
    const status = yield* flushFile(open.localOpen);
    if (status !== 0) return status;
  }
  const reply = request.room(4);
  reply.finish(encodeFlushResponse(reply.view, reply.body));
  return 0;
}

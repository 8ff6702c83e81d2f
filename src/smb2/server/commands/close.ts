import type { Task } from '../../../base/task.ts';
import { type NtStatus, STATUS_INVALID_PARAMETER } from '../../../erref/ntstatus.ts';
import { breakHandleCaching } from '../../../fsa/break-caching.ts';
import { queryMetadata } from '../../../fsa/information.ts';
import { FILE_DELETE_ON_CLOSE } from '../../../fscc/create-parameters.ts';
import {
  CLOSE_RESPONSE_EMPTY,
  type CloseResponse,
  decodeCloseRequest,
  encodeCloseResponse,
} from '../../wire/close.ts';
import { SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB } from '../../wire/constants.ts';
import { closeOpen } from '../closing.ts';
import type { Request } from '../request.ts';
import type { Open } from '../state/open.ts';

const RESPONSE_SIZE = 60;

/** [MS-SMB2] 3.3.5.10 Receiving an SMB2 CLOSE Request. */
export function* handleClose(request: Request): Task<NtStatus> {
  const close = decodeCloseRequest(request.view, request.body, request.end);
  if (close === undefined) return STATUS_INVALID_PARAMETER;
  const open = request.findOpen(close.fileId);
  if (typeof open === 'number') return open;

  const wantsAttributes = (close.flags & SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB) !== 0;
  yield* letOthersClose(request, open);
  const response = wantsAttributes ? yield* postQuery(open) : CLOSE_RESPONSE_EMPTY;
  const status = yield* closeOpen(request.server, open);
  if (status !== 0) return status;
  const reply = request.room(RESPONSE_SIZE);
  reply.finish(encodeCloseResponse(reply.view, reply.body, response));
  return 0;
}

/**
 * A close that deletes takes effect at once where others' handles are only cached (smbtorture
 * smb2.lease.unlink). In the middle of a compound nothing waits.
 */
function* letOthersClose(request: Request, { localOpen }: Open): Task<void> {
  if (localOpen === undefined || (localOpen.createOptions & FILE_DELETE_ON_CLOSE) === 0) return;
  yield* breakHandleCaching(localOpen, request.isLast ? request : undefined);
}

/** What the file is like as it closes; without a file, or where it fails, the flag stays clear. */
function* postQuery(open: Open): Task<CloseResponse> {
  if (open.localOpen === undefined) return CLOSE_RESPONSE_EMPTY;
  const { status, metadata } = yield* queryMetadata(open.localOpen);
  if (status !== 0 || metadata === undefined) return CLOSE_RESPONSE_EMPTY;
  return {
    flags: SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB,
    creationTime: metadata.creationTime,
    lastAccessTime: metadata.lastAccessTime,
    lastWriteTime: metadata.lastWriteTime,
    changeTime: metadata.changeTime,
    allocationSize: metadata.allocationSize,
    endOfFile: metadata.endOfFile,
    fileAttributes: metadata.attributes,
  };
}

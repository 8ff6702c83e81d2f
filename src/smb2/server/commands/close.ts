import { after, type Now, type Task, taskOf } from '../../../base/task.ts';
import { type NtStatus, STATUS_INVALID_PARAMETER } from '../../../erref/ntstatus.ts';
import { breakHandleCaching } from '../../../fsa/break-caching.ts';
import { queryMetadata } from '../../../fsa/information.ts';
import type { LocalOpen } from '../../../fsa/local-open.ts';
import { FILE_DELETE_ON_CLOSE } from '../../../fscc/create-parameters.ts';
import {
  CLOSE_RESPONSE_EMPTY,
  type CloseResponse,
  decodeCloseRequest,
  encodeCloseResponse,
} from '../../wire/close.ts';
import { SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB } from '../../wire/constants.ts';
import { closeOpenNow } from '../closing.ts';
import type { Request } from '../request.ts';
import type { Smb2Server } from '../server.ts';
import type { Open } from '../state/open.ts';

const RESPONSE_SIZE = 60;

/** [MS-SMB2] 3.3.5.10 Receiving an SMB2 CLOSE Request. */
export function handleClose(request: Request): Now<NtStatus> {
  const close = decodeCloseRequest(request.view, request.body, request.end);
  if (close === undefined) return STATUS_INVALID_PARAMETER;
  const open = request.findOpen(close.fileId);
  if (typeof open === 'number') return open;

  const wantsAttributes = (close.flags & SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB) !== 0;
  return after(mayHinder(open) ? letOthersClose(request, open.localOpen) : 0, () =>
    after(wantsAttributes ? postQuery(open) : CLOSE_RESPONSE_EMPTY, (response) => {
      const answer = (): NtStatus => {
        const reply = request.room(RESPONSE_SIZE);
        reply.finish(encodeCloseResponse(reply.view, reply.body, response));
        return 0;
      };
      const { server } = request;
      if (!mayAnswerFirst(request, open)) return after(closeOpenNow(server, open), answer);
      server.afterwards.add(closeAnswered(server, open));
      return answer();
    }),
  );
}

function mayHinder(open: Open): open is Open & { readonly localOpen: LocalOpen } {
  return ((open.localOpen?.createOptions ?? 0) & FILE_DELETE_ON_CLOSE) !== 0;
}

/**
 * Whether nobody can tell that the answer leaves before the open is closed: it is the same whatever
 * becomes of that, no other request comes in between, and nobody else is told.
 */
function mayAnswerFirst(request: Request, { localOpen, durable, inFlight }: Open): boolean {
  if (!request.isAlone || localOpen === undefined) return false;
  if (durable !== undefined || inFlight > 0) return false;
  const { vfs, peers, persistentFiles, changeNotifyList } = localOpen.volume;
  if (vfs.capabilities.answersAtOnce !== true) return false;
  return peers === undefined && persistentFiles === undefined && changeNotifyList.isEmpty;
}

function* closeAnswered(server: Smb2Server, open: Open): Task<void> {
  yield* taskOf(closeOpenNow(server, open));
  server.changeCount++;
}

/**
 * A close that deletes takes effect at once where others' handles are only cached (smbtorture
 * smb2.lease.unlink). In the middle of a compound nothing waits.
 */
function letOthersClose(request: Request, localOpen: LocalOpen): Task<NtStatus> {
  return breakHandleCaching(localOpen, request.isLast ? request : undefined);
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

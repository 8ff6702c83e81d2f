import { assert } from '../../../base/assert.ts';
import {
  LISTING_ANSWER_MIN,
  LISTING_TIME_MS,
  SEARCH_PATTERN_LENGTH_MAX,
  TURN_TIME_MS,
} from '../../../base/limits.ts';
import { type Task, wait } from '../../../base/task.ts';
import { FILE_LIST_DIRECTORY } from '../../../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_OVERFLOW,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_INFO_CLASS,
  STATUS_INVALID_LEVEL,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_MORE_FILES,
  STATUS_OBJECT_NAME_INVALID,
} from '../../../erref/ntstatus.ts';
import { aheadCount, mayTellAhead, tellAhead } from '../../../fsa/list-ahead.ts';
import { nextEntry, queryDirectory, ungetEntry } from '../../../fsa/query-directory.ts';
import {
  directoryEntryFixedSize,
  encodeDirectoryEntry,
  linkDirectoryEntry,
  nextDirectoryEntryAt,
} from '../../../fscc/directory-information.ts';
import {
  FileIdBothDirectoryInformation,
  FileNamesInformation,
  FilePosixInformation,
} from '../../../fscc/info-classes.ts';
import {
  SMB2_INDEX_SPECIFIED,
  SMB2_REOPEN,
  SMB2_RESTART_SCANS,
  SMB2_RETURN_SINGLE_ENTRY,
} from '../../wire/constants.ts';
import {
  decodeQueryDirectoryRequest,
  encodeQueryDirectoryResponseHead,
  QUERY_DIRECTORY_RESPONSE_HEAD,
  type QueryDirectoryRequest,
} from '../../wire/query-directory.ts';
import type { Reply } from '../reply.ts';
import type { Request } from '../request.ts';
import type { Open } from '../state/open.ts';

/** [MS-SMB2] 3.3.5.18 Receiving an SMB2 QUERY_DIRECTORY Request. */
export function* handleQueryDirectory(request: Request): Task<NtStatus> {
  const query = decodeQueryDirectoryRequest(request.view, request.body, request.end);
  if (query === undefined) return STATUS_INVALID_PARAMETER;
  const open = request.findOpen(query.fileId);
  if (typeof open === 'number') return open;
  const { localOpen } = open;
  if (localOpen === undefined || !localOpen.isDirectory) return STATUS_INVALID_PARAMETER;
  if (query.outputBufferLength > request.connection.maxTransactSize) {
    return STATUS_INVALID_PARAMETER;
  }
  if (!request.chargeCovers(query.outputBufferLength)) return STATUS_INVALID_PARAMETER;
  if (query.fileInformationClass === FilePosixInformation && !localOpen.isPosix) {
    return STATUS_INVALID_LEVEL;
  }
  const fixedSize = directoryEntryFixedSize(query.fileInformationClass);
  if (fixedSize === 0) return STATUS_INVALID_INFO_CLASS;
  if ((open.grantedAccess & FILE_LIST_DIRECTORY) === 0) return STATUS_ACCESS_DENIED;
  if (query.outputBufferLength < fixedSize) return STATUS_INFO_LENGTH_MISMATCH;
  if (query.fileName.length > SEARCH_PATTERN_LENGTH_MAX) return STATUS_OBJECT_NAME_INVALID;

  const status = yield* queryDirectory(localOpen, {
    pattern: query.fileName,
    restart: (query.flags & SMB2_RESTART_SCANS) !== 0,
    reopen: (query.flags & SMB2_REOPEN) !== 0,
    withApple:
      open.treeConnect.appleReadDirAttr &&
      query.fileInformationClass === FileIdBothDirectoryInformation,
    namesOnly: query.fileInformationClass === FileNamesInformation,
    changes: request.server.changeCount,
    ...(query.flags & SMB2_INDEX_SPECIFIED ? { index: query.fileIndex } : {}),
  });
  if (status !== 0) return status;
  const reply = request.room(QUERY_DIRECTORY_RESPONSE_HEAD + query.outputBufferLength);
  const filled = yield* fill(reply, open, query);
  const goesOn = filled === 0 && (query.flags & SMB2_RETURN_SINGLE_ENTRY) === 0;
  if (goesOn && mayTellAhead(localOpen)) {
    request.server.runDetached(tellAhead(localOpen, request.server.changeCount));
  }
  return filled;
}

/** Entries between two looks at the clock. */
const ENTRIES_PER_LOOK = 8;

/**
 * As many entries as fit, and as are found within TURN_TIME_MS; the one that does not fit comes
 * first the next time. Where the next ones are told ahead, the client need not wait so long.
 */
function* fill(reply: Reply, open: Open, query: QueryDirectoryRequest): Task<NtStatus> {
  const { view } = reply;
  const { localOpen } = open;
  assert(localOpen !== undefined, 'a pipe lists nothing');
  const { isApple } = open.treeConnect;
  const { clock } = localOpen.volume.env;
  const startMs = clock.monotonicMs();
  const start = reply.body + QUERY_DIRECTORY_RESPONSE_HEAD;
  const limit = start + query.outputBufferLength;
  const told = aheadCount(localOpen);
  const single = (query.flags & SMB2_RETURN_SINGLE_ENTRY) !== 0;
  let count = 0;
  let lastAt = -1;
  let end = start;
  for (;;) {
    const next = nextEntry(localOpen);
    const found = next instanceof Promise ? yield* wait(next) : next;
    if (found === undefined) break;
    const entry = isApple ? { ...found, fileId: 0n } : found;
    const at = lastAt < 0 ? start : nextDirectoryEntryAt(start, end);
    const entryEnd = encodeDirectoryEntry(query.fileInformationClass, view, at, limit, entry);
    if (entryEnd < 0) {
      ungetEntry(localOpen);
      if (lastAt < 0) return STATUS_BUFFER_OVERFLOW;
      break;
    }
    if (lastAt >= 0) linkDirectoryEntry(view, lastAt, end, at);
    lastAt = at;
    end = entryEnd;
    if (single || (++count === told && told >= LISTING_ANSWER_MIN)) break;
    if (count % ENTRIES_PER_LOOK !== 0) continue;
    const timeMs = mayTellAhead(localOpen) ? LISTING_TIME_MS : TURN_TIME_MS;
    if (clock.monotonicMs() - startMs > timeMs) break;
  }
  if (lastAt < 0) return STATUS_NO_MORE_FILES;
  encodeQueryDirectoryResponseHead(view, reply.body, end - start);
  reply.finish(end);
  return 0;
}

import { viewOf } from '../../base/bytes.ts';
import { FILE_LIST_DIRECTORY, FILE_READ_ATTRIBUTES } from '../../dtyp/access-mask.ts';
import {
  STATUS_INVALID_NETWORK_RESPONSE,
  STATUS_NO_MORE_FILES,
  STATUS_NO_SUCH_FILE,
} from '../../erref/ntstatus.ts';
import {
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_SHARE_DELETE,
  FILE_SHARE_READ,
  FILE_SHARE_WRITE,
} from '../../fscc/create-parameters.ts';
import { decodeDirectoryEntries } from '../../fscc/directory-information.ts';
import { FileIdBothDirectoryInformation } from '../../fscc/info-classes.ts';
import { SMB2_RESTART_SCANS } from '../wire/constants.ts';
import type { FileId } from '../wire/file-id.ts';
import type { OutputBufferResponse } from '../wire/output-buffer.ts';
import { entryOfListed, type ListEntry } from './file-stat.ts';
import { ClientOpen } from './open.ts';
import { closeQuietly, openWith } from './open-with.ts';
import { attempt, perform } from './perform.ts';
import type { Request } from './request.ts';
import { queryDirectoryRequest } from './requests.ts';
import { responseOf, SmbError } from './smb-error.ts';
import { payloadSize } from './transfer.ts';
import type { ClientTree } from './tree.ts';

export interface ListOptions {
  /** `*` and `?` as in [MS-FSA] 2.1.4.4; default `*`. */
  readonly pattern?: string | undefined;
}

/** Entries of the first answer, which comes with the open. */
const FIRST_BUFFER_SIZE = 65_536;

/**
 * The entries of a folder in the server's order, without `.` and `..`. CREATE and the first
 * QUERY_DIRECTORY travel together; later ones are asked for while the caller reads. Throws
 * `SmbError`.
 */
export async function* listDirectory(
  tree: ClientTree,
  path: string,
  { pattern = '*' }: ListOptions,
): AsyncGenerator<ListEntry> {
  const fileInformationClass = FileIdBothDirectoryInformation;
  const fileName = pattern;
  const query = (fileId: FileId): Request<OutputBufferResponse> =>
    queryDirectoryRequest({
      fileId,
      fileInformationClass,
      fileName,
      flags: SMB2_RESTART_SCANS,
      outputBufferLength: FIRST_BUFFER_SIZE,
    });
  const create = {
    name: path,
    desiredAccess: FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES,
    shareAccess: FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
    createDisposition: FILE_OPEN,
    createOptions: FILE_DIRECTORY_FILE,
  };
  const { created, reply: first } = await openWith(tree, create, query);
  const open = new ClientOpen(tree, responseOf(created, path));
  try {
    const { session } = tree;
    // What came before the listing had to begin anew on another channel.
    const told = session.channelCount > 1 ? new Set<string>() : undefined;
    let reply = first;
    for (;;) {
      if (reply.status === STATUS_NO_MORE_FILES || reply.status === STATUS_NO_SUCH_FILE) return;
      const { buffer } = responseOf(reply, path);
      const parameters = { fileInformationClass, fileName, outputBufferLength: querySize(tree) };
      const next = attempt(session, (options) => open.queryDirectory(parameters, options));
      yield* entriesIn(buffer, path, told);
      const anew = { ...parameters, flags: SMB2_RESTART_SCANS };
      reply = (await next) ?? (await perform(session, (to) => open.queryDirectory(anew, to)));
    }
  } finally {
    await closeQuietly(open);
  }
}

/** Those that are not among the `told` ones, where they then belong. */
function* entriesIn(
  buffer: Uint8Array,
  path: string,
  told: Set<string> | undefined,
): Generator<ListEntry> {
  const files = decodeDirectoryEntries(
    FileIdBothDirectoryInformation,
    viewOf(buffer),
    0,
    buffer.length,
  );
  if (files === undefined) throw new SmbError(STATUS_INVALID_NETWORK_RESPONSE, path);
  for (const file of files) {
    if (file.name === '.' || file.name === '..' || told?.has(file.name)) continue;
    told?.add(file.name);
    yield entryOfListed(file);
  }
}

function querySize(tree: ClientTree): number {
  const { connection } = tree.session;
  return payloadSize(connection, connection.negotiated?.response.maxTransactSize);
}

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
import { RELATED_FILE_ID } from '../wire/file-id.ts';
import type { OutputBufferResponse } from '../wire/output-buffer.ts';
import type { Call } from './call.ts';
import { entryOfListed, type ListEntry } from './file-stat.ts';
import { ClientOpen } from './open.ts';
import { createRequest, queryDirectoryRequest } from './requests.ts';
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
  const [created, first] = tree.compound(
    [
      createRequest({
        name: path,
        desiredAccess: FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES,
        shareAccess: FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
        createDisposition: FILE_OPEN,
        createOptions: FILE_DIRECTORY_FILE,
      }),
      queryDirectoryRequest({
        fileId: RELATED_FILE_ID,
        fileInformationClass,
        fileName: pattern,
        outputBufferLength: FIRST_BUFFER_SIZE,
      }),
    ],
    { related: true },
  );
  const open = new ClientOpen(tree, responseOf(await created, path));
  try {
    for (let call: Call<OutputBufferResponse> = first; ; ) {
      const reply = await call;
      if (reply.status === STATUS_NO_MORE_FILES || reply.status === STATUS_NO_SUCH_FILE) return;
      const { buffer } = responseOf(reply, path);
      const outputBufferLength = querySize(tree);
      call = open.queryDirectory({ fileInformationClass, fileName: pattern, outputBufferLength });
      yield* entriesIn(buffer, path);
    }
  } finally {
    await open.close();
  }
}

function* entriesIn(buffer: Uint8Array, path: string): Generator<ListEntry> {
  const files = decodeDirectoryEntries(
    FileIdBothDirectoryInformation,
    viewOf(buffer),
    0,
    buffer.length,
  );
  if (files === undefined) throw new SmbError(STATUS_INVALID_NETWORK_RESPONSE, path);
  for (const file of files) {
    if (file.name !== '.' && file.name !== '..') yield entryOfListed(file);
  }
}

function querySize(tree: ClientTree): number {
  const { connection } = tree.session;
  return payloadSize(connection, connection.negotiated?.response.maxTransactSize);
}

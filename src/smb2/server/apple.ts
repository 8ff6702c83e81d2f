/** Apple's create context: what an Apple client is told of the server and the share. */
import { type NtStatus, STATUS_INVALID_PARAMETER } from '../../erref/ntstatus.ts';
import { type CreateContext, findCreateContext, SMB2_CREATE_AAPL } from '../wire/create-context.ts';
import {
  AAPL_FULL_SYNC,
  AAPL_MODEL_INFO,
  AAPL_SERVER_CAPS,
  AAPL_SUPPORTS_NFS_ACE,
  AAPL_SUPPORTS_OSX_COPYFILE,
  AAPL_SUPPORTS_READ_DIR_ATTR,
  AAPL_UNIX_BASED,
  AAPL_VOLUME_CAPS,
  aaplAnswerContext,
  decodeAaplQuery,
} from '../wire/create-context-aapl.ts';
import type { TreeConnect } from './state/tree-connect.ts';

/**
 * The answer to a server query; undefined where none came, or the share has no such extensions.
 * Samba: STATUS_INVALID_PARAMETER for every other command, names by file id among them.
 */
export function answerApple(
  treeConnect: TreeConnect,
  contexts: readonly CreateContext[],
): CreateContext | undefined | NtStatus {
  const { apple, volume } = treeConnect.share;
  if (apple === undefined || volume === undefined || contexts.length === 0) return undefined;
  const data = findCreateContext(contexts, SMB2_CREATE_AAPL);
  if (data === undefined) return undefined;
  const query = decodeAaplQuery(data);
  if (query === undefined) return STATUS_INVALID_PARAMETER;
  const { requested, clientCapabilities } = query;
  const isAskedFor = (bit: number): boolean => (requested & bit) !== 0;
  // Clients ask for neither entries nor copies, and take them (Samba).
  let server = AAPL_UNIX_BASED | AAPL_SUPPORTS_NFS_ACE | AAPL_SUPPORTS_OSX_COPYFILE;
  if (isAskedFor(AAPL_SERVER_CAPS)) treeConnect.isApple = true;
  if (isAskedFor(AAPL_SERVER_CAPS) && (clientCapabilities & AAPL_SUPPORTS_READ_DIR_ATTR) !== 0) {
    server |= AAPL_SUPPORTS_READ_DIR_ATTR;
    treeConnect.appleReadDirAttr = true;
  }
  return aaplAnswerContext({
    serverCapabilities: isAskedFor(AAPL_SERVER_CAPS) ? server : undefined,
    volumeCapabilities: isAskedFor(AAPL_VOLUME_CAPS)
      ? apple.fullSync
        ? AAPL_FULL_SYNC
        : 0
      : undefined,
    model: isAskedFor(AAPL_MODEL_INFO) ? apple.model : undefined,
  });
}

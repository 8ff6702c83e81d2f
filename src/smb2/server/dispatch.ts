import type { Task } from '../../base/task.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_PARAMETER,
  STATUS_NETWORK_NAME_DELETED,
  STATUS_NETWORK_SESSION_EXPIRED,
  STATUS_USER_SESSION_DELETED,
} from '../../erref/ntstatus.ts';
import {
  SMB2_CANCEL,
  SMB2_CHANGE_NOTIFY,
  SMB2_CLOSE,
  SMB2_CREATE,
  SMB2_ECHO,
  SMB2_FLUSH,
  SMB2_IOCTL,
  SMB2_LOCK,
  SMB2_LOGOFF,
  SMB2_NEGOTIATE,
  SMB2_OPLOCK_BREAK,
  SMB2_QUERY_DIRECTORY,
  SMB2_QUERY_INFO,
  SMB2_READ,
  SMB2_SESSION_SETUP,
  SMB2_SET_INFO,
  SMB2_TREE_CONNECT,
  SMB2_TREE_DISCONNECT,
  SMB2_WRITE,
} from '../wire/constants.ts';
import { handleCancel } from './commands/cancel.ts';
import { handleChangeNotify } from './commands/change-notify.ts';
import { handleClose } from './commands/close.ts';
import { handleCreate } from './commands/create.ts';
import { handleEcho } from './commands/echo.ts';
import { handleFlush } from './commands/flush.ts';
import { handleIoctl } from './commands/ioctl.ts';
import { isSessionlessControl } from './commands/ioctl-torture.ts';
import { handleLock } from './commands/lock.ts';
import { handleLogoff } from './commands/logoff.ts';
import { handleNegotiate } from './commands/negotiate.ts';
import { handleOplockBreak } from './commands/oplock-break.ts';
import { handleQueryDirectory } from './commands/query-directory.ts';
import { handleQueryInfo } from './commands/query-info.ts';
import { handleRead } from './commands/read.ts';
import { handleSessionSetup } from './commands/session-setup.ts';
import { handleSetInfo } from './commands/set-info.ts';
import { handleTreeConnect } from './commands/tree-connect.ts';
import { handleTreeDisconnect } from './commands/tree-disconnect.ts';
import { handleWrite } from './commands/write.ts';
import type { Request } from './request.ts';
import { DIALECT_NONE, DIALECT_WILDCARD } from './state/connection.ts';

/**
 * Writes a body where it succeeds; undefined ends the connection without an answer. What can be
 * said at once needs no task.
 */
export type Handler = (request: Request, message: Uint8Array) => Outcome;
type Outcome = NtStatus | undefined | Task<NtStatus | undefined>;

interface Route {
  readonly handle: Handler;
  readonly needsSession: boolean;
  readonly needsTree: boolean;
  /** Still served once the session expired ([MS-SMB2] 3.3.5.2.9 Verifying the Session). */
  readonly whenExpired: boolean;
}

const route = (
  handle: Handler,
  needs: 'nothing' | 'session' | 'tree',
  whenExpired = false,
): Route => ({
  handle,
  needsSession: needs !== 'nothing',
  needsTree: needs === 'tree',
  whenExpired,
});

/** By command number; [MS-SMB2] 3.3.5.3 to 3.3.5.22. */
const ROUTES: readonly (Route | undefined)[] = makeRoutes([
  [SMB2_NEGOTIATE, route(handleNegotiate, 'nothing')],
  [SMB2_SESSION_SETUP, route(handleSessionSetup, 'nothing', true)],
  [SMB2_LOGOFF, route(handleLogoff, 'session', true)],
  [SMB2_TREE_CONNECT, route(handleTreeConnect, 'session')],
  [SMB2_TREE_DISCONNECT, route(handleTreeDisconnect, 'tree')],
  [SMB2_CREATE, route(handleCreate, 'tree')],
  [SMB2_CLOSE, route(handleClose, 'tree', true)],
  [SMB2_FLUSH, route(handleFlush, 'tree')],
  [SMB2_READ, route(handleRead, 'tree')],
  [SMB2_WRITE, route(handleWrite, 'tree')],
  [SMB2_LOCK, route(handleLock, 'tree', true)],
  [SMB2_IOCTL, route(handleIoctl, 'tree')],
  [SMB2_CANCEL, route(handleCancel, 'nothing', true)],
  [SMB2_ECHO, route(handleEcho, 'nothing')],
  [SMB2_QUERY_DIRECTORY, route(handleQueryDirectory, 'tree')],
  [SMB2_CHANGE_NOTIFY, route(handleChangeNotify, 'tree')],
  [SMB2_QUERY_INFO, route(handleQueryInfo, 'tree')],
  [SMB2_SET_INFO, route(handleSetInfo, 'tree')],
  [SMB2_OPLOCK_BREAK, route(handleOplockBreak, 'tree')],
]);

function makeRoutes(routes: readonly (readonly [number, Route])[]): readonly (Route | undefined)[] {
  const table: (Route | undefined)[] = [];
  for (const [command, entry] of routes) table[command] = entry;
  return table;
}

/** [MS-SMB2] 3.3.5.2 Receiving Any Message, from the session's verification on. */
export function dispatch(request: Request, message: Uint8Array): Outcome {
  const { connection, header } = request;
  const { command } = header;
  const negotiated = connection.dialect !== DIALECT_NONE && connection.dialect !== DIALECT_WILDCARD;
  if ((command === SMB2_NEGOTIATE) === negotiated) return undefined;
  const entry = ROUTES[command];
  if (entry === undefined) return STATUS_INVALID_PARAMETER;
  const status = verify(request, entry, message);
  if (status === STATUS_USER_SESSION_DELETED && isSessionlessControl(request)) {
    return handleIoctl(request);
  }
  return status === 0 ? entry.handle(request, message) : status;
}

/** Session, signature, encryption and tree connect: [MS-SMB2] 3.3.5.2.4, .9 and .11. */
function verify(request: Request, entry: Route, message: Uint8Array): NtStatus {
  const { chain, header } = request;
  // 3.3.5.2.7.2: nothing to relate to, or the request before had no session or tree connect.
  if (request.isRelated && !chain.hasContext) return STATUS_INVALID_PARAMETER;
  if (!request.isRelated) chain.sessionId = header.sessionId;
  const status = verifyContext(request, entry, message);
  chain.hasContext =
    status !== STATUS_USER_SESSION_DELETED && status !== STATUS_NETWORK_NAME_DELETED;
  return status;
}

function verifyContext(request: Request, entry: Route, message: Uint8Array): NtStatus {
  const { chain, connection } = request;
  if (chain.sessionId !== 0n) {
    const session = connection.sessions.get(chain.sessionId);
    if (session !== undefined) {
      request.session = session;
      if (session.state === 'expired' && !entry.whenExpired) return STATUS_NETWORK_SESSION_EXPIRED;
      if (entry.needsSession && session.state === 'in-progress') {
        return STATUS_USER_SESSION_DELETED;
      }
      const status = verifyProtection(request, message);
      if (status !== 0) return status;
    }
  }
  if (!entry.needsSession) return 0;
  if (request.session === undefined) return STATUS_USER_SESSION_DELETED;
  return entry.needsTree ? verifyTree(request) : 0;
}

/**
 * [MS-SMB2] 3.3.5.2.4 Verifying the Signature; 3.3.5.2.9 for what must be encrypted. One session's
 * key proves nothing about another's, though both are on the connection (Samba refuses it, too).
 */
function verifyProtection(request: Request, message: Uint8Array): NtStatus {
  const { session, connection, chain, header } = request;
  if (session === undefined) return 0;
  if (chain.sealedBy !== undefined) return chain.sealedBy === session ? 0 : STATUS_ACCESS_DENIED;
  const channel = session.channels.get(connection);
  if (channel === undefined) return 0;
  if (request.isSigned) {
    if (channel.signer === undefined) return 0;
    if (!channel.signer.verify(message)) {
      request.server.options.env.log.warn(
        { connection: connection.id, command: header.command },
        'a signature is wrong',
      );
      return STATUS_ACCESS_DENIED;
    }
  } else if (session.signingRequired) {
    return STATUS_ACCESS_DENIED;
  }
  const mayBePlain = header.command === SMB2_SESSION_SETUP || header.command === SMB2_CANCEL;
  return session.encryptData && !mayBePlain ? STATUS_ACCESS_DENIED : 0;
}

/** [MS-SMB2] 3.3.5.2.11 Verifying the Tree Connect. */
function verifyTree(request: Request): NtStatus {
  const { chain, header } = request;
  const treeId = request.isRelated ? chain.treeId : header.treeId;
  chain.treeId = treeId;
  const treeConnect = request.session?.treeConnects.get(treeId);
  if (treeConnect === undefined) return STATUS_NETWORK_NAME_DELETED;
  request.treeConnect = treeConnect;
  if (treeConnect.encryptData && chain.sealedBy === undefined) return STATUS_ACCESS_DENIED;
  return 0;
}

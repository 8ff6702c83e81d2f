import type { Task } from '../../../base/task.ts';
import { FILE_ALL_ACCESS } from '../../../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BAD_NETWORK_NAME,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_USER_SESSION_DELETED,
} from '../../../erref/ntstatus.ts';
import {
  SMB2_DIALECT_300,
  SMB2_DIALECT_311,
  SMB2_SHARE_CAP_CONTINUOUS_AVAILABILITY,
  SMB2_SHARE_TYPE_DISK,
  SMB2_SHARE_TYPE_PIPE,
  SMB2_SHAREFLAG_ACCESS_BASED_DIRECTORY_ENUM,
  SMB2_SHAREFLAG_COMPRESS_DATA,
  SMB2_SHAREFLAG_ENCRYPT_DATA,
  SMB2_SHAREFLAG_MANUAL_CACHING,
  SMB2_SHAREFLAG_NO_CACHING,
} from '../../wire/constants.ts';
import { decodeTreeConnectRequest, encodeTreeConnectResponse } from '../../wire/tree-connect.ts';
import { isContinuouslyAvailable, type Share } from '../options.ts';
import type { Request } from '../request.ts';
import type { Session } from '../state/session.ts';
import type { TreeConnect } from '../state/tree-connect.ts';

/** [MS-SMB2] 3.3.5.7 Receiving an SMB2 TREE_CONNECT Request. */
export function* handleTreeConnect(request: Request): Task<NtStatus | undefined> {
  const { session, connection, server } = request;
  if (session === undefined) return STATUS_USER_SESSION_DELETED;
  const tree = decodeTreeConnectRequest(request.view, request.body, request.end);
  if (tree === undefined) return STATUS_INVALID_PARAMETER;
  const isProtected = request.isSigned || request.chain.sealedBy !== undefined;
  if (connection.dialect === SMB2_DIALECT_311 && session.isSecured && !isProtected) {
    return undefined;
  }

  const share = server.findShare(shareNameOf(tree.path));
  if (share === undefined) return STATUS_BAD_NETWORK_NAME;
  if (!mayConnect(session, share)) return STATUS_ACCESS_DENIED;
  const canEncrypt = session.encryptor !== undefined;
  if (share.encryption === 'required' && !canEncrypt) return STATUS_ACCESS_DENIED;
  const encryptData = share.encryption !== 'off' && canEncrypt;
  if (session.treeConnects.size >= server.options.limits.treeConnectsPerSessionMax) {
    return STATUS_INSUFFICIENT_RESOURCES;
  }

  const treeConnect = makeTreeConnect(request, session, share, encryptData);
  session.treeConnects.set(treeConnect.treeId, treeConnect);
  request.treeConnect = treeConnect;
  request.chain.treeId = treeConnect.treeId;
  const compressData = share.compression === 'on' && connection.compression !== undefined;
  const reply = request.room(16);
  reply.finish(
    encodeTreeConnectResponse(reply.view, reply.body, {
      shareType: share.type === 'pipe' ? SMB2_SHARE_TYPE_PIPE : SMB2_SHARE_TYPE_DISK,
      shareFlags:
        (share.type === 'pipe' ? SMB2_SHAREFLAG_NO_CACHING : SMB2_SHAREFLAG_MANUAL_CACHING) |
        (share.accessBasedEnumeration ? SMB2_SHAREFLAG_ACCESS_BASED_DIRECTORY_ENUM : 0) |
        (encryptData ? SMB2_SHAREFLAG_ENCRYPT_DATA : 0) |
        (compressData ? SMB2_SHAREFLAG_COMPRESS_DATA : 0),
      capabilities:
        connection.dialect >= SMB2_DIALECT_300 && isContinuouslyAvailable(share)
          ? SMB2_SHARE_CAP_CONTINUOUS_AVAILABILITY
          : 0,
      maximalAccess: treeConnect.maximalAccess,
    }),
  );
  return 0;
}

/** The last component of `\\server\share`; the server's name is the client's affair. */
function shareNameOf(path: string): string {
  return path.slice(path.lastIndexOf('\\') + 1);
}

function mayConnect(session: Session, share: Share): boolean {
  const { identity } = session;
  if (identity === undefined) return false;
  if (share.type === 'pipe') return true;
  if (identity.isAnonymous) return false;
  if (share.allowedUsers === undefined) return true;
  return share.allowedUsers.includes(identity.userName.toLowerCase());
}

function makeTreeConnect(
  request: Request,
  session: Session,
  share: Share,
  encryptData: boolean,
): TreeConnect {
  const { identity } = session;
  const security =
    share.volume === undefined || identity === undefined
      ? undefined
      : request.server.options.securityContext(identity, share);
  while (session.treeConnects.has(session.nextTreeId) || session.nextTreeId === 0) {
    session.nextTreeId = (session.nextTreeId + 1) >>> 0;
  }
  const treeId = session.nextTreeId;
  session.nextTreeId = (session.nextTreeId + 1) >>> 0;
  return {
    treeId,
    session,
    share,
    security,
    maximalAccess: security?.maximalAccess ?? FILE_ALL_ACCESS,
    encryptData,
    appleReadDirAttr: false,
    isApple: false,
    openCount: 0,
  };
}

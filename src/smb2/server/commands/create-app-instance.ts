/** Applications that move to another machine and open their files there: [MS-SMB2] 3.3.5.9.13. */
import { type Task, wait } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_FILE_FORCED_CLOSED,
  STATUS_INVALID_PARAMETER,
} from '../../../erref/ntstatus.ts';
import { mayReadFile } from '../../../fsa/security.ts';
import { SMB2_DIALECT_300, SMB2_DIALECT_311 } from '../../wire/constants.ts';
import type { CreateRequest } from '../../wire/create.ts';
import {
  findCreateContext,
  SMB2_CREATE_APP_INSTANCE_ID,
  SMB2_CREATE_APP_INSTANCE_VERSION,
} from '../../wire/create-context.ts';
import { decodeAppInstanceId, decodeAppInstanceVersion } from '../../wire/create-context-file.ts';
import { type AppInstance, decideTakeOver, type InstanceMove } from '../app-instances.ts';
import { closeOpen } from '../closing.ts';
import { isNameOf } from '../name-of.ts';
import type { Request } from '../request.ts';
import type { Smb2Server } from '../server.ts';
import type { Connection } from '../state/connection.ts';
import type { TreeConnect } from '../state/tree-connect.ts';

const LOW_BITS = 64n;

/** The instance that a CREATE names, in dialects 3.x; its version in 3.1.1. */
export function appInstanceOf(
  { dialect }: Connection,
  { contexts }: CreateRequest,
): AppInstance | undefined | NtStatus {
  if (contexts.length === 0 || dialect < SMB2_DIALECT_300) return undefined;
  const data = findCreateContext(contexts, SMB2_CREATE_APP_INSTANCE_ID);
  if (data === undefined) return undefined;
  const id = decodeAppInstanceId(data);
  if (id === undefined) return STATUS_INVALID_PARAMETER;
  const versionData = findCreateContext(contexts, SMB2_CREATE_APP_INSTANCE_VERSION);
  if (versionData === undefined || dialect !== SMB2_DIALECT_311) return { id, version: undefined };
  const version = decodeAppInstanceVersion(versionData);
  if (version === undefined) return STATUS_INVALID_PARAMETER;
  return { id, version: (version.high << LOW_BITS) | version.low };
}

/**
 * Closes what the same instance has open of this file on another client, if the caller may read
 * the file: an instance id is no secret. STATUS_FILE_FORCED_CLOSED: that one is as new, or newer
 * ([MS-SMB2] 3.3.5.9.15), and the caller is the one that was left.
 */
export function* takeOver(
  request: Request,
  treeConnect: TreeConnect,
  create: CreateRequest,
  instance: AppInstance,
): Task<NtStatus> {
  const { server, connection } = request;
  const { security, share } = treeConnect;
  if (security === undefined) return STATUS_ACCESS_DENIED;
  const move: InstanceMove = {
    shareName: share.name,
    name: create.name,
    clientGuid: connection.clientGuid,
    instance,
    security,
  };
  const isClosed =
    (yield* closeInstances(server, move)) &&
    (yield* wait(server.options.peers?.closeInstances(move) ?? true));
  return isClosed ? 0 : STATUS_FILE_FORCED_CLOSED;
}

/** `takeOver` in one process. False: what is open here is as new, or newer. */
export function* closeInstances(server: Smb2Server, move: InstanceMove): Task<boolean> {
  const { shareName, name, clientGuid, instance, security } = move;
  for (const open of server.appInstances.opensOf(instance.id)) {
    const { localOpen, appInstance, session } = open;
    if (localOpen === undefined || appInstance === undefined) continue;
    if (session.clientGuid === clientGuid) continue;
    const isSameShare = open.treeConnect.share.name === shareName;
    if (!isSameShare || !isNameOf(localOpen, name)) continue;
    if (decideTakeOver(appInstance, instance) === 'refuse') return false;
    if (!(yield* mayReadFile(localOpen, security))) continue;
    yield* closeOpen(server, open);
  }
  return true;
}

/** Durable handles in CREATE: [MS-SMB2] 3.3.5.9.6, .7, .10 and .12. */
import { type Task, wait } from '../../../base/task.ts';
import { type NtStatus, STATUS_INVALID_PARAMETER } from '../../../erref/ntstatus.ts';
import {
  SMB2_DHANDLE_FLAG_PERSISTENT,
  SMB2_DIALECT_300,
  SMB2_GLOBAL_CAP_PERSISTENT_HANDLES,
} from '../../wire/constants.ts';
import type { CreateRequest } from '../../wire/create.ts';
import {
  type CreateContext,
  findCreateContext,
  SMB2_CREATE_DURABLE_HANDLE_RECONNECT,
  SMB2_CREATE_DURABLE_HANDLE_RECONNECT_V2,
  SMB2_CREATE_DURABLE_HANDLE_REQUEST,
  SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2,
} from '../../wire/create-context.ts';
import {
  decodeDurableReconnect,
  decodeDurableReconnectV2,
  decodeDurableRequestV2,
  durableResponseContext,
  durableResponseV2Context,
  isDurableRequest,
} from '../../wire/create-context-durable.ts';
import { type Guid, NO_GUID } from '../../wire/guid.ts';
import { replayKeyOf } from '../create-replays.ts';
import { grantedTimeoutMs, keepsHandles } from '../decide-durable.ts';
import { makeDurableRecord, withKept } from '../durable-opens.ts';
import { isContinuouslyAvailable } from '../options.ts';
import type { Request } from '../request.ts';
import type { Connection } from '../state/connection.ts';
import type { DurableRecord } from '../state/durable-record.ts';
import type { Open } from '../state/open.ts';

/** Which of the four contexts a CREATE has; version 2's in dialects 3.x only. */
export type DurableContexts =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'request';
      readonly version: 1 | 2;
      readonly createGuid: Guid;
      /** Milliseconds; 0 lets the server choose. */
      readonly timeoutMs: number;
      readonly isPersistent: boolean;
    }
  | {
      readonly kind: 'reconnect';
      readonly version: 1 | 2;
      readonly persistentId: bigint;
      readonly createGuid: Guid;
      readonly isPersistent: boolean;
    };

type DurableRequest = Extract<DurableContexts, { readonly kind: 'request' }>;

export const NO_DURABLE: DurableContexts = { kind: 'none' };

/** STATUS_INVALID_PARAMETER: one is malformed, or they do not go together. */
export function durableContextsOf(
  { dialect }: Connection,
  { contexts }: CreateRequest,
): DurableContexts | NtStatus {
  if (contexts.length === 0) return NO_DURABLE;
  const knowsV2 = dialect >= SMB2_DIALECT_300;
  const find = (name: string): Uint8Array | undefined => findCreateContext(contexts, name);
  const request = find(SMB2_CREATE_DURABLE_HANDLE_REQUEST);
  const reconnect = find(SMB2_CREATE_DURABLE_HANDLE_RECONNECT);
  const requestV2 = knowsV2 ? find(SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2) : undefined;
  const reconnectV2 = knowsV2 ? find(SMB2_CREATE_DURABLE_HANDLE_RECONNECT_V2) : undefined;
  if (requestV2 !== undefined || reconnectV2 !== undefined) {
    const isAlone = request === undefined && reconnect === undefined;
    if (!isAlone || (requestV2 !== undefined && reconnectV2 !== undefined)) {
      return STATUS_INVALID_PARAMETER;
    }
  }
  // With both of version 1 the request is ignored.
  if (reconnect !== undefined) return decodeReconnect(reconnect);
  if (reconnectV2 !== undefined) return decodeReconnectV2(reconnectV2);
  if (requestV2 !== undefined) {
    const asked = decodeDurableRequestV2(requestV2);
    if (asked === undefined) return STATUS_INVALID_PARAMETER;
    const { createGuid, timeoutMs } = asked;
    const isPersistent = (asked.flags & SMB2_DHANDLE_FLAG_PERSISTENT) !== 0;
    return { kind: 'request', version: 2, createGuid, timeoutMs, isPersistent };
  }
  if (request === undefined) return NO_DURABLE;
  if (!isDurableRequest(request)) return STATUS_INVALID_PARAMETER;
  return {
    kind: 'request',
    version: 1,
    createGuid: NO_GUID,
    timeoutMs: 0,
    isPersistent: false,
  };
}

function decodeReconnect(data: Uint8Array): DurableContexts | NtStatus {
  const fileId = decodeDurableReconnect(data);
  if (fileId === undefined) return STATUS_INVALID_PARAMETER;
  const { persistent: persistentId } = fileId;
  return {
    kind: 'reconnect',
    version: 1,
    persistentId,
    createGuid: NO_GUID,
    isPersistent: false,
  };
}

function decodeReconnectV2(data: Uint8Array): DurableContexts | NtStatus {
  const asked = decodeDurableReconnectV2(data);
  if (asked === undefined) return STATUS_INVALID_PARAMETER;
  const { fileId, createGuid } = asked;
  const { persistent: persistentId } = fileId;
  const isPersistent = (asked.flags & SMB2_DHANDLE_FLAG_PERSISTENT) !== 0;
  return { kind: 'reconnect', version: 2, persistentId, createGuid, isPersistent };
}

/**
 * [MS-SMB2] 3.3.5.9.6 and 3.3.5.9.10: makes a new open durable where it may be. The context to
 * answer with; undefined where the open is not durable. It may be replayed all the same.
 *
 * Deviation: Open.IsReplayEligible of directories and of opens without access to data, too, as
 * Samba has it: a client that did not hear that its directory was made need not find it in its way.
 */
export function* grantDurable(
  request: Request,
  open: Open,
  asked: DurableRequest,
): Task<CreateContext | undefined> {
  const answer = yield* grant(request, open, asked);
  if (asked.version === 2 && open.state === 'connected') {
    const { clientGuid } = open.session;
    request.server.createReplays.settle(replayKeyOf(clientGuid, asked.createGuid), open);
  }
  return answer;
}

function* grant(
  request: Request,
  open: Open,
  asked: DurableRequest,
): Task<CreateContext | undefined> {
  const { durableTimeoutMs: defaultMs, durableTimeoutMaxMs: maxMs } = request.server.options.limits;
  const timeoutMs = grantedTimeoutMs(asked.timeoutMs, { defaultMs, maxMs });
  const { createGuid } = asked;
  const { serverId } = request.server.options;
  if (asked.isPersistent && (yield* mayPersist(request, open))) {
    const kept = makeDurableRecord(open, { serverId, kind: 'persistent', createGuid, timeoutMs });
    if (kept === undefined) return undefined;
    if (yield* request.server.durableOpens.persist(open, kept)) return durableAnswer(kept);
    if (open.state !== 'connected') return undefined;
  }
  const record = makeDurableRecord(open, { serverId, kind: 'durable', createGuid, timeoutMs });
  if (record === undefined) return undefined;
  const { localOpen } = open;
  if (localOpen?.oplock === undefined || localOpen.isDirectory) return undefined;
  if (!keepsHandles(localOpen.oplock)) return undefined;
  const shared = yield* withKept(request.server, localOpen, record);
  if (open.state !== 'connected') return undefined;
  yield* request.server.durableOpens.put(open, shared);
  return asked.version === 1 ? durableResponseContext() : durableAnswer(record);
}

/** [MS-SMB2] 2.2.14.2.12 SMB2_CREATE_DURABLE_HANDLE_RESPONSE_V2. */
export function durableAnswer({ kind, timeoutMs }: DurableRecord): CreateContext {
  const flags = kind === 'persistent' ? SMB2_DHANDLE_FLAG_PERSISTENT : 0;
  return durableResponseV2Context({ timeoutMs, flags });
}

/**
 * 3.3.5.9.10: on a share that is continuously available, with an oplock or lease or without. A
 * symbolic link that is open itself has nothing to keep.
 */
function* mayPersist(
  { connection, server }: Request,
  { localOpen, treeConnect }: Open,
): Task<boolean> {
  const hasAgreed = (connection.serverCapabilities & SMB2_GLOBAL_CAP_PERSISTENT_HANDLES) !== 0;
  if (!hasAgreed || !isContinuouslyAvailable(treeConnect.share)) return false;
  if (localOpen === undefined || localOpen.volume.isSnapshot) return false;
  return yield* wait(server.durableOpens.mayPersist());
}

/** A CREATE that is sent again: [MS-SMB2] 3.3.5.9.10. */
import { type Task, wait } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_DUPLICATE_OBJECTID,
  STATUS_FILE_NOT_AVAILABLE,
} from '../../../erref/ntstatus.ts';
import {
  SMB2_FLAGS_REPLAY_OPERATION,
  SMB2_OPLOCK_LEVEL_BATCH,
  SMB2_OPLOCK_LEVEL_LEASE,
} from '../../wire/constants.ts';
import type { CreateRequest } from '../../wire/create.ts';
import { findCreateContext, SMB2_CREATE_REQUEST_LEASE } from '../../wire/create-context.ts';
import { decodeLeaseContext } from '../../wire/create-context-lease.ts';
import { replayKeyOf } from '../create-replays.ts';
import { NOT_AGAIN } from '../foreign-create.ts';
import { Request } from '../request.ts';
import type { Open } from '../state/open.ts';
import type { TreeConnect } from '../state/tree-connect.ts';
import { type DurableContexts, durableAnswer } from './create-durable.ts';
import { fetchOpen, giveBack, respondAsItStands } from './create-reconnect.ts';

/** A CREATE with a CreateGuid. */
export interface GuidedCreate {
  readonly treeConnect: TreeConnect;
  readonly create: CreateRequest;
  readonly durable: Extract<DurableContexts, { readonly kind: 'request' }>;
}

/**
 * Runs a CREATE unless it ran before: then it is answered once more.
 *
 * STATUS_FILE_NOT_AVAILABLE: the first one still waits, and the client sends this one again later;
 * or its open is persistent, and was used. Windows, as an option: STATUS_ACCESS_DENIED then, or
 * where the first one waits for sharing, this one waits beside it (smbtorture
 * smb2.replay.*-windows).
 * STATUS_DUPLICATE_OBJECTID: this is no replay, or the open is another session's.
 * STATUS_ACCESS_DENIED: a lease is named that is not the open's.
 */
export function* createOnce(
  request: Request,
  guided: GuidedCreate,
  run: () => Task<NtStatus>,
): Task<NtStatus> {
  const { createReplays } = request.server;
  const key = replayKeyOf(request.connection.clientGuid, guided.durable.createGuid);
  if (isReplay(request) && createReplays.find(key) === undefined) {
    const status = yield* fetchReplayed(request, guided);
    if (status !== 0) return status;
  }
  const known = createReplays.find(key);
  if (known instanceof Request) {
    if (request.server.options.replayOrder === 'sane') return STATUS_FILE_NOT_AVAILABLE;
    return known.waitsForSharing ? yield* run() : STATUS_ACCESS_DENIED;
  }
  if (known !== undefined) return yield* replay(request, guided, known);
  if (isUsed(request, guided)) return STATUS_FILE_NOT_AVAILABLE;
  request.isReplayable = true;
  createReplays.begin(key, request);
  try {
    return yield* run();
  } finally {
    createReplays.end(key, request);
  }
}

function isReplay({ header }: Request): boolean {
  return (header.flags & SMB2_FLAGS_REPLAY_OPERATION) !== 0;
}

/**
 * [MS-SMB2] 3.3.1.5 Global, GlobalOpenTable: the open that the CREATE made in another process is
 * this one's then. Mostly clients come to the process that had them; this one is asked after an
 * upgrade, or when nobody remembers.
 *
 * STATUS_FILE_NOT_AVAILABLE, STATUS_DUPLICATE_OBJECTID: as in `createOnce`.
 */
function* fetchReplayed(request: Request, guided: GuidedCreate): Task<NtStatus> {
  const { server, connection } = request;
  const { createGuid } = guided.durable;
  const { clientGuid } = connection;
  const isHere = server.durableOpens.findPersistent(clientGuid, createGuid) !== undefined;
  if (isHere || server.options.peers === undefined) return 0;
  const persistentId = yield* wait(server.options.peers.findCreate({ clientGuid, createGuid }));
  if (persistentId === undefined) return 0;
  if (persistentId === NOT_AGAIN) return STATUS_FILE_NOT_AVAILABLE;
  if ((yield* fetchOpen(request, guided.treeConnect, { persistentId })) !== undefined) return 0;
  // It may have been closed when it was asked for.
  const record = yield* server.durableOpens.recordOf(persistentId);
  return record === undefined ? 0 : STATUS_DUPLICATE_OBJECTID;
}

/** Windows: a persistent open is not made anew (smbtorture smb2.persistent-open.replay-multi). */
function isUsed(request: Request, { durable }: GuidedCreate): boolean {
  if (!isReplay(request)) return false;
  const { server, connection } = request;
  return (
    server.durableOpens.findPersistent(connection.clientGuid, durable.createGuid) !== undefined
  );
}

function* replay(request: Request, guided: GuidedCreate, open: Open): Task<NtStatus> {
  const { treeConnect, create, durable } = guided;
  if (!isReplay(request)) return STATUS_DUPLICATE_OBJECTID;
  if (open.state === 'disconnected') {
    const { persistent: persistentId } = open.fileId;
    const { createGuid } = durable;
    // A CREATE asks for a persistent handle where none may be granted, too.
    const isPersistent = open.durable?.kind === 'persistent';
    const asked = { version: 2, persistentId, createGuid, isPersistent } as const;
    const back = yield* giveBack(request, treeConnect, create, asked);
    return typeof back === 'number' ? back : yield* answerAgain(request, create, back.open);
  }
  if (open.treeConnect !== treeConnect) return STATUS_DUPLICATE_OBJECTID;
  if (!hasLeaseOf(open, create)) return STATUS_ACCESS_DENIED;
  request.chain.open = open;
  request.chain.openFailure = 0;
  return yield* answerAgain(request, create, open);
}

/** Whether the lease that a replay names, if any, is the open's. */
function hasLeaseOf({ localOpen }: Open, create: CreateRequest): boolean {
  if (create.requestedOplockLevel !== SMB2_OPLOCK_LEVEL_LEASE) return true;
  const data = findCreateContext(create.contexts, SMB2_CREATE_REQUEST_LEASE);
  const asked = data === undefined ? undefined : decodeLeaseContext(data);
  if (asked === undefined) return true;
  return localOpen?.oplock?.lease?.leaseKey === asked.leaseKey;
}

/**
 * Windows: the oplock level is the one that the replay asks for, and durability is told where that
 * level could have it (smbtorture smb2.replay.replay-dhv2-oplock2).
 */
function* answerAgain(request: Request, create: CreateRequest, open: Open): Task<NtStatus> {
  const { requestedOplockLevel: oplockLevel } = create;
  const mayTell =
    open.durable?.kind === 'persistent' ||
    oplockLevel === SMB2_OPLOCK_LEVEL_BATCH ||
    oplockLevel === SMB2_OPLOCK_LEVEL_LEASE;
  const { createAction, durable } = open;
  const extra = mayTell && durable !== undefined ? durableAnswer(durable) : undefined;
  return yield* respondAsItStands(request, create, open, { createAction, oplockLevel, extra });
}

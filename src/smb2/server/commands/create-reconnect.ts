/** A client comes back for its open: [MS-SMB2] 3.3.5.9.7 and 3.3.5.9.12. */
import { isPromise, type MaybePromise, run, type Task, taskOf, wait } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../../../erref/ntstatus.ts';
import type { Back, BackDecision } from '../../../fsa/decide-persistent.ts';
import { isDeletionDue } from '../../../fsa/file-record.ts';
import { queryMetadata } from '../../../fsa/information.ts';
import type { LocalOpen } from '../../../fsa/local-open.ts';
import type { OplockEntry } from '../../../fsa/oplock.ts';
import { isSharedWithWriter, resumeOpen } from '../../../fsa/persist.ts';
import { FILE_OPENED } from '../../../fscc/create-parameters.ts';
import { failed } from '../../../vfs/errno.ts';
import type { CreateRequest } from '../../wire/create.ts';
import {
  type CreateContext,
  findCreateContext,
  SMB2_CREATE_REQUEST_LEASE,
} from '../../wire/create-context.ts';
import { decodeLeaseContext } from '../../wire/create-context-lease.ts';
import { channelSequence } from '../../wire/header.ts';
import { acceptSequence } from '../channel-sequence.ts';
import { closeOpen, disconnectOpen } from '../closing.ts';
import { decideIdentity, decideReconnect, oplockOf } from '../decide-durable.ts';
import { identityIn } from '../file-identity.ts';
import { takeOver } from '../moving-opens.ts';
import { isNameOf } from '../name-of.ts';
import { oplockLevelOf } from '../oplock-contexts.ts';
import type { Request } from '../request.ts';
import type { DurableRecord } from '../state/durable-record.ts';
import type { Open } from '../state/open.ts';
import type { TreeConnect } from '../state/tree-connect.ts';
import { respondOpened } from './create-answer.ts';
import type { DurableContexts } from './create-durable.ts';
import { whyGone } from './why-gone.ts';

type Reconnect = Extract<DurableContexts, { readonly kind: 'reconnect' }>;

/**
 * Gives a disconnected open to the connection that asks for it: T3 of `Open`. Nothing of the CREATE
 * counts but its contexts and, with a lease, the name. Statuses as in `decideReconnect`.
 */
export function* reconnectOpen(
  request: Request,
  treeConnect: TreeConnect,
  create: CreateRequest,
  asked: Reconnect,
): Task<NtStatus> {
  const back = yield* giveBack(request, treeConnect, create, asked);
  if (typeof back === 'number') return back;
  const { open, oplock } = back;
  return yield* respondAsItStands(request, create, open, { createAction: FILE_OPENED, oplock });
}

/** An open that its client has again. */
export interface GivenBack {
  readonly open: Open;
  /** What to tell of its oplock or lease, where that is not what it is. */
  readonly oplock: OplockEntry | undefined;
}

/** The open, which is the session's from now on; or why it is not. */
export function* giveBack(
  request: Request,
  treeConnect: TreeConnect,
  create: CreateRequest,
  asked: Omit<Reconnect, 'kind'>,
): Task<GivenBack | NtStatus> {
  const { server, connection } = request;
  const { identity } = treeConnect.session;
  if (identity === undefined) return STATUS_ACCESS_DENIED;
  const leaseData = findCreateContext(create.contexts, SMB2_CREATE_REQUEST_LEASE);
  const lease = leaseData === undefined ? undefined : decodeLeaseContext(leaseData);
  if (leaseData !== undefined && lease === undefined) return STATUS_INVALID_PARAMETER;
  const open = findOpen(request, asked) ?? (yield* fetchOpen(request, treeConnect, asked));
  // The session that lost it has a long way to go.
  if (open?.session.state === 'gone') yield* disconnectOpen(server, open);
  const persistentId = open?.fileId.persistent ?? asked.persistentId;
  const record = yield* server.durableOpens.recordOf(persistentId);
  const localOpen = open?.localOpen;
  const isSameName = localOpen !== undefined && isNameOf(localOpen, create.name);
  const status = decideReconnect(record, {
    version: asked.version,
    createGuid: asked.createGuid,
    isPersistent: asked.isPersistent,
    clientGuid: connection.clientGuid,
    userSid: identity.userSid,
    shareName: treeConnect.share.name.toLowerCase(),
    lease,
    isSameName,
    deletesOnClose: !isSameName && (yield* deletesOnClose(localOpen)),
  });
  if (status !== 0) return status;
  if (record === undefined || open?.state !== 'disconnected' || localOpen === undefined) {
    return STATUS_OBJECT_NAME_NOT_FOUND;
  }
  const change = yield* changeSince(open, record);
  // Meanwhile it may have closed, or come back on another connection.
  const isSame = open.durable?.away?.since === record.away?.since;
  if (open.state !== 'disconnected' || !isSame) return STATUS_OBJECT_NAME_NOT_FOUND;
  // Others could open a persistent one's file and write where the lease let them.
  if (change === 'replaced' || (change === 'changed' && record.kind !== 'persistent')) {
    const { path } = localOpen;
    const { log } = server.options.env;
    log.warn({ path, userSid: record.userSid, change }, 'not given back: the file is another');
    yield* closeOpen(server, open);
    return STATUS_OBJECT_NAME_NOT_FOUND;
  }
  const gone = whyGone(request, treeConnect);
  if (gone !== 0) return gone;
  const isChanged = change === 'changed';
  const back = { open, record, epoch: lease?.epoch, isChanged };
  const oplock = yield* join(request, treeConnect, back);
  return { open, oplock };
}

/** Lease.FileDeleteOnClose. */
function* deletesOnClose(localOpen: LocalOpen | undefined): Task<boolean> {
  if (localOpen === undefined) return false;
  const { volume, fileKey, path, streamKey, oplockKey } = localOpen;
  const record = yield* wait(volume.files.get(fileKey));
  return isDeletionDue(record, { volumeId: volume.id, path, streamKey, oplockKey });
}

/** 3.3.5.9.12: a persistent one, if not by its id, by the id of its CREATE. */
function findOpen(
  { server, connection }: Request,
  { persistentId, isPersistent, createGuid }: Omit<Reconnect, 'kind'>,
): Open | undefined {
  const open = server.durableOpens.find(persistentId);
  if (open !== undefined || !isPersistent) return open;
  return server.durableOpens.findPersistent(connection.clientGuid, createGuid);
}

/** From the process that has it, if its client was the same user. */
export function* fetchOpen(
  { server }: Request,
  treeConnect: TreeConnect,
  { persistentId }: Pick<Reconnect, 'persistentId'>,
): Task<Open | undefined> {
  if (server.options.peers === undefined) return undefined;
  const record = yield* server.durableOpens.recordOf(persistentId);
  if (record === undefined) return undefined;
  const { share, session } = treeConnect;
  if (record.userSid !== session.identity?.userSid) return undefined;
  if (record.shareName !== share.name.toLowerCase()) return undefined;
  return yield* takeOver(server, share, record);
}

/**
 * What became of the file, undefined: it is still what the client left. One that somebody changed
 * or put elsewhere without asking this server is not given back: what the client cached of it is
 * not true any more.
 */
function* changeSince(
  { localOpen }: Open,
  record: DurableRecord,
): Task<ReturnType<typeof decideIdentity>> {
  if (localOpen === undefined) return undefined;
  const { volume, security, path } = localOpen;
  const stat = yield* wait(volume.vfs.stat(security.credentials, path));
  const found = failed(stat) ? undefined : yield* identityIn(localOpen, stat);
  const change = decideIdentity(record.away?.identity, found);
  // By the client itself, as far as anybody knows: it is back for another open of the file already.
  if (change === 'changed' && (yield* isSharedWithWriter(localOpen))) return undefined;
  return change;
}

function* join(
  request: Request,
  treeConnect: TreeConnect,
  back: Back & { readonly open: Open; readonly record: DurableRecord },
): Task<OplockEntry | undefined> {
  const { server, chain } = request;
  const { open, record } = back;
  server.durableOpens.stopAwaiting(open);
  open.state = 'connected';
  open.session = treeConnect.session;
  open.treeConnect = treeConnect;
  open.fileId = { persistent: open.fileId.persistent, volatile: server.fileIds.volatile() };
  treeConnect.session.opens.set(open.fileId.volatile, open);
  acceptSequence(open, channelSequence(request.header), false);
  treeConnect.openCount++;
  chain.open = open;
  chain.openFailure = 0;
  const { clientGuid } = treeConnect.session;
  const resumed = record.kind === 'persistent' ? resume(request, open, back) : undefined;
  yield* server.durableOpens.put(open, { ...record, clientGuid, away: undefined });
  const oplock = yield* wait(resumed);
  // The session may have gone while the store was written.
  if (treeConnect.session.state === 'gone') yield* disconnectOpen(server, open);
  return oplock;
}

/**
 * An open that outlives the server, and its oplock or lease. What broke meanwhile the client is
 * told after the answer, which shows what it had.
 */
function resume(request: Request, open: Open, back: Back): MaybePromise<OplockEntry | undefined> {
  const { localOpen } = open;
  if (localOpen === undefined) return undefined;
  const { volume, fileKey, path } = localOpen;
  const resuming = run(resumeOpen(localOpen, back));
  const tell = ({ oplock, breaks, isStale }: BackDecision): OplockEntry | undefined => {
    if (isStale === true) {
      const { log } = request.server.options.env;
      log.warn({ path }, 'given back without its oplock or lease: the file was changed');
    }
    if (breaks === undefined) return undefined;
    request.afterSend = () => volume.oplockBreaks.indicate(volume, fileKey, [breaks]);
    return oplock;
  };
  return isPromise(resuming) ? resuming.then(tell) : tell(resuming);
}

/** What a CREATE answers with that opens nothing: an open that there is. */
export function* respondAsItStands(
  request: Request,
  create: CreateRequest,
  open: Open,
  answer: {
    readonly createAction: number;
    /** Default: what the open has. */
    readonly oplockLevel?: number;
    readonly extra?: CreateContext | undefined;
    /** Default: what it is. */
    readonly oplock?: OplockEntry | undefined;
  },
): Task<NtStatus> {
  const { localOpen } = open;
  if (localOpen === undefined) return STATUS_OBJECT_NAME_NOT_FOUND;
  const { status, metadata } = yield* queryMetadata(localOpen);
  if (status !== 0 || metadata === undefined) return status;
  const record = yield* wait(localOpen.volume.files.get(localOpen.fileKey));
  const held = answer.oplock ?? oplockOf(record, localOpen);
  const oplock = held && { ...held, isBreaking: held.breaking !== undefined };
  const opened = {
    open: localOpen,
    metadata,
    oplock,
    oplockLevel: answer.oplockLevel ?? oplockLevelOf(oplock),
    createAction: answer.createAction,
    extra: answer.extra,
  };
  yield* taskOf(respondOpened(request, create, open, opened));
  return 0;
}

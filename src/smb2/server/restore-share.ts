/** Opens that outlived the server before: given to the clients that come back for them. */
import { type Task, wait } from '../../base/task.ts';
import type { FileRecord } from '../../fsa/file-record.ts';
import type { LocalOpen } from '../../fsa/local-open.ts';
import { restoreOpens, takeOpens } from '../../fsa/restore-opens.ts';
import { SMB2_DIALECT_311 } from '../wire/constants.ts';
import { awaitClient, leftNow } from './closing.ts';
import { replayKeyOf } from './create-replays.ts';
import { oplockOf } from './decide-durable.ts';
import { withKept } from './durable-opens.ts';
import { identityNow } from './file-identity.ts';
import type { Share } from './options.ts';
import type { Smb2Server } from './server.ts';
import type { Away, DurableRecord } from './state/durable-record.ts';
import type { Open } from './state/open.ts';
import { Session } from './state/session.ts';
import type { TreeConnect } from './state/tree-connect.ts';

/**
 * Restores the persistent opens of a share, before it is added to the server, and how many they
 * are. Their clients' time begins now.
 *
 * [MS-SMB2] 3.3.1.10 Per Open, Open.IsPersistent: each is disconnected, in `DurableOpens`.
 */
export function* restoreShare(server: Smb2Server, share: Share): Task<number> {
  if (share.volume === undefined) return 0;
  share.volume.oplockBreaks.connect(server.oplockHolders);
  const restored = yield* restoreOpens(share.volume);
  for (const { open: localOpen, owner } of restored) {
    // The layout's version vouches for what it is.
    yield* addOpen(server, share, { localOpen, record: owner as DurableRecord });
  }
  return restored.length;
}

/**
 * Takes the opens of a share that the server before this one handed over: hand-over.ts. Their
 * clients have what is left of their time.
 */
export function* takeShare(
  server: Smb2Server,
  share: Share,
  handedOver: Iterable<FileRecord>,
): Task<number> {
  const { volume } = share;
  if (volume === undefined) return 0;
  volume.oplockBreaks.connect(server.oplockHolders);
  const taken = yield* takeOpens(volume, handedOver);
  for (const { open: localOpen, owner } of taken) {
    const record = owner as DurableRecord;
    yield* addOpen(server, share, { localOpen, record, waitedMs: waitedMsOf(server, record) });
    const file = yield* wait(volume.files.get(localOpen.fileKey));
    // Who broke it kept the time, and is gone.
    const oplock = oplockOf(file, localOpen);
    if (oplock !== undefined) volume.oplockBreaks.keepTimeOf(volume, localOpen.fileKey, oplock);
  }
  return taken.length;
}

/** Of the time that its client has to come back. */
export function waitedMsOf({ options }: Smb2Server, { away }: DurableRecord): number {
  const now = options.env.clock.fileTime();
  return Math.max(0, Number((now - (away?.since ?? now)) / FILE_TIME_MS));
}

/** A millisecond in units of FILETIME. */
const FILE_TIME_MS = 10_000n;

/** An open of another process, or of a server that has ended, is this one's. */
export function* addOpen(
  server: Smb2Server,
  share: Share,
  from: {
    readonly localOpen: LocalOpen;
    readonly record: DurableRecord;
    /** Milliseconds of its client's time that have passed already. */
    readonly waitedMs?: number;
  },
): Task<Open> {
  const { localOpen } = from;
  const record: DurableRecord = {
    ...(yield* withKept(server, localOpen, from.record)),
    serverId: server.options.serverId,
    fileKey: localOpen.fileKey,
    away: yield* awayOf(server, from.record, localOpen),
  };
  const session = lostSession(server, record);
  const open: Open = {
    fileId: { persistent: record.persistentId, volatile: server.fileIds.volatile() },
    session,
    treeConnect: lostTreeConnect(session, share, localOpen),
    localOpen,
    pipe: undefined,
    grantedAccess: localOpen.grantedAccess,
    resumeKey: undefined,
    state: 'disconnected',
    durable: record,
    createAction: record.createAction,
    appInstance: record.appInstance,
    replayKey: undefined,
    lockSequences: record.lockSequences ?? record.away?.lockSequences,
    channelSequence: record.away?.channelSequence ?? 0,
    outstanding: 0,
    outstandingBefore: 0,
    inFlight: 0,
    whenIdle: undefined,
  };
  server.openAdded();
  server.oplockHolders.add(open);
  server.appInstances.add(open);
  yield* server.durableOpens.restore(open, record);
  if (record.away?.isReplayEligible === true) {
    server.createReplays.settle(replayKeyOf(record.clientGuid, record.createGuid), open);
  }
  awaitClient(server, open, from.waitedMs);
  return open;
}

/**
 * How its client left it. After a crash nobody knows what the file was like then: as it is now
 * counts. It is the same file, whatever number its device has by now.
 */
function* awayOf(server: Smb2Server, record: DurableRecord, localOpen: LocalOpen): Task<Away> {
  const found = yield* identityNow(localOpen);
  const { away } = record;
  if (away === undefined) return { ...leftNow(server, record, localOpen), identity: found };
  if (away.identity === undefined || found === undefined) return away;
  const { device, inode } = found;
  return { ...away, identity: { ...away.identity, device, inode } };
}

/** Stands for the session that the open lost, as `Open` wants one: whose it was. */
function lostSession(server: Smb2Server, record: DurableRecord): Session {
  const session = new Session({
    sessionId: 0n,
    createdMs: server.options.env.clock.monotonicMs(),
    dialect: SMB2_DIALECT_311,
    clientGuid: record.clientGuid,
  });
  session.identity = {
    userName: record.userName,
    domainName: '',
    userSid: record.userSid,
    groupSids: [],
    isGuest: false,
    isAnonymous: false,
  };
  session.become('gone');
  return session;
}

function lostTreeConnect(session: Session, share: Share, { security }: LocalOpen): TreeConnect {
  return {
    treeId: 0,
    session,
    share,
    security,
    maximalAccess: security.maximalAccess,
    encryptData: false,
    appleReadDirAttr: false,
    isApple: false,
    openCount: 0,
  };
}

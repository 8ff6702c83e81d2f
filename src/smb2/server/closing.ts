import { type Now, type Task, taskOf, wait } from '../../base/task.ts';
import { Turns } from '../../env/turns.ts';
import type { NtStatus } from '../../erref/ntstatus.ts';
import { closeOpen as closeLocalOpen, closeOpenNow as closeLocalOpenNow } from '../../fsa/close.ts';
import type { LocalOpen } from '../../fsa/local-open.ts';
import { NO_CACHING } from '../../fsa/oplock.ts';
import { acknowledgeBreak } from '../../fsa/oplock-breaks.ts';
import { keptLocalOpen, leaveOpen as leaveLocalOpen, persistOpen } from '../../fsa/persist.ts';
import { SMB2_CREATE, SMB2_LOCK, SMB2_SET_INFO } from '../wire/constants.ts';
import { decideKeep } from './decide-durable.ts';
import { identityNow } from './file-identity.ts';
import type { Share } from './options.ts';
import type { Request } from './request.ts';
import type { Smb2Server } from './server.ts';
import type { Connection } from './state/connection.ts';
import type { Away, DurableRecord } from './state/durable-record.ts';
import type { Open } from './state/open.ts';
import type { Session } from './state/session.ts';
import type { TreeConnect } from './state/tree-connect.ts';

/** [MS-SMB2] 3.3.4.17 Server Application Requests Closing an Open. */
export function* closeOpen(server: Smb2Server, open: Open): Task<NtStatus> {
  return yield* taskOf(closeOpenNow(server, open));
}

/** The same, without a task where nothing has to wait. */
export function closeOpenNow(server: Smb2Server, open: Open): Now<NtStatus> {
  if (open.state === 'closed') return 0;
  if (open.state === 'connected') leaveSession(open);
  open.state = 'closed';
  server.openRemoved();
  open.pipe?.close();
  server.oplockHolders.remove(open);
  server.createReplays.forget(open);
  server.appInstances.remove(open);
  if (open.inFlight > 0 || open.durable !== undefined) return closeBusy(server, open);
  return open.localOpen === undefined ? 0 : closeLocalOpenNow(open.localOpen);
}

function* closeBusy(server: Smb2Server, open: Open): Task<NtStatus> {
  if (open.inFlight > 0) {
    giveUpWaiting(open);
    yield* untilIdle(open);
  }
  if (open.durable !== undefined) yield* server.durableOpens.remove(open);
  return open.localOpen === undefined ? 0 : yield* closeLocalOpen(open.localOpen);
}

/**
 * Somebody needs what an open caches whose client is away. A persistent one is told when its client
 * is back, and who needs it waits; a resilient one gives its caching up, any other one is closed.
 */
export function purgeOpen(server: Smb2Server, open: Open): void {
  if (open.durable?.kind === 'persistent') return;
  if (open.durable?.kind !== 'resilient' || open.localOpen === undefined) {
    closeUnattended(server, open);
  } else {
    server.runDetached(acknowledgeBreak(open.localOpen, NO_CACHING));
  }
}

/** The server ends, the open does not: the next server gives it back. */
export function* leaveOpen(server: Smb2Server, open: Open): Task<void> {
  if (open.state === 'closed' || open.localOpen === undefined) return;
  const { durable, state, localOpen } = open;
  yield* forgetOpen(server, open);
  if (state === 'connected') yield* noteLeft(server, localOpen, durable);
  leaveLocalOpen(localOpen);
}

/** By which the next server tells whether somebody changed the file in between. */
function* noteLeft(
  server: Smb2Server,
  localOpen: LocalOpen,
  durable: DurableRecord | undefined,
): Task<void> {
  if (durable === undefined) return;
  const identity = yield* identityNow(localOpen);
  if (identity === undefined) return;
  const away = { ...leftNow(server, durable, localOpen), identity };
  // The stores are waited for in the end, together.
  server.runDetached(persistOpen(localOpen, { ...durable, away }, { isAway: true }));
}

/** Its client was connected to the end. Whether it had the answer to its CREATE nobody knows. */
export function leftNow(
  { options }: Smb2Server,
  { lockSequences }: DurableRecord,
  { mode, position }: LocalOpen,
): Away {
  const since = options.env.clock.fileTime();
  const replays = { channelSequence: 0, isReplayEligible: true, lockSequences };
  return { since, mode, position, ...replays, identity: undefined };
}

/** It is gone from this server's tables; its file is open still. */
export function* forgetOpen(server: Smb2Server, open: Open): Task<void> {
  if (open.state === 'connected') leaveSession(open);
  open.state = 'closed';
  server.openRemoved();
  server.oplockHolders.remove(open);
  server.createReplays.forget(open);
  server.appInstances.remove(open);
  if (open.inFlight > 0) yield* untilIdle(open);
  yield* server.durableOpens.remove(open);
}

/** Closes an open that nobody waits for: its client is gone. */
function closeUnattended(server: Smb2Server, open: Open): void {
  server.runDetached(closeOpen(server, open));
}

function leaveSession(open: Open): void {
  open.session.opens.delete(open.fileId.volatile);
  open.treeConnect.openCount--;
}

/**
 * A rename or deletion that waits for others' caching to break, while others may wait for this open
 * to close. What storage is busy with goes on.
 */
function giveUpWaiting(open: Open): void {
  for (const request of waitingOf(open.session, open.session.channels.keys())) {
    const isChange = request.header.command === SMB2_SET_INFO;
    if (isChange && request.open === open) request.cancel();
  }
}

/** What waits for others' opens, and would go on as those close. */
const WAITS_FOR_OPENS: ReadonlySet<number> = new Set([SMB2_CREATE, SMB2_LOCK, SMB2_SET_INFO]);

/**
 * [MS-SMB2] 3.3.4.17, requests of opens that close are cancelled; of opens that close one after the
 * other all are before the first: it would let them have what goes at once.
 */
function endWaits(waiting: Iterable<Request>): void {
  for (const request of waiting) {
    if (WAITS_FOR_OPENS.has(request.header.command)) request.cancel();
  }
}

function* waitingIn(treeConnect: TreeConnect): Iterable<Request> {
  const { session } = treeConnect;
  for (const request of [...waitingOf(session, session.channels.keys()), ...session.stranded]) {
    if (request.treeConnect === treeConnect) yield request;
  }
}

function* waitingOf(session: Session, connections: Iterable<Connection>): Iterable<Request> {
  for (const connection of connections) {
    for (const request of [...connection.waiting.values()]) {
      if (request.session === session) yield request;
    }
  }
}

function* untilIdle(open: Open): Task<void> {
  const { whenIdle } = open;
  yield* wait(
    new Promise<void>((resolve) => {
      open.whenIdle = () => {
        open.whenIdle = undefined;
        whenIdle?.();
        resolve();
      };
    }),
  );
}

/**
 * [MS-SMB2] 3.3.7.1 Handling Loss of a Connection: an open that is durable or resilient waits for
 * its client, every other one closes. It stays durable only while its oplock or lease does, and
 * while the server has room for it; a persistent one stays.
 */
export function* disconnectOpen(server: Smb2Server, open: Open): Task<void> {
  if (open.state !== 'connected') return;
  const { session } = open;
  const isKept = yield* mayWait(server, open);
  // Meanwhile it may have closed, or have been lost and come back to another session.
  if (open.state !== 'connected' || open.session !== session) return;
  const { localOpen, durable } = open;
  if (localOpen === undefined || durable === undefined || !isKept) {
    yield* closeOpen(server, open);
    return;
  }
  leaveSession(open);
  open.state = 'disconnected';
  const since = server.options.env.clock.fileTime();
  awaitClient(server, open);
  const away: Away = {
    since,
    mode: localOpen.mode,
    position: localOpen.position,
    channelSequence: open.channelSequence,
    isReplayEligible: open.replayKey !== undefined,
    lockSequences: open.lockSequences,
    identity: undefined,
  };
  const left = durable.kept && { ...durable.kept, local: keptLocalOpen(localOpen) };
  const kept = { ...durable, kept: left };
  yield* server.durableOpens.put(open, { ...kept, away });
  if (open.inFlight > 0) yield* untilIdle(open);
  const identity = yield* identityNow(localOpen);
  const isBack = open.state !== 'disconnected' || open.durable?.away?.since !== since;
  if (isBack || identity === undefined) return;
  const { position: last } = localOpen;
  const settled = { ...away, position: last, identity };
  yield* server.durableOpens.put(open, { ...kept, away: settled });
}

/** From now on its client has what is left of the time that was granted to come back. */
export function awaitClient(server: Smb2Server, open: Open, waitedMs: number = 0): void {
  const { localOpen, durable } = open;
  if (durable === undefined) return;
  server.durableOpens.await(open, Math.max(0, durable.timeoutMs - waitedMs), () => {
    const { path } = localOpen ?? {};
    const { userSid } = durable;
    server.options.env.log.info({ path, userSid }, 'a client did not come back');
    closeUnattended(server, open);
  });
}

function* mayWait(server: Smb2Server, { localOpen, durable }: Open): Task<boolean> {
  if (localOpen === undefined || durable === undefined) return false;
  if (durable.kind === 'persistent') return true;
  if (!(yield* wait(server.durableOpens.mayAwait()))) {
    server.options.env.log.warn({ path: localOpen.path }, 'too many opens wait for their clients');
    return false;
  }
  if (durable.kind === 'resilient') return true;
  const record = yield* wait(localOpen.volume.files.get(localOpen.fileKey));
  return decideKeep(record, localOpen);
}

/** [MS-SMB2] 3.3.5.8 Receiving an SMB2 TREE_DISCONNECT Request: its opens go with it. */
export function* closeTreeConnect(server: Smb2Server, treeConnect: TreeConnect): Task<void> {
  const { session } = treeConnect;
  const turns = new Turns(server.options.env);
  session.treeConnects.delete(treeConnect.treeId);
  endWaits(waitingIn(treeConnect));
  for (const open of [...session.opens.values()]) {
    if (open.treeConnect !== treeConnect) continue;
    yield* closeOpen(server, open);
    yield* turns.next();
  }
  // What waits on those was ended by their closing; what is left has none yet.
  for (const request of waitingIn(treeConnect)) endWait(request);
}

/** A close ends what waits on its open (a notify) with a status of its own. */
function endWait(request: Request): void {
  if (request.asyncId !== 0n && request.open?.state !== 'closed') request.cancel();
}

/** Closes all tree connects of a share and their opens, also of clients that are away. */
export function* closeShare(server: Smb2Server, share: Share): Task<void> {
  for (const session of [...server.sessions.values(), ...server.endingSessions.values()]) {
    for (const treeConnect of [...session.treeConnects.values()]) {
      if (treeConnect.share.name === share.name) yield* closeTreeConnect(server, treeConnect);
    }
  }
  yield* closeDisconnected(server, (open) => open.treeConnect.share.name === share.name);
}

/** Closes opens whose clients are away. */
export function* closeDisconnected(server: Smb2Server, which: (open: Open) => boolean): Task<void> {
  const turns = new Turns(server.options.env);
  for (const open of server.durableOpens.disconnected()) {
    // It may have come back.
    if (open.state === 'disconnected' && which(open)) yield* closeOpen(server, open);
    yield* turns.next();
  }
}

/**
 * [MS-SMB2] 3.3.4.12 Server Application Requests Closing a Session. Of one that is being lost the
 * rest closes.
 */
export function* closeSession(server: Smb2Server, session: Session): Task<void> {
  if (session.state !== 'gone') {
    yield* endSession(server, session, closeOpen, new Turns(server.options.env));
    return;
  }
  const turns = new Turns(server.options.env);
  for (const open of [...session.opens.values()]) {
    yield* closeOpen(server, open);
    yield* turns.next();
  }
}

/**
 * What is durable stays. [MS-SMB2] 3.3.7.1 Handling Loss of a Connection, the last of a session;
 * 3.3.5.5.3, a client that lost its session and names it in PreviousSessionId; 3.3.5.6 Receiving an
 * SMB2 LOGOFF Request (smbtorture smb2.durable-open.reopen4). `turns` are those of all that ends
 * with it.
 */
export function loseSession(
  server: Smb2Server,
  session: Session,
  turns: Turns = new Turns(server.options.env),
): Task<void> {
  return endSession(server, session, disconnectOpen, turns);
}

/** The same, when it is this user's. [MS-SMB2] 3.3.5.5.3, of a session in any process. */
export function* endSessionOf(server: Smb2Server, sessionId: bigint, userSid: string): Task<void> {
  const session = server.sessions.get(sessionId) ?? server.endingSessions.get(sessionId);
  if (session?.identity?.userSid !== userSid) return;
  yield* loseSession(server, session);
}

function* endSession(
  server: Smb2Server,
  session: Session,
  endOpen: (server: Smb2Server, open: Open) => Task<unknown>,
  turns: Turns,
): Task<void> {
  if (session.state === 'gone') {
    if (server.endingSessions.has(session.sessionId)) yield* untilEnded(session);
    return;
  }
  session.become('gone');
  server.sessions.delete(session.sessionId);
  server.endingSessions.set(session.sessionId, session);
  const connections = [...session.channels.keys(), ...session.authentications.keys()];
  for (const connection of connections) connection.sessions.delete(session.sessionId);
  endWaits([...waitingOf(session, connections), ...session.stranded]);
  for (const open of [...session.opens.values()]) {
    if (open.session === session) yield* endOpen(server, open);
    yield* turns.next();
  }
  for (const request of waitingOf(session, connections)) endWait(request);
  for (const request of session.stranded) request.cancel();
  session.treeConnects.clear();
  session.channels.clear();
  session.authentications.clear();
  server.endingSessions.delete(session.sessionId);
  for (const wake of session.whenEnded.splice(0)) wake();
}

function* untilEnded(session: Session): Task<void> {
  yield* wait(new Promise<void>((resolve) => session.whenEnded.push(resolve)));
}

import { type Task, wait } from '../../base/task.ts';
import type { NtStatus } from '../../erref/ntstatus.ts';
import { closeOpen as closeLocalOpen } from '../../fsa/close.ts';
import { NO_CACHING } from '../../fsa/oplock.ts';
import { acknowledgeBreak } from '../../fsa/oplock-breaks.ts';
import { leaveOpen as leaveLocalOpen } from '../../fsa/persist.ts';
import { failed } from '../../vfs/errno.ts';
import { decideKeep } from './decide-durable.ts';
import type { Smb2Server } from './server.ts';
import { type Away, identityOf } from './state/durable-record.ts';
import type { Open } from './state/open.ts';
import type { Session } from './state/session.ts';
import type { TreeConnect } from './state/tree-connect.ts';

/** [MS-SMB2] 3.3.4.17 Server Application Requests Closing an Open. */
export function* closeOpen(server: Smb2Server, open: Open): Task<NtStatus> {
  if (open.state === 'closed') return 0;
  if (open.state === 'connected') leaveSession(open);
  open.state = 'closed';
  server.openCount--;
  open.pipe?.close();
  server.oplockHolders.remove(open);
  server.createReplays.forget(open);
  server.appInstances.remove(open);
  if (open.inFlight > 0) yield* untilIdle(open);
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
  if (open.state === 'connected') leaveSession(open);
  open.state = 'closed';
  server.openCount--;
  server.oplockHolders.remove(open);
  server.createReplays.forget(open);
  server.appInstances.remove(open);
  if (open.inFlight > 0) yield* untilIdle(open);
  yield* server.durableOpens.remove(open);
  leaveLocalOpen(open.localOpen);
}

/** Closes an open that nobody waits for: its client is gone. */
export function closeUnattended(server: Smb2Server, open: Open): void {
  server.runDetached(closeOpen(server, open));
}

function leaveSession(open: Open): void {
  open.session.opens.delete(open.fileId.volatile);
  open.treeConnect.openCount--;
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
  const { localOpen, durable } = open;
  if (localOpen === undefined || durable === undefined || !(yield* mayWait(server, open))) {
    yield* closeOpen(server, open);
    return;
  }
  if (open.state !== 'connected') return;
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
  yield* server.durableOpens.put(open, { ...durable, away });
  if (open.inFlight > 0) yield* untilIdle(open);
  const stat = yield* wait(localOpen.file.stat());
  const isBack = open.state !== 'disconnected' || open.durable?.away?.since !== since;
  if (isBack || failed(stat)) return;
  const { position: last } = localOpen;
  const settled = { ...away, position: last, identity: identityOf(stat) };
  yield* server.durableOpens.put(open, { ...durable, away: settled });
}

/** From now on its client has the time that was granted to come back. */
export function awaitClient(server: Smb2Server, open: Open): void {
  const { localOpen, durable } = open;
  if (durable === undefined) return;
  server.durableOpens.await(open, durable.timeoutMs, () => {
    const { path } = localOpen ?? {};
    const { userSid } = durable;
    server.options.env.log.info({ path, userSid }, 'a client did not come back');
    closeUnattended(server, open);
  });
}

function* mayWait(server: Smb2Server, { localOpen, durable }: Open): Task<boolean> {
  if (localOpen === undefined || durable === undefined) return false;
  if (durable.kind === 'persistent') return true;
  if (server.durableOpens.disconnectedCount >= server.options.limits.disconnectedOpensMax) {
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
  session.treeConnects.delete(treeConnect.treeId);
  for (const open of [...session.opens.values()]) {
    if (open.treeConnect === treeConnect) yield* closeOpen(server, open);
  }
}

/** [MS-SMB2] 3.3.4.12 Server Application Requests Closing a Session. */
export function closeSession(server: Smb2Server, session: Session): Task<void> {
  return endSession(server, session, closeOpen);
}

/**
 * What is durable stays. [MS-SMB2] 3.3.7.1 Handling Loss of a Connection, the last of a session;
 * 3.3.5.5.3, a client that lost its session and names it in PreviousSessionId; 3.3.5.6 Receiving an
 * SMB2 LOGOFF Request (smbtorture smb2.durable-open.reopen4).
 */
export function loseSession(server: Smb2Server, session: Session): Task<void> {
  return endSession(server, session, disconnectOpen);
}

function* endSession(
  server: Smb2Server,
  session: Session,
  endOpen: (server: Smb2Server, open: Open) => Task<unknown>,
): Task<void> {
  if (session.state === 'gone') return;
  session.become('gone');
  server.sessions.delete(session.sessionId);
  const connections = [...session.channels.keys(), ...session.authentications.keys()];
  for (const connection of connections) connection.sessions.delete(session.sessionId);
  // A close ends what waits on the open (locks, notifies) with a status of its own.
  for (const open of [...session.opens.values()]) yield* endOpen(server, open);
  for (const connection of connections) {
    for (const request of [...connection.waiting.values()]) {
      const isOurs = request.session === session && request.asyncId !== 0n;
      if (isOurs && request.open?.state !== 'closed') request.cancel();
    }
  }
  for (const request of session.stranded) request.cancel();
  session.treeConnects.clear();
  session.channels.clear();
  session.authentications.clear();
}

/** Opens whose client came back to another process of the server: see fsa/move-open.ts. */
import { type Task, wait } from '../../base/task.ts';
import { closeOpen as closeLocalOpen } from '../../fsa/close.ts';
import { NO_SERVER } from '../../fsa/file-record.ts';
import type { LocalOpen } from '../../fsa/local-open.ts';
import { type AdoptedOpen, adoptOpen, letGoOf, stillHeld } from '../../fsa/move-open.ts';
import { disconnectOpen, purgeOpen } from './closing.ts';
import { isAnswerable } from './decide-durable.ts';
import type { Share } from './options.ts';
import { addOpen, waitedMsOf } from './restore-share.ts';
import type { Smb2Server } from './server.ts';
import type { DurableRecord } from './state/durable-record.ts';
import type { Open } from './state/open.ts';

/** Processes that had an open, and ended, while one client asks for it. */
const TRIES_MAX = 8;

/** An open on its way, which this process still has open. */
export interface Offer {
  readonly localOpen: LocalOpen;
  readonly persistentId: bigint;
}

/**
 * Offers an open, if its client is away, to the process that asks. It is gone from this one's
 * tables then: nobody gets it, breaks it or closes it here. Undefined: there is none.
 */
export function* offerDurable(server: Smb2Server, persistentId: bigint): Task<Offer | undefined> {
  const open = server.durableOpens.find(persistentId);
  // The session that lost it has a long way to go.
  if (open?.session.state === 'gone') yield* disconnectOpen(server, open);
  const { localOpen, durable } = open ?? {};
  if (open?.state !== 'disconnected' || open.inFlight > 0) return undefined;
  if (localOpen === undefined || durable === undefined) return undefined;
  open.state = 'closed';
  server.openRemoved();
  server.oplockHolders.remove(open);
  server.createReplays.forget(open);
  server.appInstances.remove(open);
  server.durableOpens.leave(open);
  return { localOpen, persistentId };
}

/**
 * What became of an offer: the other process has the open, or had it when it ended, and who sweeps
 * it finds that; otherwise it is this one's again.
 */
export function* settleOffer(server: Smb2Server, offer: Offer, isTaken: boolean): Task<void> {
  const { localOpen, persistentId } = offer;
  const adopted = isTaken ? undefined : yield* stillHeld(localOpen);
  // Swept, and taken over by this process, before it heard of the other's end.
  const isHereAgain = server.durableOpens.find(persistentId) !== undefined;
  if (adopted === undefined || isHereAgain) return yield* letGoOf(localOpen);
  const record = yield* server.durableOpens.recordOf(persistentId);
  const share = record && server.findShare(record.shareName);
  if (record !== undefined && share !== undefined) {
    yield* stand(server, { share, record, adopted });
    return;
  }
  yield* server.durableOpens.forget(persistentId, server.options.serverId);
  yield* closeLocalOpen(localOpen);
}

/**
 * Takes the open over that a client of this process asks for, where another one has it, or has left
 * it. It is disconnected, as it was there. Undefined: nobody has it, or it could not be taken.
 */
export function* takeOver(
  server: Smb2Server,
  share: Share,
  record: DurableRecord,
): Task<Open | undefined> {
  let known = record;
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const open = yield* takeFrom(server, share, known);
    if (open !== 'gone') return open;
    // What its process left is swept, and taken over, maybe by this one.
    const found = yield* server.durableOpens.movedOn(known);
    if (found === undefined || found.serverId === known.serverId) return undefined;
    known = found;
  }
  return undefined;
}

/** 'gone': the process that had it is, or another one is faster. */
function* takeFrom(
  server: Smb2Server,
  share: Share,
  record: DurableRecord,
): Task<Open | 'gone' | undefined> {
  const { peers, serverId } = server.options;
  const { persistentId } = record;
  if (record.serverId === NO_SERVER) return (yield* adopt(server, share, record)) ?? 'gone';
  if (record.serverId === serverId) return server.durableOpens.find(persistentId);
  const isOffered = yield* wait(peers?.askForOpen(record.serverId, persistentId) ?? false);
  if (isOffered === undefined) return 'gone';
  if (peers === undefined || !isOffered) return undefined;
  // What it is now: its client may have gone only when it was asked for.
  const offered = yield* server.durableOpens.recordOf(persistentId);
  const open = offered && (yield* adopt(server, share, offered));
  peers.settleOpen(record.serverId, persistentId, open !== undefined);
  return open;
}

/**
 * An open of another process, or of one that is gone, is this one's, and disconnected. Undefined:
 * it is not there as it was, or nobody is left to answer the break that came meanwhile.
 */
export function* adopt(
  server: Smb2Server,
  share: Share,
  record: DurableRecord,
): Task<Open | undefined> {
  const { volume } = share;
  if (volume === undefined) return undefined;
  const adopted = yield* adoptOpen(volume, record);
  if (adopted === undefined) return undefined;
  return yield* stand(server, { share, record, adopted });
}

/** Disconnected, as it was before. Undefined as in `adopt`. */
function* stand(
  server: Smb2Server,
  moved: { readonly share: Share; readonly record: DurableRecord; readonly adopted: AdoptedOpen },
): Task<Open | undefined> {
  const { share, record } = moved;
  const { open: localOpen, owned } = moved.adopted;
  const lockSequences = (owned as Partial<DurableRecord> | undefined)?.lockSequences;
  const open = yield* addOpen(server, share, {
    localOpen,
    waitedMs: waitedMsOf(server, record),
    record: lockSequences === undefined ? record : { ...record, lockSequences },
  });
  const file = yield* wait(localOpen.volume.files.get(localOpen.fileKey));
  if (isAnswerable(file, localOpen)) return open;
  purgeOpen(server, open);
  return open.state === 'closed' ? undefined : open;
}

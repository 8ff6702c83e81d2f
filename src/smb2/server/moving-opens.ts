/** Opens whose client came back to another process of the server: see fsa/move-open.ts. */
import { type Task, wait } from '../../base/task.ts';
import { closeOpen as closeLocalOpen } from '../../fsa/close.ts';
import type { LocalOpen } from '../../fsa/local-open.ts';
import { adoptOpen, letGoOf, offerOpen } from '../../fsa/move-open.ts';
import { closeOpen, disconnectOpen } from './closing.ts';
import { isAnswerable } from './decide-durable.ts';
import { addOpen } from './restore-share.ts';
import type { Smb2Server } from './server.ts';
import type { DurableRecord } from './state/durable-record.ts';
import type { Open } from './state/open.ts';
import type { TreeConnect } from './state/tree-connect.ts';

/**
 * Offers an open, if its client is away, to the process that asks. It is gone from this one's
 * tables then: nobody gets it, breaks it or closes it here. Undefined: there is none.
 */
export function* offerDurable(
  server: Smb2Server,
  persistentId: bigint,
): Task<LocalOpen | undefined> {
  const open = server.durableOpens.find(persistentId);
  // The session that lost it has a long way to go.
  if (open?.session.state === 'gone') yield* disconnectOpen(server, open);
  const { localOpen, durable } = open ?? {};
  if (open?.state !== 'disconnected' || open.inFlight > 0) return undefined;
  if (localOpen === undefined || durable === undefined) return undefined;
  open.state = 'closed';
  server.openCount--;
  server.oplockHolders.remove(open);
  server.createReplays.forget(open);
  server.appInstances.remove(open);
  server.durableOpens.leave(open);
  if (yield* offerOpen(localOpen, durable)) return localOpen;
  yield* settleOffer(localOpen, false);
  return undefined;
}

/** What became of an offer: the other process has the open, or it is closed. */
export function* settleOffer(localOpen: LocalOpen, isTaken: boolean): Task<void> {
  if (isTaken) yield* letGoOf(localOpen);
  else yield* closeLocalOpen(localOpen);
}

/**
 * Takes the open over that a client of this process asks for, where another one has it. It is
 * disconnected, as it was there. Undefined: nobody has it, or it could not be taken.
 */
export function* takeOver(
  server: Smb2Server,
  treeConnect: TreeConnect,
  record: DurableRecord,
): Task<Open | undefined> {
  const { peers, serverId } = server.options;
  const { volume } = treeConnect.share;
  if (peers === undefined || volume === undefined || record.serverId === serverId) return undefined;
  const { persistentId, fileKey, openId } = record;
  if (!(yield* wait(peers.askForOpen(record.serverId, persistentId)))) return undefined;
  const adopted = yield* adoptOpen(volume, fileKey, openId);
  peers.settleOpen(record.serverId, persistentId, adopted !== undefined);
  if (adopted === undefined) return undefined;
  const { open: localOpen, owner } = adopted;
  const { share } = treeConnect;
  const open = yield* addOpen(server, share, { localOpen, record: owner as DurableRecord });
  const file = yield* wait(volume.files.get(fileKey));
  if (isAnswerable(file, localOpen)) return open;
  // A break came while it moved, that nobody was told of.
  yield* closeOpen(server, open);
  return undefined;
}

/**
 * A server gives its place to another process that serves the same shares, the same state and the
 * same addresses:
 *
 *     serving --T0 settle()--> settling --T1 loseAll()--> alone --T2 leaveOpens()--> (stopped)
 *
 * settling: nothing new is served but answers to breaks, which durable opens could not wait for;
 * what is under way is answered. alone: no client is connected; what is durable waits for its
 * client. After T2 that stands where the other server takes it from (`takeShare`).
 */
import { run, type Task, wait } from '../../base/task.ts';
import { Turns } from '../../env/turns.ts';
import { closeOpen as closeLocalOpen } from '../../fsa/close.ts';
import type { FileRecord } from '../../fsa/file-record.ts';
import { handOver } from '../../fsa/hand-over.ts';
import { forgetOpen, leaveOpen } from './closing.ts';
import { isAnswerable } from './decide-durable.ts';
import type { Smb2Server } from './server.ts';
import type { Connection } from './state/connection.ts';
import type { Open } from './state/open.ts';

/** Milliseconds between two looks at what is under way. */
const LOOK_MS = 10;

/** T0. Ends when nothing is under way, or after `timeMs`. */
export async function settle(server: Smb2Server, timeMs: number): Promise<void> {
  const { clock } = server.options.env;
  server.isSettling = true;
  const endMs = clock.monotonicMs() + timeMs;
  while (clock.monotonicMs() < endMs && (await run(isBusy(server)))) await look(server);
}

/** Costs a look at the record of each durable open. */
function* isBusy(server: Smb2Server): Task<boolean> {
  for (const connection of server.connections) if (isAnswering(connection)) return true;
  for (const { localOpen } of server.durableOpens.all()) {
    if (localOpen === undefined || localOpen.oplock === undefined) continue;
    const file = yield* wait(localOpen.volume.files.get(localOpen.fileKey));
    if (!isAnswerable(file, localOpen)) return true;
  }
  return false;
}

/** Ends when the connections' peers have ended them, too, or after `timeMs`. */
export async function part(server: Smb2Server, timeMs: number): Promise<void> {
  const { clock } = server.options.env;
  const endMs = clock.monotonicMs() + timeMs;
  while (clock.monotonicMs() < endMs && server.partingCount > 0) await look(server);
}

function look(server: Smb2Server): Promise<void> {
  const { timers } = server.options.env;
  return new Promise((resolve) => timers.after(LOOK_MS, resolve, { keepsAlive: true }));
}

/** What was told that it takes time may take any: it ends as on a cut connection. */
function isAnswering({ waiting }: Connection): boolean {
  for (const { asyncId } of waiting.values()) if (asyncId === 0n) return true;
  return false;
}

/** What becomes of what clients had; each step adds its part. */
export interface LeftBehind {
  /** That ended. */
  readonly connections: number;
  /** Written down. */
  readonly durable: number;
  /** In the store of what outlives the server. */
  readonly persistent: number;
}

/** Where what is left is written. */
type WriteDown = (record: FileRecord) => void;

/** T2. What cannot be handed over closes. */
export function* leaveOpens(server: Smb2Server, writeDown: WriteDown): Task<LeftBehind> {
  const turns = new Turns(server.options.env);
  const left = { connections: 0, durable: 0, persistent: 0 };
  for (const open of server.durableOpens.all()) {
    if (open.durable?.kind === 'persistent') {
      yield* leaveOpen(server, open);
      left.persistent++;
    } else if (yield* leaveDurable(server, open, writeDown)) {
      left.durable++;
    }
    yield* turns.next();
  }
  for (const { volume } of server.shares()) yield* wait(volume?.persistentFiles?.settle());
  return left;
}

function* leaveDurable(server: Smb2Server, open: Open, writeDown: WriteDown): Task<boolean> {
  const { localOpen, durable } = open;
  if (open.state !== 'disconnected' || localOpen === undefined || durable === undefined) {
    return false;
  }
  yield* forgetOpen(server, open);
  const written = yield* handOver(localOpen, durable);
  if (written === undefined) yield* closeLocalOpen(localOpen);
  else writeDown(written);
  return written !== undefined;
}

/** Another process, of another version as a rule, takes the place of this one. */
import type { Clock, Log, Timers } from '../../env/ports.ts';
import { PERSISTENT_FILE_VERSION } from '../../fsa/persistent-files.ts';
import { HAND_OVER_LAYOUT, makeHandOverFolder } from '../hand-over-file.ts';
import type { SmbServer } from '../smb-server.ts';
import { whyNotReplaced } from './decide-upgrade.ts';
import type { Layouts } from './messages.ts';
import { tellServiceManager } from './service-manager.ts';
import { Successor, SuccessorError } from './successor.ts';

/** Nothing has changed; the message is for the administrator. */
export class UpgradeProblem extends Error {}

export interface UpgradeRequest {
  /** The script that is `semba`; default: the one that this process was started with. */
  readonly program?: string | undefined;
  /** Milliseconds for the new process to be ready. */
  readonly timeMs?: number | undefined;
}

export interface UpgradeReport {
  readonly from: { readonly version: string; readonly pid: number };
  readonly to: { readonly version: string; readonly pid: number };
  /** Connections that ended; their clients come back by themselves. */
  readonly connections: number;
  /** Durable opens that were handed over, and how many of them the new process has. */
  readonly durable: number;
  readonly taken: number;
  /** Persistent opens, which the new process found in their store. */
  readonly persistent: number;
  /** Milliseconds in which no request was served. */
  readonly pauseMs: number;
}

/** What this version writes. */
export const LAYOUTS: Layouts = { handOver: HAND_OVER_LAYOUT, persistent: PERSISTENT_FILE_VERSION };

const READY_TIME_MS = 60_000;

export interface UpgradeOptions {
  readonly server: SmbServer;
  readonly stateFolder: string;
  /** This process's. */
  readonly version: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  readonly abort: AbortSignal;
  /** Lets go of what else only one process at a time has. */
  readonly letGo: () => void;
}

/** The new process failed when this one had let go already: it has to take over from itself. */
export interface TakenBack {
  readonly folder: string;
  readonly reason: string;
}

/**
 * Rejects with `UpgradeProblem` when the new process does not get ready: this one has served all
 * the time. Nothing but stopping the server is left to do otherwise.
 */
export async function upgrade(
  options: UpgradeOptions,
  { program = process.argv[1] ?? '', timeMs = READY_TIME_MS }: UpgradeRequest,
): Promise<UpgradeReport | TakenBack> {
  const problem = whyNotReplaced({ pid: process.pid, env: process.env });
  if (problem !== undefined) throw new UpgradeProblem(problem);
  const { timers, abort } = options;
  const args = process.argv.slice(2);
  let successor: Successor | undefined;
  try {
    successor = await Successor.start({ program, args, timers, timeMs, abort });
    const { server, stateFolder } = options;
    await successor.prepare({ addresses: server.addresses(), stateFolder, layouts: LAYOUTS });
  } catch (error) {
    await successor?.kill();
    if (error instanceof SuccessorError) throw new UpgradeProblem(error.message);
    throw error;
  }
  return await handOverTo(successor, options);
}

async function handOverTo(
  successor: Successor,
  { server, stateFolder, version, clock, log, letGo }: UpgradeOptions,
): Promise<UpgradeReport | TakenBack> {
  const startMs = clock.monotonicMs();
  const folder = makeHandOverFolder(stateFolder);
  log.info({ pid: successor.pid, version: successor.version }, 'another process takes over');
  letGo();
  const left = await server.handOver(folder);
  try {
    const taken = await successor.take(folder);
    const pauseMs = Math.round(clock.monotonicMs() - startMs);
    tellServiceManager([`MAINPID=${successor.pid}`]);
    successor.release();
    const from = { version, pid: process.pid };
    return {
      from,
      to: { version: successor.version, pid: successor.pid },
      ...left,
      taken,
      pauseMs,
    };
  } catch (error) {
    if (!(error instanceof SuccessorError)) throw error;
    await successor.kill();
    log.error({ reason: error.message }, 'the new process failed: this one takes over again');
    return { folder, reason: error.message };
  }
}

/** One worker's process, as the supervisor sees it: forked, told what it is, ended. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Env } from '../../env/ports.ts';
import type { BusCalls } from '../../messaging/calls.ts';
import { runningCode } from './installed-code.ts';
import { EXIT_OTHER_CODE, STOP, type WorkerSetup } from './worker-messages.ts';

const WORKER = fileURLToPath(new URL('./worker-main.js', import.meta.url));
/** Longer than a worker takes to close all files in order. */
const STOP_TIME_MS = 8_000;

/** A worker that ended before it served; it has said why. */
export class WorkerStartError extends Error {}

export interface WorkerProcess {
  readonly slot: number;
  readonly serverId: string;
  readonly child: ChildProcess;
  readonly startedMs: number;
  state: 'starting' | 'serving' | 'gone';
  heardMs: number;
  /** Why it ended, once it has. */
  reason: string | undefined;
}

/** What a worker is told first; the server id is its own. */
type Setup = Omit<WorkerSetup, 'kind' | 'serverId' | 'isDebugged' | 'code'>;

/** Starting. `exited` is told once, when `reason` stands. */
export function forkWorker(
  setup: Setup,
  env: Env,
  exited: (worker: WorkerProcess, reason: string) => void,
): WorkerProcess {
  const { slot } = setup;
  const child = fork(WORKER, [], { serialization: 'advanced' });
  const nowMs = env.clock.monotonicMs();
  const serverId = newServerId(env);
  const worker: WorkerProcess = {
    slot,
    serverId,
    child,
    startedMs: nowMs,
    state: 'starting',
    heardMs: nowMs,
    reason: undefined,
  };
  child.on('error', (error) => env.log.error({ slot, error: error.message }, 'worker'));
  child.once('exit', (code, signal) => {
    worker.reason = signal ?? (code === EXIT_OTHER_CODE ? 'its files are others' : `code ${code}`);
    exited(worker, worker.reason);
  });
  const isDebugged = env.log.isLevelEnabled?.('debug') ?? false;
  const code = runningCode();
  const message: WorkerSetup = { kind: 'setup', serverId, isDebugged, code, ...setup };
  child.send(message, (error) => {
    if (error !== null) env.log.error({ slot, error: error.message }, 'a worker was not set up');
  });
  return worker;
}

/** It closes its files in order; where it does not come to an end it is killed. */
export async function stopWorker(
  { child, serverId, state }: WorkerProcess,
  calls: BusCalls,
  env: Env,
): Promise<void> {
  if (state === 'gone') return;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const late = env.timers.after(STOP_TIME_MS, () => child.kill('SIGKILL'));
  if (state === 'serving') await calls.ask(serverId, STOP, {});
  child.kill('SIGKILL');
  await exited;
  late.cancel();
}

/** 16 hexadecimal digits. */
export function newServerId(env: Env): string {
  return Buffer.from(env.random.bytes(8)).toString('hex');
}

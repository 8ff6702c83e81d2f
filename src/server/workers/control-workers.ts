/** What an administrator asks of the workers: all of them, and none for long. */
import type { Env } from '../../env/ports.ts';
import type { BusCalls } from '../../messaging/calls.ts';
import type { ServerStatus, WorkerStatus } from '../../smb2/server/status.ts';
import { joinStatus } from './join-status.ts';
import { END, type Named, STATUS } from './worker-messages.ts';

/** A worker that needs longer is named, instead of what it serves. */
const STATUS_TIME_MS = 2_000;
/** Longer than a worker takes to close what a session may have open. */
const END_TIME_MS = 10_000;

export interface ControlledWorker extends Pick<WorkerStatus, 'slot' | 'pid' | 'connections'> {
  readonly serverId: string;
  readonly state: 'starting' | 'serving';
}

/** What was asked for may be at workers that do not answer. */
export class SilentWorkersError extends Error {
  constructor(slots: readonly number[]) {
    const who = slots.length === 1 ? `worker ${slots[0]} does` : `workers ${slots.join(', ')} do`;
    super(`${who} not answer`);
  }
}

export async function statusOfWorkers(
  workers: readonly ControlledWorker[],
  calls: BusCalls,
  env: Env,
): Promise<ServerStatus> {
  const answers = workers.map(async ({ serverId, ...worker }) => {
    if (worker.state === 'starting') return { ...worker, status: undefined };
    const status = await within(env, STATUS_TIME_MS, calls.ask(serverId, STATUS, {}));
    if (status === undefined) return { ...worker, state: 'silent' as const, status: undefined };
    return { ...worker, status: status as ServerStatus };
  });
  return joinStatus(await Promise.all(answers));
}

/**
 * False: there is none, in no worker. Rejects with `SilentWorkersError` where that cannot be told;
 * the connections to a share end at every worker.
 */
export async function endAtWorkers(
  what: Named,
  workers: readonly ControlledWorker[],
  calls: BusCalls,
  env: Env,
): Promise<boolean> {
  const serving = workers.filter(({ state }) => state === 'serving');
  let found: () => void = () => {};
  const isFound = new Promise<void>((resolve) => {
    found = resolve;
  });
  const answers = serving.map(async ({ slot, serverId }) => {
    const isDone = await within(env, END_TIME_MS, calls.ask(serverId, END, what));
    if (isDone === true && what.what !== 'share') found();
    return { slot, isDone };
  });
  const all = await Promise.race([Promise.all(answers), isFound]);
  if (all === undefined) return true;
  const silent = all.flatMap(({ slot, isDone }) => (isDone === undefined ? [slot] : []));
  if (silent.length > 0) throw new SilentWorkersError(silent);
  return all.some(({ isDone }) => isDone);
}

/** Undefined where it takes longer. */
async function within<T>(env: Env, timeMs: number, answer: Promise<T>): Promise<T | undefined> {
  let late: (nothing: undefined) => void = () => {};
  const isLate = new Promise<undefined>((resolve) => {
    late = resolve;
  });
  const timer = env.timers.after(timeMs, () => late(undefined));
  try {
    return await Promise.race([answer, isLate]);
  } finally {
    timer.cancel();
  }
}

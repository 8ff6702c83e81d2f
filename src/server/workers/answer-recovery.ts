import { type Task, wait } from '../../base/task.ts';
import type { Env } from '../../env/ports.ts';
import { sweepRemovals } from '../../fsa/sweep-process.ts';
import type { BusCalls } from '../../messaging/calls.ts';
import { closeLeftOpens, takeOverDurable } from '../../smb2/server/left-opens.ts';
import type { Smb2Server } from '../../smb2/server/server.ts';
import { sweepGone } from '../../smb2/server/sweep-durable.ts';
import type { RecordStore } from '../../state/record-store.ts';
import { finished } from './offered-opens.ts';
import { SWEEP, TAKE_OVER } from './worker-messages.ts';

/** A removal that a dead worker began is forgotten when it stands this long. */
const REMOVAL_TIME_MS = 5_000;

/** This worker's part in what `Recovery` has to do. */
export function answerRecovery(
  engine: Smb2Server,
  {
    store,
    calls,
    env,
  }: {
    readonly store: RecordStore;
    readonly calls: BusCalls;
    readonly env: Env;
  },
): void {
  calls.answer(SWEEP, ({ gone }) => finished(sweep({ engine, store, env, gone }), false, env.log));
  calls.answer(TAKE_OVER, ({ persistentIds }) =>
    finished(done(takeOverDurable(engine, persistentIds)), false, env.log),
  );
}

function* sweep(parts: {
  readonly engine: Smb2Server;
  readonly store: RecordStore;
  readonly env: Env;
  readonly gone: readonly string[];
}): Task<boolean> {
  const { engine, store, env, gone } = parts;
  const hasLeft = yield* wait(sweepGone(store, new Set(gone)));
  if (hasLeft) yield* closeLeftOpens(engine);
  const removals = yield* wait(sweepRemovals(store, new Map()));
  if (removals.size > 0) {
    env.timers.after(REMOVAL_TIME_MS, () => {
      void finished(done(forgetRemovals(store, removals)), false, env.log);
    });
  }
  return true;
}

function* forgetRemovals(store: RecordStore, removals: ReadonlyMap<string, number>): Task<void> {
  yield* wait(sweepRemovals(store, removals));
}

function* done(task: Task<void>): Task<boolean> {
  yield* task;
  return true;
}

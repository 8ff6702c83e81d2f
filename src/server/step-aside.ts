/** What an engine does for `SmbServer.handOver` and `takeOver`: smb2/server/hand-over.ts. */
import { run } from '../base/task.ts';
import type { TimerHandle } from '../env/ports.ts';
import { type LeftBehind, leaveOpens, part, settle } from '../smb2/server/hand-over.ts';
import { takeShare } from '../smb2/server/restore-share.ts';
import type { Smb2Server } from '../smb2/server/server.ts';
import { HandOverFile, readHandOver } from './hand-over-file.ts';

/** In this order, and each in all processes before the next one in any. */
export const HAND_OVER_STEPS = ['settle', 'lose', 'leave', 'part'] as const;
export type HandOverStep = (typeof HAND_OVER_STEPS)[number];

export const NOTHING_LEFT: LeftBehind = { connections: 0, durable: 0, persistent: 0 };
export function addLeft(a: LeftBehind, b: LeftBehind): LeftBehind {
  return {
    connections: a.connections + b.connections,
    durable: a.durable + b.durable,
    persistent: a.persistent + b.persistent,
  };
}

/** Milliseconds for what is under way; for peers to end their connections; for a step at most. */
const SETTLE_TIME_MS = 2_000;
const PART_TIME_MS = 1_500;
const STEP_TIME_MS = 10_000;

/** One that hangs does not keep the next one from coming. `folder` takes what clients hold. */
export async function stepAside(
  engine: Smb2Server,
  step: HandOverStep,
  folder: string,
): Promise<LeftBehind> {
  const { timers, log } = engine.options.env;
  let late: TimerHandle | undefined;
  const givenUp = new Promise<LeftBehind>((resolve) => {
    late = timers.after(STEP_TIME_MS, () => {
      log.error({ step }, 'what some clients hold is lost: letting go takes too long');
      resolve(NOTHING_LEFT);
    });
  });
  try {
    return await Promise.race([take(engine, step, folder), givenUp]);
  } finally {
    late?.cancel();
  }
}

async function take(engine: Smb2Server, step: HandOverStep, folder: string): Promise<LeftBehind> {
  if (step === 'settle') await settle(engine, SETTLE_TIME_MS);
  if (step === 'lose') {
    const connections = await engine.loseAll('another process takes over');
    return { ...NOTHING_LEFT, connections };
  }
  if (step === 'part') await part(engine, PART_TIME_MS);
  if (step !== 'leave') return NOTHING_LEFT;
  const file = new HandOverFile(folder, engine.options.serverId);
  try {
    return await run(leaveOpens(engine, (record) => file.add(record)));
  } finally {
    file.close();
  }
}

/** The opens of all shares, as `leave` wrote them; how many. Throws as `readHandOver`. */
export async function takeOpens(engine: Smb2Server, folder: string): Promise<number> {
  const handedOver = readHandOver(folder);
  let count = 0;
  for (const share of engine.shares()) count += await run(takeShare(engine, share, handedOver));
  return count;
}

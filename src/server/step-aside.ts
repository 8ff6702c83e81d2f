/** What an engine does for `SmbServer.handOver` and `takeOver`: smb2/server/hand-over.ts. */
import { run } from '../base/task.ts';
import { type LeftOpens, leaveOpens, settle } from '../smb2/server/hand-over.ts';
import { takeShare } from '../smb2/server/restore-share.ts';
import type { Smb2Server } from '../smb2/server/server.ts';
import { openHandOver } from './hand-over-store.ts';

/** In this order, and each in all processes before the next one in any. */
export const HAND_OVER_STEPS = ['settle', 'lose', 'leave'] as const;
export type HandOverStep = (typeof HAND_OVER_STEPS)[number];

const NOTHING_LEFT: LeftOpens = { durable: 0, persistent: 0 };
/** Milliseconds for what is under way. */
const SETTLE_TIME_MS = 2_000;

/** `folder` is where the opens are written. */
export async function stepAside(
  engine: Smb2Server,
  step: HandOverStep,
  folder: string,
): Promise<LeftOpens> {
  if (step === 'settle') await settle(engine, SETTLE_TIME_MS);
  if (step === 'lose') await engine.loseAll('another process takes over');
  if (step !== 'leave') return NOTHING_LEFT;
  const store = openHandOver(folder);
  try {
    return await run(leaveOpens(engine, store.table));
  } finally {
    await store.close();
  }
}

/** The opens of all shares, as `leave` wrote them; how many. Throws as `openHandOver`. */
export async function takeOpens(engine: Smb2Server, folder: string): Promise<number> {
  const store = openHandOver(folder);
  try {
    const handedOver = [...(await store.table.scan(''))];
    let count = 0;
    for (const share of engine.shares()) count += await run(takeShare(engine, share, handedOver));
    return count;
  } finally {
    await store.close();
  }
}

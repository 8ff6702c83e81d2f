import { setTimeout } from 'node:timers/promises';

/** Waits; unlike the timers of `Env` it keeps the process alive meanwhile. */
export async function pause(delayMs: number): Promise<void> {
  await setTimeout(delayMs);
}

import type { TimerHandle, Timers } from '../ports.ts';

/** The event loop's timers; those that are not to keep the process alive do not. */
export const nodeTimers: Timers = {
  after(delayMs: number, fire: () => void, { keepsAlive = false } = {}): TimerHandle {
    const timer = setTimeout(fire, delayMs);
    if (!keepsAlive) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },

  turn(): Promise<void> {
    return new Promise((resolve) => {
      waiting.push(resolve);
      if (waiting.length === 1) setImmediate(next);
    });
  },
};

/** Who waits for a turn, first come first served. */
const waiting: (() => void)[] = [];

/**
 * One goes on in each round of the event loop. Timers of no delay would not do: a round fires all
 * that are due, and goes on to those that fall due meanwhile, before it looks at any socket.
 */
function next(): void {
  const goOn = waiting.shift();
  if (waiting.length > 0) setImmediate(next);
  goOn?.();
}

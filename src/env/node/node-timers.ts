import type { TimerHandle, Timers } from '../ports.ts';

/** The event loop's timers; none of them keeps the process alive. */
export const nodeTimers: Timers = {
  after(delayMs: number, fire: () => void): TimerHandle {
    const timer = setTimeout(fire, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

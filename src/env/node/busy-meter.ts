import { performance } from 'node:perf_hooks';

/** The part of the time since the last call in which this process's event loop did something. */
export function makeBusyMeter(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}

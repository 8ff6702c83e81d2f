import { performance } from 'node:perf_hooks';
import type { Clock } from '../ports.ts';

/** FILETIME of 1970-01-01 UTC ([MS-DTYP] 2.3.3). */
const FILETIME_UNIX_EPOCH = 116_444_736_000_000_000n;
const FILETIME_UNITS_PER_MS = 10_000;
/** How far the interpolated time may be from the system's before it is taken anew. */
const DRIFT_MAX_MS = 2;

/**
 * The system's clocks. `Date.now` has whole milliseconds; between two of them the time is
 * interpolated with the monotonic clock, so that files written one after the other get times in
 * that order.
 */
export function makeNodeClock(): Clock {
  let wallMs = Date.now();
  let anchorMs = performance.now();
  return {
    fileTime(): bigint {
      const systemMs = Date.now();
      let nowMs = wallMs + performance.now() - anchorMs;
      if (Math.abs(nowMs - systemMs) > DRIFT_MAX_MS) {
        wallMs = systemMs;
        anchorMs = performance.now();
        nowMs = systemMs;
      }
      const wholeMs = Math.floor(nowMs);
      const rest = Math.floor((nowMs - wholeMs) * FILETIME_UNITS_PER_MS);
      return BigInt(wholeMs) * BigInt(FILETIME_UNITS_PER_MS) + BigInt(rest) + FILETIME_UNIX_EPOCH;
    },
    monotonicMs: () => performance.now(),
  };
}

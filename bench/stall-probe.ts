/**
 * Loaded into a server (`node --import`): how long its event loop is not there for others.
 *
 * A stall is the time between two turns of the loop less the time that the kernel kept the thread
 * waiting for a processor, so that what else runs on the machine does not count.
 */
import { closeSync, openSync, readSync } from 'node:fs';

const LOOK_MS = 1;
const NS_PER_MS = 1e6;
const gapsMs: number[] = [];
const buffer = Buffer.alloc(128);
let last = look();

/** Milliseconds: now, and how long the main thread has waited for a processor. */
function look(): { readonly nowMs: number; readonly waitedMs: number } {
  const fd = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  const length = readSync(fd, buffer, 0, buffer.length, 0);
  closeSync(fd);
  const waited = buffer.toString('latin1', 0, length).split(' ')[1];
  return { nowMs: performance.now(), waitedMs: Number(waited) / NS_PER_MS };
}

function turn(): void {
  const next = look();
  const gapMs = next.nowMs - last.nowMs - (next.waitedMs - last.waitedMs) - LOOK_MS;
  gapsMs.push(Math.max(0, gapMs));
  last = next;
  setTimeout(turn, LOOK_MS).unref();
}
turn();

export interface StallReport {
  readonly p99Ms: number;
  readonly maxMs: number;
}

process.on('message', (question: unknown) => {
  if (question !== 'stalls') return;
  gapsMs.sort((a, b) => a - b);
  const at = (part: number): number => gapsMs[Math.floor(part * (gapsMs.length - 1))] ?? 0;
  process.send?.({ p99Ms: at(0.99), maxMs: at(1) } satisfies StallReport);
  gapsMs.length = 0;
});
process.channel?.unref();

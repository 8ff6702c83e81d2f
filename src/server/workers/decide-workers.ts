/** What the supervisor decides about its workers. Pure. */

const RESTART_FIRST_MS = 100;
const RESTART_MAX_MS = 30_000;
/** A worker that lived this long did not fail at its start. */
const STEADY_MS = 3_000;

/**
 * Milliseconds until a worker is started again: at once when it had served, later and later the
 * more often it failed at its start.
 */
export function decideRestart(
  failures: number,
  livedMs: number,
): { readonly failures: number; readonly delayMs: number } {
  if (livedMs >= STEADY_MS) return { failures: 0, delayMs: 0 };
  const delayMs = Math.min(RESTART_FIRST_MS * 2 ** failures, RESTART_MAX_MS);
  return { failures: failures + 1, delayMs };
}

export interface Heard {
  readonly slot: number;
  /** When it last answered; milliseconds, monotonic. */
  readonly heardMs: number;
}

/**
 * The worker to be replaced because it hangs, if any: of those that are silent too long the one
 * that keeps the others from the records, otherwise the one that has been silent longest. One at a
 * time, for a worker that stopped within a change of a record stops the others with it.
 */
export function decideHung(
  workers: readonly Heard[],
  nowMs: number,
  silenceMaxMs: number,
  /** The slot that has the lock of the records. */
  holder: number | undefined,
): number | undefined {
  const silent = workers.filter(({ heardMs }) => nowMs - heardMs > silenceMaxMs);
  let found: Heard | undefined;
  for (const worker of silent) {
    if (worker.slot === holder) return worker.slot;
    if (found === undefined || worker.heardMs < found.heardMs) found = worker;
  }
  return found?.slot;
}

/** Which worker is given a client that nobody knows. Pure. */

/** A worker that serves, or is about to. */
export interface Candidate {
  readonly slot: number;
  readonly connections: number;
  /** The part of the last seconds in which it did something, 0 … 1. */
  readonly busy: number;
  /** It has not answered lately. */
  readonly isSilent: boolean;
  /** It starts in the place of one that is gone: who is given to it waits until then. */
  readonly isComing: boolean;
  /** Of connections given to workers, the number of its last one. */
  readonly lastGiven: number;
}

/** A worker that never rests counts as if it had as many connections more. */
const BUSY_WEIGHT_MIN = 4;
/** Others may have so many connections more before anybody waits for a worker that is to come. */
const COMING_HANDICAP = 2;

/**
 * The least loaded: connections, and what they cause. Of equals the one that has been given nothing
 * for longest, so that clients that stay for a moment are spread, too. Undefined: there is none.
 */
export function decidePlacement(candidates: readonly Candidate[]): number | undefined {
  const answering = candidates.filter(({ isSilent }) => !isSilent);
  const eligible = answering.length > 0 ? answering : candidates;
  let total = 0;
  for (const { connections } of eligible) total += connections;
  const busyWeight = Math.max(BUSY_WEIGHT_MIN, total / eligible.length);
  const loadOf = (one: Candidate): number =>
    one.connections + Math.round(one.busy * busyWeight) + (one.isComing ? COMING_HANDICAP : 0);
  let least: Candidate | undefined;
  for (const one of eligible) {
    const difference = least === undefined ? -1 : loadOf(one) - loadOf(least);
    if (difference > 0 || least === undefined) {
      least ??= one;
      continue;
    }
    if (difference < 0 || one.lastGiven < least.lastGiven) least = one;
  }
  return least?.slot;
}

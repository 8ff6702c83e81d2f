/** Which worker is given a client that nobody knows. Pure. */

/** A worker that serves, or is about to. */
export interface Candidate {
  readonly slot: number;
  readonly connections: number;
  /** The part of the last seconds in which it did something, 0 … 1; undefined: not known yet. */
  readonly busy: number | undefined;
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
  const busyWeight = Math.max(BUSY_WEIGHT_MIN, mean(eligible.map((one) => one.connections)));
  const busyUnknown = mean(eligible.flatMap(({ busy }) => busy ?? []));
  let least: (Candidate & { readonly load: number }) | undefined;
  for (const one of eligible) {
    const busy = Math.round((one.busy ?? busyUnknown) * busyWeight);
    const load = one.connections + busy + (one.isComing ? COMING_HANDICAP : 0);
    const isLess =
      least === undefined ||
      load < least.load ||
      (load === least.load && one.lastGiven < least.lastGiven);
    if (isLess) least = { ...one, load };
  }
  return least?.slot;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

import type { Env, Log } from '../ports.ts';
import { makeNodeClock } from './node-clock.ts';
import { makeNodeRandom } from './node-random.ts';
import { nodeTimers } from './node-timers.ts';

/** The real world: this machine's clocks, timers and random generator. */
export function makeNodeEnv(log: Log): Env {
  return { clock: makeNodeClock(), timers: nodeTimers, random: makeNodeRandom(), log };
}

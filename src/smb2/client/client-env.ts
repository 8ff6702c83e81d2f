/**
 * The world of a client that was given none. The public client is a composition root as src/server
 * is one: what embeds it passes no ports, so this file alone reaches for env/node.
 */
import { makeNodeClock } from '../../env/node/node-clock.ts';
import { makeNodeRandom } from '../../env/node/node-random.ts';
import { nodeTimers } from '../../env/node/node-timers.ts';
import type { Env } from '../../env/ports.ts';

export type ClientEnv = Pick<Env, 'clock' | 'timers' | 'random'>;

export function makeClientEnv(): ClientEnv {
  return { clock: makeNodeClock(), timers: nodeTimers, random: makeNodeRandom() };
}

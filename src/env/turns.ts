import { TURN_TIME_MS } from '../base/limits.ts';
import { type Task, wait } from '../base/task.ts';
import type { Env } from './ports.ts';

/**
 * Work that may be long, cut into turns of TURN_TIME_MS, between which others are served. Between
 * two steps of it anything may have changed (style.md 12).
 */
export class Turns {
  readonly #env: Pick<Env, 'clock' | 'timers'>;
  #startMs: number;

  /** The first turn begins. */
  constructor(env: Pick<Env, 'clock' | 'timers'>) {
    this.#env = env;
    this.#startMs = env.clock.monotonicMs();
  }

  /** After each step. Suspends only when the turn is over; costs one look at the clock. */
  *next(): Task<void> {
    const { clock, timers } = this.#env;
    if (clock.monotonicMs() - this.#startMs <= TURN_TIME_MS) return;
    yield* wait(timers.turn());
    this.#startMs = clock.monotonicMs();
  }
}

import { assert } from '../../base/assert.ts';
import type { Clock } from '../../env/ports.ts';
import type { ProcessCalls } from '../../env/shared-memory.ts';

/** Looks before a waiting process sleeps; the lock is held for a microsecond or two. */
const SPINS = 200;
const SLEEP_US = 50;
/** Sleeps between two questions whether the holder lives. */
const SLEEPS_OF_TRUST = 20;

export interface RobustLockOptions {
  readonly words: Uint32Array;
  /** The word that is the lock: 0, or the process that holds it. */
  readonly at: number;
  readonly processes: ProcessCalls;
  readonly clock: Clock;
  /** A holder that lives and does not let go for so long is killed, unless undefined. */
  readonly patienceMs?: number | undefined;
}

/** A lock between processes, in a word that they share; who died with it loses it. */
export class RobustLock {
  readonly #options: RobustLockOptions;

  constructor(options: RobustLockOptions) {
    this.#options = options;
  }

  /** The process that holds it; 0: none. */
  get holder(): number {
    const { words, at } = this.#options;
    return Atomics.load(words, at);
  }

  /** Waits as long as it takes. True: it was taken from a process that died in the middle. */
  enter(): boolean {
    const { words, at, processes } = this.#options;
    const holder = Atomics.compareExchange(words, at, 0, processes.pid);
    if (holder === 0) return false;
    assert(holder !== processes.pid, 'a process waits for its own lock');
    return this.#wait();
  }

  leave(): void {
    const { words, at } = this.#options;
    Atomics.store(words, at, 0);
  }

  #wait(): boolean {
    const { words, at, processes, clock } = this.#options;
    const { pid } = processes;
    for (let spin = 0; spin < SPINS; spin++) {
      if (Atomics.load(words, at) !== 0) continue;
      if (Atomics.compareExchange(words, at, 0, pid) === 0) return false;
    }
    const sinceMs = clock.monotonicMs();
    for (let sleeps = 1; ; sleeps++) {
      const holder = Atomics.compareExchange(words, at, 0, pid);
      if (holder === 0) return false;
      if (sleeps % SLEEPS_OF_TRUST !== 0) processes.sleep(SLEEP_US);
      else if (!processes.isAlive(holder)) {
        if (Atomics.compareExchange(words, at, holder, pid) === holder) return true;
      } else this.#lose(holder, clock.monotonicMs() - sinceMs);
    }
  }

  /** A process that was stopped in the middle would stop all others for ever. */
  #lose(holder: number, waitedMs: number): void {
    const { patienceMs, processes } = this.#options;
    if (patienceMs !== undefined && waitedMs > patienceMs) processes.kill(holder);
  }
}

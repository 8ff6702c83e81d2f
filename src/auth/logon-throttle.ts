import type { Limits } from '../base/limits.ts';
import { networkOf } from '../base/network-of.ts';
import type { MaybePromise } from '../base/task.ts';
import type { Clock } from '../env/ports.ts';
import { foldName } from './accounts.ts';

export interface LogonThrottleOptions {
  readonly clock: Clock;
  readonly limits: Pick<Limits, 'failedLogonsFree' | 'failedLogonDelayMs'>;
  /** Users, and as many addresses, remembered; beyond it the longest untouched is forgotten. */
  readonly entriesMax?: number;
}

export interface LogonAttempt {
  readonly userName: string;
  /** The peer's IP address as text, without its port. */
  readonly address: string;
}

interface Failures {
  count: number;
  lastMs: number;
  /** When the next guess may be answered. */
  nextMs: number;
}

/** What becomes of a right password. */
export interface Held {
  /** Milliseconds to wait before it is answered. */
  readonly delayMs: number;
  /** Too many guesses wait: it is answered as a wrong one. */
  readonly isRefused: boolean;
}

/** Who counts failed logons: this process for itself, or one of several for all. */
export interface LogonGuard {
  /** Counts a failure; the milliseconds to wait before it is answered. */
  failed(attempt: LogonAttempt): MaybePromise<number>;
  /** What a right password has to wait for; `succeeded` is told then. */
  held(attempt: LogonAttempt): MaybePromise<Held>;
  succeeded(attempt: LogonAttempt): void;
}

const ENTRIES_MAX = 16_384;
/** Delay after the first failure that is not free; it doubles with each further one. */
const FIRST_DELAY_MS = 100;
/** Characters of a claimed user name that are kept: longer ones share an entry. */
export const USER_NAME_MAX = 64;
/** So many of the longest delays may wait for each other. */
const QUEUE_MAX = 4;
/** After this long without a failure a user or an address starts afresh. */
const FORGIVE_AFTER_MS = 15 * 60_000;

/**
 * Slows down password guessing: counts failed logons per user, per address and per user of an
 * address, and tells how long to hold back an answer. Nobody can lock a user out: a right password
 * is answered at once, but where its own address has guessed at the same user. There it waits as
 * long as a wrong one before it would have, so that nobody learns from an early answer, and hanging
 * up, or many guesses at once, gain nothing.
 */
export class LogonThrottle implements LogonGuard {
  readonly #clock: Clock;
  readonly #limits: LogonThrottleOptions['limits'];
  readonly #entriesMax: number;
  readonly #users = new Map<string, Failures>();
  readonly #addresses = new Map<string, Failures>();
  readonly #pairs = new Map<string, Failures>();

  constructor({ clock, limits, entriesMax = ENTRIES_MAX }: LogonThrottleOptions) {
    this.#clock = clock;
    this.#limits = limits;
    this.#entriesMax = entriesMax;
  }

  failed(attempt: LogonAttempt): number {
    const byUser = this.#count(this.#users, keyOf(attempt.userName));
    const byAddress = this.#count(this.#addresses, networkOf(attempt.address));
    const pair = this.#count(this.#pairs, pairOf(attempt));
    const delayMs = this.#delayMs(Math.max(byUser.count, byAddress.count));
    return Math.max(delayMs, this.#queue(pair));
  }

  held(attempt: LogonAttempt): Held {
    const pair = this.#known(this.#pairs, pairOf(attempt));
    if (pair === undefined) return { delayMs: 0, isRefused: false };
    const delayMs = Math.max(0, pair.nextMs - this.#clock.monotonicMs());
    return { delayMs, isRefused: delayMs + this.#delayMs(pair.count) > this.#queueMaxMs };
  }

  /** Forgets the user's failures. The address's stay: one right guess must not buy more. */
  succeeded(attempt: LogonAttempt): void {
    this.#pairs.delete(pairOf(attempt));
    this.#users.delete(keyOf(attempt.userName));
  }

  get #queueMaxMs(): number {
    return QUEUE_MAX * this.#limits.failedLogonDelayMs;
  }

  /** A wrong guess waits until those before it were answered, and its own delay. */
  #queue(pair: Failures): number {
    const delayMs = this.#delayMs(pair.count);
    if (delayMs === 0) return 0;
    const waitMs = Math.max(0, pair.nextMs - pair.lastMs) + delayMs;
    if (waitMs > this.#queueMaxMs) return this.#queueMaxMs;
    pair.nextMs = pair.lastMs + waitMs;
    return waitMs;
  }

  #known(failures: Map<string, Failures>, key: string): Failures | undefined {
    const known = failures.get(key);
    if (known === undefined) return undefined;
    return this.#clock.monotonicMs() - known.lastMs > FORGIVE_AFTER_MS ? undefined : known;
  }

  #count(failures: Map<string, Failures>, key: string): Failures {
    const known = this.#known(failures, key);
    const entry = known ?? { count: 0, lastMs: 0, nextMs: 0 };
    entry.count++;
    entry.lastMs = this.#clock.monotonicMs();
    // Deleting first keeps the map in the order of the last failure.
    failures.delete(key);
    failures.set(key, entry);
    if (failures.size > this.#entriesMax) failures.delete(failures.keys().next().value!);
    return entry;
  }

  #delayMs(count: number): number {
    const { failedLogonsFree, failedLogonDelayMs } = this.#limits;
    if (count <= failedLogonsFree) return 0;
    const doublings = Math.min(count - failedLogonsFree - 1, 30);
    return Math.min(FIRST_DELAY_MS * 2 ** doublings, failedLogonDelayMs);
  }
}

function pairOf({ userName, address }: LogonAttempt): string {
  return `${networkOf(address)} ${keyOf(userName)}`;
}

function keyOf(userName: string): string {
  return foldName(userName.slice(0, USER_NAME_MAX));
}

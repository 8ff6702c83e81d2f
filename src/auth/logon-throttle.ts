import type { Limits } from '../base/limits.ts';
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
}

const ENTRIES_MAX = 16_384;
/** Delay after the first failure that is not free; it doubles with each further one. */
const FIRST_DELAY_MS = 100;
/** Characters of a claimed user name that are kept: longer ones share an entry. */
const USER_NAME_MAX = 64;
/** After this long without a failure a user or an address starts afresh. */
const FORGIVE_AFTER_MS = 15 * 60_000;

/**
 * Slows down password guessing: counts failed logons per user and per address and tells how long
 * to hold back the next failure's answer. It never refuses a logon, so nobody can lock a user out,
 * and a right password is answered at once.
 */
export class LogonThrottle {
  readonly #clock: Clock;
  readonly #limits: LogonThrottleOptions['limits'];
  readonly #entriesMax: number;
  readonly #users = new Map<string, Failures>();
  readonly #addresses = new Map<string, Failures>();

  constructor({ clock, limits, entriesMax = ENTRIES_MAX }: LogonThrottleOptions) {
    this.#clock = clock;
    this.#limits = limits;
    this.#entriesMax = entriesMax;
  }

  /** Counts a failure and returns the milliseconds to wait before it is answered. */
  failed({ userName, address }: LogonAttempt): number {
    const byUser = this.#count(this.#users, keyOf(userName));
    const byAddress = this.#count(this.#addresses, address);
    return this.#delayMs(Math.max(byUser, byAddress));
  }

  /** Forgets the user's failures. The address's stay: one right guess must not buy more. */
  succeeded({ userName }: Pick<LogonAttempt, 'userName'>): void {
    this.#users.delete(keyOf(userName));
  }

  #count(failures: Map<string, Failures>, key: string): number {
    const now = this.#clock.monotonicMs();
    const known = failures.get(key);
    const stale = known === undefined || now - known.lastMs > FORGIVE_AFTER_MS;
    const count = stale ? 1 : known.count + 1;
    // Deleting first keeps the map in the order of the last failure.
    failures.delete(key);
    failures.set(key, { count, lastMs: now });
    if (failures.size > this.#entriesMax) failures.delete(failures.keys().next().value!);
    return count;
  }

  #delayMs(count: number): number {
    const { failedLogonsFree, failedLogonDelayMs } = this.#limits;
    if (count <= failedLogonsFree) return 0;
    const doublings = Math.min(count - failedLogonsFree - 1, 30);
    return Math.min(FIRST_DELAY_MS * 2 ** doublings, failedLogonDelayMs);
  }
}

function keyOf(userName: string): string {
  return foldName(userName.slice(0, USER_NAME_MAX));
}

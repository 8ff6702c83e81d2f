import type { Clock, Env, Log, Random, TimerHandle, Timers } from '../../src/env/ports.ts';

const FILETIME_START = 0x01dd_79a8_ce6c_c824n;
const FILETIME_UNITS_PER_MS = 10_000n;

interface Timer {
  readonly atMs: number;
  readonly fire: () => void;
}

/** Timers and a clock that stand still until `advance`. */
export class VirtualTime implements Timers, Clock {
  #nowMs = 0;
  /** Milliseconds that pass with each look at the monotonic clock: work that takes time. */
  lookMs = 0;
  readonly #timers = new Set<Timer>();

  /** Timers that have neither fired nor been cancelled. */
  get pending(): number {
    return this.#timers.size;
  }

  fileTime(): bigint {
    return FILETIME_START + BigInt(this.#nowMs) * FILETIME_UNITS_PER_MS;
  }

  monotonicMs(): number {
    this.#nowMs += this.lookMs;
    return this.#nowMs;
  }

  after(delayMs: number, fire: () => void): TimerHandle {
    const timer = { atMs: this.#nowMs + delayMs, fire };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  turn(): Promise<void> {
    return new Promise((resolve) => this.after(0, resolve));
  }

  /** Lets `ms` pass; what falls due fires in order, also what is set meanwhile. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      let next: Timer | undefined;
      for (const timer of this.#timers) {
        if (timer.atMs <= endMs && (next === undefined || timer.atMs < next.atMs)) next = timer;
      }
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.fire();
    }
    this.#nowMs = Math.max(this.#nowMs, endMs);
  }
}

export interface LogEntry {
  readonly level: keyof Log;
  readonly fields: object;
  readonly message: string;
}

/** Keeps what is logged: a test looks whether there were bugs. */
export class RecordingLog implements Log {
  readonly entries: LogEntry[] = [];

  debug(fields: object, message: string): void {
    this.entries.push({ level: 'debug', fields, message });
  }

  info(fields: object, message: string): void {
    this.entries.push({ level: 'info', fields, message });
  }

  warn(fields: object, message: string): void {
    this.entries.push({ level: 'warn', fields, message });
  }

  error(fields: object, message: string): void {
    this.entries.push({ level: 'error', fields, message });
  }
}

/** The same bytes in each run; not to be guessed is no aim of a test. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    bytes(length: number): Uint8Array {
      const bytes = new Uint8Array(length);
      for (let i = 0; i < length; i++) {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        bytes[i] = state >>> 24;
      }
      return bytes;
    },
  };
}

export interface VirtualEnv extends Env {
  readonly clock: VirtualTime;
  readonly timers: VirtualTime;
  readonly log: RecordingLog;
}

export function makeVirtualEnv(): VirtualEnv {
  const time = new VirtualTime();
  return { clock: time, timers: time, random: seededRandom(0x5eed), log: new RecordingLog() };
}

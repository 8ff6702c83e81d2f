/** Ports to the world (design.md 1, `env/`): real ones in env/node, virtual ones in tests. */

export interface Clock {
  /** Wall time as FILETIME: 100 ns units since 1601-01-01 UTC ([MS-DTYP] 2.3.3). */
  fileTime(): bigint;
  /** Milliseconds on a clock that never goes back; its zero means nothing. */
  monotonicMs(): number;
}

export interface TimerHandle {
  cancel(): void;
}

export interface Timers {
  /**
   * Calls `fire` once, after `delayMs` at the earliest. Keeps the process alive only where somebody
   * waits for nothing else than this.
   */
  after(
    delayMs: number,
    fire: () => void,
    options?: { readonly keepsAlive?: boolean },
  ): TimerHandle;
  /**
   * Resolves once what arrived meanwhile was looked at. Of several that wait here one goes on at a
   * time, so that many long pieces of work hold others up no longer than one does.
   */
  turn(): Promise<void>;
}

export interface Random {
  /** Unpredictable bytes: ids, challenges, salts and nonces' seeds come from here. */
  bytes(length: number): Uint8Array;
}

export interface Log {
  /** Whether lines of this level go anywhere; not said: they may. */
  isLevelEnabled?(level: string): boolean;
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface Env {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
}

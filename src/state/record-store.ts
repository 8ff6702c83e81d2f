/**
 * The record store port (what tdb and dbwrap are to Samba): named tables of small records that
 * several processes or nodes share. `memory/` serves one process, `shared/` those of a machine, and
 * `journal/` keeps what one process writes beyond the end of all.
 *
 * A record is plain data (no functions, no class instances), never mutated: an update is a pure
 * function from the current record to the next one, which may be run again on a newer record when
 * another process was faster. Calls answer at once where the store can.
 */
import type { MaybePromise } from '../base/task.ts';

/** What an update function decides: the next record (undefined removes it) and its own result. */
export interface Update<R, T> {
  /** `keep` leaves the record untouched and wakes nobody. */
  readonly next: R | undefined | 'keep';
  /**
   * Whoever is answered loses nothing if the machine ends a moment later and has never made this
   * change: where a table outlives the machine, the answer does not wait for that.
   */
  readonly mayBeUndone?: boolean;
  readonly result: T;
}

export interface RecordTable<R extends object> {
  readonly name: string;
  get(key: string): MaybePromise<R | undefined>;
  /** Atomic for the record; `decide` must be pure. */
  update<T>(key: string, decide: (current: R | undefined) => Update<R, T>): MaybePromise<T>;
  /** Calls `changed` after each change of the record, until the returned function is called. */
  watch(key: string, changed: () => void): () => void;
  /** All records whose key starts with `prefix`; a snapshot, not a lock. */
  scan(prefix: string): MaybePromise<Iterable<readonly [key: string, record: R]>>;
}

/** A table as a store has it. */
export interface StoredTable<R extends object> extends RecordTable<R> {
  /**
   * Puts a record, or removes it, whatever was there before. For a table that one process alone
   * writes: it reads nothing, and collides with an `update` of the same record.
   */
  replace(key: string, next: R | undefined): MaybePromise<void>;
  /**
   * The same for who has not to know that it lasts: once it is answered it survives this process,
   * and a moment later what else the table survives.
   */
  replaceSoon(key: string, next: R | undefined): MaybePromise<void>;
}

/** Makes a record of an older layout into one of today's; undefined drops it. */
export type UpgradeRecord<R> = (record: unknown, fromVersion: number) => R | undefined;

export interface RecordStore {
  /**
   * Opens a table; the version names the layout of its records. Records of an older one go through
   * `upgrade`; without it, and for a newer layout, `RecordLayoutError`.
   */
  table<R extends object>(
    name: string,
    version: number,
    upgrade?: UpgradeRecord<R>,
  ): StoredTable<R>;
  close(): MaybePromise<void>;
}

/** A table holds records that this program does not read. Nothing was changed. */
export class RecordLayoutError extends Error {}

/**
 * How stores of several processes wake each other's watchers. A wake-up may come late or twice,
 * never not at all while the process that it is for lives.
 */
export interface WakeBus {
  /** This process, as the others address it. */
  readonly serverId: string;
  /** Does nothing when there is no such process any more. */
  wake(serverId: string, topic: string): void;
  /** One listener per process. */
  listen(woken: (topic: string) => void): void;
}

import type { Database } from 'lmdb';
import type { StoredTable, Update } from '../record-store.ts';
import type { ForeignWatchers } from './foreign-watchers.ts';
import { rangeOf } from './key-range.ts';

/**
 * Records that outlive the server. An update reads, decides, and writes on condition that the
 * record's version is still the one it read; otherwise it decides again. LMDB writes what is queued
 * in one transaction of its own thread and syncs once for all of it.
 */
export class PersistentTable<R extends object> implements StoredTable<R> {
  readonly name: string;
  readonly #records: Database<R, string>;
  readonly #watchers: ForeignWatchers;
  /** Updates of one key run one after the other: among themselves they would only collide. */
  readonly #last = new Map<string, Promise<unknown>>();

  constructor(name: string, records: Database<R, string>, watchers: ForeignWatchers) {
    this.name = name;
    this.#records = records;
    this.#watchers = watchers;
  }

  get(key: string): R | undefined {
    this.#records.resetReadTxn();
    return this.#records.get(key);
  }

  update<T>(key: string, decide: (current: R | undefined) => Update<R, T>): Promise<T> {
    const before = this.#last.get(key);
    const apply = (): Promise<T> => this.#apply(key, decide);
    const outcome = before === undefined ? apply() : before.then(apply, apply);
    this.#last.set(key, outcome);
    const forget = (): void => {
      if (this.#last.get(key) === outcome) this.#last.delete(key);
    };
    outcome.then(forget, forget);
    return outcome;
  }

  async #apply<T>(key: string, decide: (current: R | undefined) => Update<R, T>): Promise<T> {
    for (;;) {
      this.#records.resetReadTxn();
      const entry = this.#records.getEntry(key);
      const update = decide(entry?.value);
      if (update.next === 'keep') return update.result;
      if (update.next === undefined && entry === undefined) return update.result;
      if (!(await committed(this.#write(key, update.next, entry?.version)))) continue;
      await this.#records.flushed;
      this.#watchers.wake(this.name, key, this.#watchers.othersOf(this.name, key));
      return update.result;
    }
  }

  /** False: another process was faster. */
  #write(key: string, next: R | undefined, version: number | undefined): Promise<boolean> {
    const records = this.#records;
    if (version === undefined) {
      return records.ifNoExists(key, () => {
        if (next !== undefined) void records.put(key, next, 1);
      });
    }
    if (next === undefined) return records.remove(key, version);
    return records.put(key, next, version + 1, version);
  }

  async replace(key: string, next: R | undefined): Promise<void> {
    const records = this.#records;
    await committed(next === undefined ? records.remove(key) : records.put(key, next, 1));
    await records.flushed;
    this.#watchers.wake(this.name, key, this.#watchers.othersOf(this.name, key));
  }

  watch(key: string, changed: () => void): () => void {
    return this.#watchers.add(this.name, key, changed);
  }

  scan(prefix: string): Iterable<readonly [key: string, record: R]> {
    this.#records.resetReadTxn();
    const found: (readonly [string, R])[] = [];
    for (const { key, value } of this.#records.getRange(rangeOf(prefix))) found.push([key, value]);
    return found;
  }
}

/** A commit that fails rejects a second promise, with the cause: it counts as seen. */
async function committed<T>(write: Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    const { commitError } = error as { readonly commitError?: Promise<unknown> };
    commitError?.catch(() => {});
    throw error;
  }
}

import type { Database } from 'lmdb';
import { assert } from '../../base/assert.ts';
import type { StoredTable, Update } from '../record-store.ts';
import type { ForeignWatchers } from './foreign-watchers.ts';
import { rangeOf } from './key-range.ts';

/** Records that end with the server: every call is answered at once. */
export class VolatileTable<R extends object> implements StoredTable<R> {
  readonly name: string;
  readonly #records: Database<R, string>;
  readonly #watchers: ForeignWatchers;
  #deciding = false;

  constructor(name: string, records: Database<R, string>, watchers: ForeignWatchers) {
    this.name = name;
    this.#records = records;
    this.#watchers = watchers;
  }

  get(key: string): R | undefined {
    // Otherwise it would read what it read before in this turn, and miss others' changes.
    this.#records.resetReadTxn();
    return this.#records.get(key);
  }

  update<T>(key: string, decide: (current: R | undefined) => Update<R, T>): T {
    assert(!this.#deciding, `an update of ${this.name} is not pure: it updates ${key}`);
    this.#deciding = true;
    let isChanged = false;
    let others: readonly string[] = [];
    let result: T;
    try {
      result = this.#records.transactionSync(() => {
        const update = decide(this.#records.get(key));
        if (update.next === 'keep') return update.result;
        if (update.next === undefined) isChanged = this.#records.removeSync(key);
        else {
          this.#records.putSync(key, update.next);
          isChanged = true;
        }
        if (isChanged) others = this.#watchers.othersOf(this.name, key);
        return update.result;
      });
    } finally {
      this.#deciding = false;
    }
    if (isChanged) this.#watchers.wake(this.name, key, others);
    return result;
  }

  replace(key: string, next: R | undefined): void {
    this.update(key, () => ({ next, result: undefined }));
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

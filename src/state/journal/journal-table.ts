import { assert } from '../../base/assert.ts';
import type { MaybePromise } from '../../base/task.ts';
import type { StoredTable, Update } from '../record-store.ts';
import { Watchers } from '../watchers.ts';
import type { JournaledTable } from './gathered-changes.ts';
import type { Journal } from './journal.ts';

/**
 * Records that outlive the server: read from memory, which is ahead of the disk by what is still
 * being written; an update is answered when the disk has it.
 */
export class JournalTable<R extends object> implements StoredTable<R> {
  readonly name: string;
  readonly #journal: Journal;
  readonly #stored: JournaledTable;
  readonly #records: ReadonlyMap<string, R>;
  readonly #watchers = new Watchers();
  #isDeciding = false;

  constructor(journal: Journal, stored: JournaledTable) {
    this.name = stored.name;
    this.#journal = journal;
    this.#stored = stored;
    this.#records = stored.records as unknown as ReadonlyMap<string, R>;
  }

  get(key: string): R | undefined {
    return this.#records.get(key);
  }

  update<T>(key: string, decide: (current: R | undefined) => Update<R, T>): MaybePromise<T> {
    assert(!this.#isDeciding, `an update of ${this.name} is not pure: it updates ${key}`);
    this.#isDeciding = true;
    let update: Update<R, T>;
    try {
      update = decide(this.#records.get(key));
    } finally {
      this.#isDeciding = false;
    }
    const { next, result } = update;
    if (next === 'keep') return result;
    return this.replace(key, next).then(() => result);
  }

  replace(key: string, next: R | undefined): Promise<void> {
    const isChanged = next !== undefined || this.#records.has(key);
    const stored = this.#journal.change(this.#stored, key, next);
    if (!isChanged || !this.#watchers.has(key)) return stored;
    return stored.then(() => this.#watchers.wake(key));
  }

  replaceSoon(key: string, next: R | undefined): void {
    const isChanged = next !== undefined || this.#records.has(key);
    this.#journal.changeSoon(this.#stored, key, next);
    if (isChanged) this.#watchers.wake(key);
  }

  watch(key: string, changed: () => void): () => void {
    return this.#watchers.add(key, changed);
  }

  scan(prefix: string): Iterable<readonly [key: string, record: R]> {
    return [...this.#records].filter(([key]) => key.startsWith(prefix));
  }
}

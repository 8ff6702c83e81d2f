import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import type { RecordStore, StoredTable, Update } from '../../src/state/record-store.ts';

/**
 * A process's end of a store, which can be cut: from then on the process sees what was there, and
 * what it writes nobody else sees, as if it had been killed.
 */
export class SeveredStore implements RecordStore {
  readonly #tables: SeveredTable<object>[] = [];
  readonly #store: RecordStore;

  constructor(store: RecordStore) {
    this.#store = store;
  }

  table<R extends object>(name: string, version: number): StoredTable<R> {
    const table = new SeveredTable<R>(this.#store.table<R>(name, version));
    this.#tables.push(table as unknown as SeveredTable<object>);
    return table;
  }

  cut(): void {
    for (const table of this.#tables) table.cut();
  }

  /** Calls once, right after the next update of a table: what follows may be cut off. */
  afterUpdate(name: string, call: () => void): void {
    for (const table of this.#tables) if (table.name === name) table.afterUpdate = call;
  }

  close(): void {}
}

class SeveredTable<R extends object> implements StoredTable<R> {
  readonly name: string;
  #table: StoredTable<R>;
  afterUpdate: (() => void) | undefined;

  constructor(table: StoredTable<R>) {
    this.name = table.name;
    this.#table = table;
  }

  cut(): void {
    const own = new MemoryRecordStore().table<R>(this.name, 1);
    for (const [key, record] of this.#table.scan('') as Iterable<[string, R]>) {
      own.replace(key, record);
    }
    this.#table = own;
  }

  get(key: string): ReturnType<StoredTable<R>['get']> {
    return this.#table.get(key);
  }

  update<T>(key: string, decide: (current: R | undefined) => Update<R, T>): T | Promise<T> {
    const result = this.#table.update(key, decide);
    const { afterUpdate } = this;
    this.afterUpdate = undefined;
    afterUpdate?.();
    return result;
  }

  replace(key: string, next: R | undefined): void | Promise<void> {
    return this.#table.replace(key, next);
  }

  replaceSoon(key: string, next: R | undefined): void | Promise<void> {
    return this.#table.replaceSoon(key, next);
  }

  watch(key: string, changed: () => void): () => void {
    return this.#table.watch(key, changed);
  }

  scan(prefix: string): ReturnType<StoredTable<R>['scan']> {
    return this.#table.scan(prefix);
  }
}

/** The record store of one process: a Map per table, every call answered at once. */
import { assert } from '../../base/assert.ts';
import type { RecordStore, StoredTable, Update } from '../record-store.ts';
import { Watchers } from '../watchers.ts';

export interface MemoryRecordStoreOptions {
  /**
   * For tests: records are cloned and frozen on their way in, so that one that is no plain data,
   * or that is changed behind the store's back, shows itself.
   */
  readonly strict?: boolean;
}

export class MemoryRecordStore implements RecordStore {
  readonly #strict: boolean;
  readonly #tables = new Map<string, { version: number; table: MemoryTable<object> }>();

  constructor(options: MemoryRecordStoreOptions = {}) {
    this.#strict = options.strict ?? false;
  }

  table<R extends object>(name: string, version: number): StoredTable<R> {
    const known = this.#tables.get(name);
    if (known !== undefined) {
      assert(known.version === version, `table ${name} has version ${known.version}: ${version}`);
      return known.table as unknown as StoredTable<R>;
    }
    const table = new MemoryTable<R>(name, this.#strict);
    this.#tables.set(name, { version, table: table as unknown as MemoryTable<object> });
    return table;
  }

  close(): void {
    this.#tables.clear();
  }
}

class MemoryTable<R extends object> implements StoredTable<R> {
  readonly name: string;
  readonly #strict: boolean;
  readonly #records = new Map<string, R>();
  readonly #watchers = new Watchers();
  #deciding = false;

  constructor(name: string, strict: boolean) {
    this.name = name;
    this.#strict = strict;
  }

  get(key: string): R | undefined {
    return this.#records.get(key);
  }

  update<T>(key: string, decide: (current: R | undefined) => Update<R, T>): T {
    assert(!this.#deciding, `an update of ${this.name} is not pure: it updates ${key}`);
    this.#deciding = true;
    let update: Update<R, T>;
    try {
      update = decide(this.#records.get(key));
    } finally {
      this.#deciding = false;
    }
    if (update.next !== 'keep') this.replace(key, update.next);
    return update.result;
  }

  replace(key: string, record: R | undefined): void {
    if (record === undefined) {
      if (!this.#records.delete(key)) return;
    } else {
      this.#records.set(key, this.#strict ? freeze(structuredClone(record)) : record);
    }
    this.#watchers.wake(key);
  }

  replaceSoon(key: string, record: R | undefined): void {
    this.replace(key, record);
  }

  watch(key: string, changed: () => void): () => void {
    return this.#watchers.add(key, changed);
  }

  scan(prefix: string): Iterable<readonly [key: string, record: R]> {
    return [...this.#records].filter(([key]) => key.startsWith(prefix));
  }
}

/** Bytes cannot be frozen; they are the store's own copy all the same. */
function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
}

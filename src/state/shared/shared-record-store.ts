/**
 * The record store of the processes of one machine: records in memory that all of them map, each
 * call answered at once. A process that is killed in the middle leaves the records as they were,
 * and its lock to the next one. It ends with the last process that has it.
 */
import { assert } from '../../base/assert.ts';
import {
  RecordLayoutError,
  type RecordStore,
  type StoredTable,
  type WakeBus,
} from '../record-store.ts';
import { ForeignWatchers, type WatcherList } from './foreign-watchers.ts';
import { SharedRecords, type SharedRecordsOptions } from './shared-records.ts';
import { SharedTable } from './shared-table.ts';

export interface SharedRecordStoreOptions extends SharedRecordsOptions {
  /** Without one the store serves a single process. */
  readonly bus?: WakeBus;
}

export class SharedRecordStore implements RecordStore {
  readonly #records: SharedRecords;
  readonly #layouts: SharedTable<{ readonly version: number }>;
  readonly #watchers: ForeignWatchers;
  readonly #tables = new Map<string, { version: number; table: StoredTable<object> }>();

  constructor({ bus, ...options }: SharedRecordStoreOptions) {
    this.#records = new SharedRecords(options);
    this.#layouts = new SharedTable('#layouts', this.#records, undefined);
    const lists = new SharedTable<WatcherList>('#watchers', this.#records, undefined);
    this.#watchers = new ForeignWatchers(lists, bus);
  }

  /** The process that keeps all others from the records at this moment; 0: none. */
  get holder(): number {
    return this.#records.holder;
  }

  table<R extends object>(name: string, version: number): StoredTable<R> {
    const known = this.#tables.get(name);
    if (known !== undefined) {
      assert(known.version === version, `table ${name} has version ${known.version}: ${version}`);
      return known.table as unknown as StoredTable<R>;
    }
    this.#settleLayout(name, version);
    const table = new SharedTable<R>(name, this.#records, this.#watchers);
    this.#tables.set(name, { version, table: table as unknown as StoredTable<object> });
    return table;
  }

  /** Bytes of memory in use or free. Throws where the memory is not in order. For tests. */
  check(): number {
    return this.#records.check();
  }

  close(): void {
    this.#tables.clear();
    this.#records.close();
  }

  #settleLayout(name: string, version: number): void {
    const stored = this.#layouts.update(name, (current) => ({
      next: current === undefined ? { version } : 'keep',
      result: current?.version ?? version,
    }));
    if (stored === version) return;
    throw new RecordLayoutError(
      `shared records: table '${name}' has layout ${stored}, expected ${version}: ` +
        `it was written by ${stored > version ? 'a newer' : 'an older'} semba`,
    );
  }
}

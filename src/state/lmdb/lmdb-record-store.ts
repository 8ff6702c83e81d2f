/**
 * The record store of the processes of one machine, in LMDB: a memory map that all of them read,
 * and one writer at a time. A writer that is killed in the middle leaves the records as they were,
 * and its lock to the next one.
 *
 * - volatile: nothing waits for the disk; an update is one short transaction, answered at once. The
 *   folder belongs on a tmpfs, and is emptied when the server starts anew.
 * - persistent: an update is answered when the disk has it. Updates that come together are written
 *   together, with one sync for all.
 */
import { type Database, open, type RootDatabase } from 'lmdb';
import { assert } from '../../base/assert.ts';
import {
  RecordLayoutError,
  type RecordStore,
  type StoredTable,
  type UpgradeRecord,
  type WakeBus,
} from '../record-store.ts';
import { ForeignWatchers } from './foreign-watchers.ts';
import { PersistentTable } from './persistent-table.ts';
import { VolatileTable } from './volatile-table.ts';

/** Tables of one store; LMDB reserves room for them when it opens. */
const TABLES_MAX = 32;
/** Processes that may read at once; each takes a slot. */
const READERS_MAX = 512;

export interface LmdbRecordStoreOptions {
  /** A folder of this store's own; made when it does not exist. */
  readonly folder: string;
  readonly durability: 'volatile' | 'persistent';
  /** Without one the store serves a single process. */
  readonly bus?: WakeBus;
}

/**
 * Where a persistent table keeps the names of its records' fields, once and not in each: half the
 * size, and half the time to write. A symbol is no record's key.
 */
const STRUCTURES = Symbol.for('structures');

interface Layout {
  readonly version: number;
}

export class LmdbRecordStore implements RecordStore {
  readonly #folder: string;
  readonly #isPersistent: boolean;
  readonly #root: RootDatabase;
  readonly #layouts: Database<Layout, string>;
  readonly #watchers: ForeignWatchers;
  readonly #tables = new Map<string, { version: number; table: StoredTable<object> }>();

  /** Throws the system's error where the folder cannot be used, or is no store. */
  constructor({ folder, durability, bus }: LmdbRecordStoreOptions) {
    this.#folder = folder;
    this.#isPersistent = durability === 'persistent';
    this.#root = open({
      path: folder,
      // Otherwise a folder with a dot in its name would be taken for a file.
      noSubdir: false,
      maxDbs: TABLES_MAX,
      maxReaders: READERS_MAX,
      noSync: !this.#isPersistent,
      // Pages written from a process's own memory were seen to damage the records that other
      // processes share with it, once in tens to hundreds of times that one of them began anew.
      useWritemap: !this.#isPersistent,
      // With it a commit that fails rejects a promise that nobody has.
      eventTurnBatching: false,
    });
    this.#layouts = this.#root.openDB({ name: '#layouts' });
    this.#watchers = new ForeignWatchers(this.#root.openDB({ name: '#watchers' }), bus);
  }

  table<R extends object>(
    name: string,
    version: number,
    upgrade?: UpgradeRecord<R>,
  ): StoredTable<R> {
    const known = this.#tables.get(name);
    if (known !== undefined) {
      assert(known.version === version, `table ${name} has version ${known.version}: ${version}`);
      return known.table as unknown as StoredTable<R>;
    }
    const records: Database<R, string> = this.#root.openDB({
      name,
      useVersions: this.#isPersistent,
      ...(this.#isPersistent ? { sharedStructuresKey: STRUCTURES } : {}),
    });
    this.#settleLayout(name, version, records, upgrade);
    const table = this.#isPersistent
      ? new PersistentTable<R>(name, records, this.#watchers)
      : new VolatileTable<R>(name, records, this.#watchers);
    this.#tables.set(name, { version, table: table as unknown as StoredTable<object> });
    return table;
  }

  /** What processes that were killed read keeps nothing from being written over any more. */
  forgetDeadReaders(): void {
    this.#root.readerCheck();
  }

  async close(): Promise<void> {
    this.#tables.clear();
    await this.#root.close();
  }

  #settleLayout<R extends object>(
    name: string,
    version: number,
    records: Database<R, string>,
    upgrade: UpgradeRecord<R> | undefined,
  ): void {
    this.#root.transactionSync(() => {
      const stored = this.#layouts.get(name)?.version;
      if (stored === version) return;
      if (stored !== undefined) {
        if (upgrade === undefined || stored > version) {
          throw new RecordLayoutError(
            `${this.#folder}: table '${name}' has layout ${stored}, expected ${version}: ` +
              `it was written by ${stored > version ? 'a newer' : 'an older'} semba`,
          );
        }
        upgradeAll(records, upgrade, stored, this.#isPersistent);
      }
      this.#layouts.putSync(name, { version });
    });
  }
}

function upgradeAll<R extends object>(
  records: Database<R, string>,
  upgrade: UpgradeRecord<R>,
  fromVersion: number,
  isPersistent: boolean,
): void {
  for (const { key, value } of [...records.getRange()]) {
    const next = upgrade(value, fromVersion);
    if (next === undefined) records.removeSync(key);
    else if (isPersistent) records.putSync(key, next, 1);
    else records.putSync(key, next);
  }
}

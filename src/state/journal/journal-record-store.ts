/**
 * The record store of what outlives the server, of one process: all records in memory, and each
 * change appended to a journal, with one sync for those that come together.
 */
import { assert } from '../../base/assert.ts';
import {
  RecordLayoutError,
  type RecordStore,
  type StoredTable,
  type UpgradeRecord,
} from '../record-store.ts';
import type { JournalDisk } from './disk.ts';
import type { JournaledTable } from './gathered-changes.ts';
import { Journal, type JournalOptions } from './journal.ts';
import { JournalTable } from './journal-table.ts';
import { replay } from './replay.ts';

const SEGMENT_SIZE_MIN = 8 * 1024 * 1024;

export type JournalStoreOptions = Pick<JournalOptions, 'timers'> & Partial<JournalOptions>;

export class JournalRecordStore implements RecordStore {
  readonly #disk: JournalDisk;
  readonly #journal: Journal;
  readonly #stored = new Map<string, JournaledTable>();
  readonly #tables = new Map<string, { version: number; table: StoredTable<object> }>();

  /**
   * Throws `JournalDamageError`, or the system's error, and lets go of the disk. Cost: reads all of
   * the journal.
   */
  constructor(disk: JournalDisk, { timers, segmentSizeMin }: JournalStoreOptions) {
    this.#disk = disk;
    try {
      const replayed = replay(disk);
      this.#journal = new Journal(disk, replayed, {
        timers,
        segmentSizeMin: segmentSizeMin ?? SEGMENT_SIZE_MIN,
      });
      for (const [name, { version, records }] of replayed.tables) {
        this.#enter({ name, version, records });
      }
    } catch (error) {
      disk.close();
      throw error;
    }
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
    const stored = this.#stored.get(name) ?? this.#enter({ name, version, records: new Map() });
    if (stored.version !== version) this.#settleLayout(stored, version, upgrade);
    const table = new JournalTable<R>(this.#journal, stored);
    this.#tables.set(name, { version, table: table as unknown as StoredTable<object> });
    return table;
  }

  /** Ends when all is on the disk, and lets go of it. */
  async close(): Promise<void> {
    this.#tables.clear();
    await this.#journal.close();
    this.#disk.close();
  }

  #enter(table: JournaledTable): JournaledTable {
    this.#stored.set(table.name, table);
    this.#journal.add(table);
    return table;
  }

  #settleLayout<R extends object>(
    stored: JournaledTable,
    version: number,
    upgrade: UpgradeRecord<R> | undefined,
  ): void {
    const { name, version: old, records } = stored;
    if (upgrade === undefined || old > version) {
      throw new RecordLayoutError(
        `${this.#disk.folder}: table '${name}' has layout ${old}, expected ${version}: ` +
          `it was written by ${old > version ? 'a newer' : 'an older'} semba`,
      );
    }
    const next = new Map([...records].map(([key, record]) => [key, upgrade(record, old)]));
    this.#journal.changeLayout(stored, version, next);
  }
}

/** The store of what outlives the server, in the state folder: one server at a time has it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../env/ports.ts';
import { LmdbRecordStore } from '../state/lmdb/lmdb-record-store.ts';
import { RecordLayoutError, type RecordStore } from '../state/record-store.ts';
import { OptionError } from './options.ts';

/** Records of another version do not share a folder: it is refused, not emptied. */
export const PERSISTENT_FOLDER = 'persistent';

export class PersistentStore {
  readonly #stateFolder: string | undefined;
  readonly #log: Log;
  #store: RecordStore | undefined;
  #isRefused = false;

  constructor(options: { readonly stateFolder: string | undefined; readonly log: Log }) {
    this.#stateFolder = options.stateFolder;
    this.#log = options.log;
  }

  /**
   * Opened by the first share that needs it. Undefined, and logged once, where the folder cannot be
   * written: such shares have no persistent handles then. Throws `OptionError` without a folder,
   * and for one that another version of the program wrote.
   */
  open(): RecordStore | undefined {
    if (this.#store !== undefined || this.#isRefused) return this.#store;
    if (this.#stateFolder === undefined) {
      throw new OptionError('continuous availability needs a state folder');
    }
    const folder = join(this.#stateFolder, PERSISTENT_FOLDER);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      this.#store = new LmdbRecordStore({ folder, durability: 'persistent' });
    } catch (error) {
      if (error instanceof RecordLayoutError) throw error;
      this.#isRefused = true;
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.error({ folder, reason }, 'no persistent handles: the folder cannot be used');
    }
    return this.#store;
  }

  async close(): Promise<void> {
    await this.#store?.close();
  }
}

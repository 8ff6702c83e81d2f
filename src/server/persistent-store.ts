/** The store of what outlives the server, in the state folder: one server at a time has it. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../base/task.ts';
import type { Log } from '../env/ports.ts';
import { persistentTable } from '../fsa/persistent-files.ts';
import { sweepPersistent, type VolumeFate } from '../fsa/sweep-persistent.ts';
import { LmdbRecordStore } from '../state/lmdb/lmdb-record-store.ts';
import { RecordLayoutError, type RecordStore } from '../state/record-store.ts';
import { checkStore } from './check-store.ts';
import { OptionError } from './options.ts';

/** Records of another version do not share a folder: it is refused, not emptied. */
export const PERSISTENT_FOLDER = 'persistent';

const HINT = 'without the folder what clients had open when the server ended is lost';

export class PersistentStore {
  readonly #folder: string | undefined;
  readonly #log: Log;
  #opening: Promise<RecordStore | undefined> | undefined;

  constructor(options: { readonly stateFolder: string | undefined; readonly log: Log }) {
    const { stateFolder } = options;
    this.#folder = stateFolder === undefined ? undefined : join(stateFolder, PERSISTENT_FOLDER);
    this.#log = options.log;
  }

  /**
   * Opened by the first share that needs it. Undefined, and logged once, where the folder cannot be
   * written: such shares have no persistent handles then. Rejects with `OptionError` without a
   * folder, for one that another version of the program wrote, and for one that is damaged.
   */
  open(): Promise<RecordStore | undefined> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<RecordStore | undefined> {
    const folder = this.#folder;
    if (folder === undefined) throw new OptionError('continuous availability needs a state folder');
    let store: LmdbRecordStore | undefined;
    try {
      const damage = checkStore(folder);
      if (damage !== undefined) throw new OptionError(`${damage}: ${HINT}`);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      store = new LmdbRecordStore({ folder, durability: 'persistent' });
      persistentTable(store);
      return store;
    } catch (error) {
      await store?.close();
      if (error instanceof OptionError) throw error;
      if (error instanceof RecordLayoutError) throw new OptionError(`${error.message}: ${HINT}`);
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.error({ folder, reason }, 'no persistent handles: the folder cannot be used');
      return undefined;
    }
  }

  /**
   * Forgets opens that no share restores. Where there never was a store this does nothing; one that
   * cannot be opened is left alone, and the log says why.
   */
  async sweep(files: RecordStore, fateOf: (volumeId: string) => VolumeFate): Promise<void> {
    const folder = this.#folder;
    if (folder === undefined || !existsSync(folder)) return;
    try {
      const persistent = await this.open();
      if (persistent === undefined) return;
      const count = await run(sweepPersistent({ persistent, files }, fateOf));
      if (count > 0) this.#log.warn({ count }, 'opens of shares that restore none are forgotten');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.warn({ folder, reason }, 'what clients left open there is not looked at');
    }
  }

  async close(): Promise<void> {
    const store = await this.#opening?.catch(() => undefined);
    this.#opening = undefined;
    await store?.close();
  }
}

/** The store of what outlives the server, in the state folder: one server at a time has it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../base/task.ts';
import { pause } from '../env/node/pause.ts';
import type { Env } from '../env/ports.ts';
import { persistentTable } from '../fsa/persistent-files.ts';
import { sweepPersistent, type VolumeFate } from '../fsa/sweep-persistent.ts';
import { JournalRecordStore } from '../state/journal/journal-record-store.ts';
import { JournalDamageError } from '../state/journal/replay.ts';
import { RecordLayoutError, type RecordStore } from '../state/record-store.ts';
import { JournalFolder } from './journal-folder.ts';
import { OptionError } from './options.ts';

/** Records of another version do not share a folder: it is refused, not emptied. */
export const PERSISTENT_FOLDER = 'persistent';

/** Of the database that was there before the journal. */
const OLD_FILE = 'data.mdb';
const HINT = 'without the folder what clients had open when the server ended is lost';

/** Milliseconds. */
const LOCK_RETRY_MS = 20;
const LOCK_WAIT_MS = 5_000;

type StoreEnv = Pick<Env, 'log' | 'random' | 'timers'>;

export class PersistentStore {
  readonly #folder: string | undefined;
  readonly #env: StoreEnv;
  #opening: Promise<RecordStore | undefined> | undefined;

  constructor(options: {
    readonly stateFolder: string | undefined;
    readonly env: StoreEnv;
  }) {
    const { stateFolder, env } = options;
    this.#folder = stateFolder === undefined ? undefined : join(stateFolder, PERSISTENT_FOLDER);
    this.#env = env;
  }

  /**
   * Opened by the first share that needs it. Undefined, and logged once, where the folder cannot be
   * written: such shares have no persistent handles then. Rejects with `OptionError` without a
   * folder, for one that another version of the program wrote or that another process has, and for
   * one that is damaged.
   */
  open(): Promise<RecordStore | undefined> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<RecordStore | undefined> {
    const folder = this.#folder;
    if (folder === undefined) throw new OptionError('continuous availability needs a state folder');
    if (existsSync(join(folder, OLD_FILE))) {
      throw new OptionError(`${folder} was written by another version of semba: ${HINT}`);
    }
    let store: JournalRecordStore | undefined;
    try {
      store = new JournalRecordStore(await this.#lock(folder), { timers: this.#env.timers });
      persistentTable(store);
      return store;
    } catch (error) {
      await store?.close();
      if (error instanceof OptionError) throw error;
      if (error instanceof RecordLayoutError || error instanceof JournalDamageError) {
        throw new OptionError(`${error.message}: ${HINT}`);
      }
      const reason = error instanceof Error ? error.message : String(error);
      this.#env.log.error({ folder, reason }, 'no persistent handles: the folder cannot be used');
      return undefined;
    }
  }

  /** Waits a moment for a server that is ending. */
  async #lock(folder: string): Promise<JournalFolder> {
    const disk = new JournalFolder(folder, this.#env.random);
    for (let waitedMs = 0; !disk.lock(); waitedMs += LOCK_RETRY_MS) {
      if (waitedMs >= LOCK_WAIT_MS) {
        disk.close();
        throw new OptionError(`${folder} is in use by another process`);
      }
      await pause(LOCK_RETRY_MS);
    }
    return disk;
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
      if (count > 0)
        this.#env.log.warn({ count }, 'opens of shares that restore none are forgotten');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#env.log.warn({ folder, reason }, 'what clients left open there is not looked at');
    }
  }

  /** Another process may have it from then on. */
  async close(): Promise<void> {
    const store = await this.#opening?.catch(() => undefined);
    this.#opening = undefined;
    await store?.close();
  }
}

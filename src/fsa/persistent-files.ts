import { assert } from '../base/assert.ts';
import { STORE_RETRY_MS } from '../base/limits.ts';
import { isPromise, type MaybePromise } from '../base/task.ts';
import type { Log, TimerHandle, Timers } from '../env/ports.ts';
import type { RecordStore, RecordTable, StoredTable, Update } from '../state/record-store.ts';
import { changesKept, isPersistent, keptPart } from './decide-persistent.ts';
import type { FileRecord } from './file-record.ts';

/** Layout of `FileRecord` and of all that is in it, down to what `PersistentOpen.owner` is. */
export const PERSISTENT_FILE_VERSION = 1;

/** Where a volume's records go that outlive the server. */
export type StoredFiles = Pick<StoredTable<FileRecord>, 'replace' | 'replaceSoon' | 'scan'>;

/** The records of a store of what outlives the server. */
export function persistentTable(store: RecordStore): StoredTable<FileRecord> {
  return store.table<FileRecord>('persistent-file', PERSISTENT_FILE_VERSION);
}

/**
 * The file records of a volume whose opens may outlive the server. An update is decided in memory
 * as everywhere; when it changes what outlives the server, it is answered once the disk has that.
 * Updates that come together share a sync. What may be undone, and everything else, is answered at
 * once.
 *
 * Where the disk takes no more, updates are answered all the same, the keys are remembered, and
 * `isStored` tells: no open becomes persistent then, and who promised something takes it back. What
 * is remembered goes when the disk takes it again, which is tried every `STORE_RETRY_MS`.
 */
export class PersistentFiles implements RecordTable<FileRecord> {
  readonly name: string;
  readonly #files: RecordTable<FileRecord>;
  readonly #stored: StoredFiles;
  readonly #log: Log;
  readonly #timers: Timers;
  #inFlight = 0;
  readonly #settling: (() => void)[] = [];
  readonly #failed = new Set<string>();
  #isFailing = false;
  #retry: TimerHandle | undefined;
  /** Records whose last open has gone, and whose file is going. */
  readonly #going = new Set<string>();

  constructor(options: {
    readonly files: RecordTable<FileRecord>;
    readonly stored: StoredFiles;
    readonly log: Log;
    readonly timers: Timers;
  }) {
    this.name = options.files.name;
    this.#files = options.files;
    this.#stored = options.stored;
    this.#log = options.log;
    this.#timers = options.timers;
  }

  get(key: string): MaybePromise<FileRecord | undefined> {
    return this.#files.get(key);
  }

  watch(key: string, changed: () => void): () => void {
    return this.#files.watch(key, changed);
  }

  scan(prefix: string): MaybePromise<Iterable<readonly [key: string, record: FileRecord]>> {
    return this.#files.scan(prefix);
  }

  update<T>(
    key: string,
    decide: (current: FileRecord | undefined) => Update<FileRecord, T>,
  ): MaybePromise<T> {
    let isChanged = false;
    let mayBeUndone = false;
    const result = this.#files.update(key, (current) => {
      const update = decide(current);
      isChanged = update.next !== 'keep' && this.#concerns(key, current, update.next);
      mayBeUndone = update.mayBeUndone === true;
      return update;
    });
    if (!isChanged) return result;
    if (mayBeUndone) {
      const stored = this.#storeSoon(key);
      return stored === undefined ? result : stored.then(() => result);
    }
    if (isPromise(result)) return result.then((value) => this.#storeAnd(key, value));
    return this.#storeAnd(key, result);
  }

  /**
   * While the last close removes the file, its open stands in the store: it is restored, and closed
   * again, when the server ends in between.
   */
  #concerns(key: string, from: FileRecord | undefined, to: FileRecord | undefined): boolean {
    if (to?.opens.length === 0) {
      if (from?.opens.some(isPersistent) === true) this.#going.add(key);
      return false;
    }
    return this.#going.delete(key) || changesKept(from, to);
  }

  /** Brings the store up to what is in memory. Never rejects. */
  store(key: string): Promise<void> {
    return this.#storeAnd(key, undefined);
  }

  /** The same; `result` is what it resolves with. */
  #storeAnd<T>(key: string, result: T): Promise<T> {
    const writing = this.#stored.replace(key, this.#keptPart(key));
    if (!isPromise(writing)) {
      this.#isWritten(key);
      return Promise.resolve(result);
    }
    this.#inFlight++;
    return writing.then(
      () => {
        this.#isWritten(key);
        this.#landed();
        return result;
      },
      (error: unknown) => {
        this.#isNotWritten(key, error);
        this.#landed();
        return result;
      },
    );
  }

  #landed(): void {
    if (--this.#inFlight === 0) for (const go of this.#settling.splice(0)) go();
  }

  /** The same, without a promise where the store answers at once. */
  #storeSoon(key: string): Promise<void> | undefined {
    try {
      const writing = this.#stored.replaceSoon(key, this.#keptPart(key));
      if (isPromise(writing)) {
        return writing.then(
          () => this.#isWritten(key),
          (error: unknown) => this.#isNotWritten(key, error),
        );
      }
      this.#isWritten(key);
    } catch (error) {
      this.#isNotWritten(key, error);
    }
    return undefined;
  }

  #keptPart(key: string): FileRecord | undefined {
    const record = this.#files.get(key);
    assert(!isPromise(record), 'file records are answered at once');
    return keptPart(record);
  }

  #isNotWritten(key: string, error: unknown): void {
    this.#failed.add(key);
    this.#retry ??= this.#timers.after(STORE_RETRY_MS, () => this.#tryAgain());
    if (this.#isFailing) return;
    this.#isFailing = true;
    const reason = error instanceof Error ? error.message : String(error);
    this.#log.error({ reason }, 'persistent opens cannot be stored: none are granted');
  }

  #isWritten(key: string): void {
    this.#failed.delete(key);
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#log.warn({ missing: this.#failed.size }, 'persistent opens can be stored again');
    for (const key of this.#failed) void this.store(key);
  }

  /** One stands for all: when it gets through, the others follow. */
  #tryAgain(): void {
    this.#retry = undefined;
    for (const key of this.#failed) return void this.store(key);
  }

  /** Whether the store has what is in memory; asked after an update. */
  isStored(key: string): boolean {
    return !this.#failed.has(key);
  }

  /** As `update`, of what the store has already. */
  restore<T>(
    key: string,
    decide: (current: FileRecord | undefined) => Update<FileRecord, T>,
  ): MaybePromise<T> {
    return this.#files.update(key, decide);
  }

  /** All that the store has. */
  stored(): MaybePromise<Iterable<readonly [key: string, record: FileRecord]>> {
    return this.#stored.scan('');
  }

  /** What is missing is tried once more; ends when nothing is being written. */
  async settle(): Promise<void> {
    for (const key of this.#failed) void this.store(key);
    while (this.#inFlight > 0) await new Promise<void>((resolve) => this.#settling.push(resolve));
    this.#retry?.cancel();
  }
}

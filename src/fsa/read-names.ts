/**
 * One read of a directory for the name resolver: its names by the folded name, and by the 8.3 name
 * where the share has them.
 */
import { TURN_TIME_MS } from '../base/limits.ts';
import { isPromise, type Task, wait } from '../base/task.ts';
import type { Env } from '../env/ports.ts';
import { upcase } from '../fscc/upcase.ts';
import { ENOENT, type Errno, failed } from '../vfs/errno.ts';
import type { DirectoryWatch, NameChange, VfsFile } from '../vfs/vfs.ts';
import { NameTable } from './name-table.ts';
import { nameFromDisk } from './names.ts';
import { shortNameOf } from './short-names.ts';

export interface ReadNamesParams {
  readonly env: Env;
  /** 8.3 names are wanted, too. */
  readonly shortNames: boolean;
}

/** Of a directory's read at a time: half of what one request may take, others wait for it, too. */
const READ_TIME_MS = TURN_TIME_MS / 2;
/** Fewer names are no long read, whatever else keeps the machine. */
const NAMES_PER_TURN_MIN = 1000;
/** Times that one read begins: a directory that keeps changing under us ends as missing. */
const TRIES_MAX = 3;

const foldedOf = (name: string): string => upcase(nameFromDisk(name));
const shortOf = (name: string): string => shortNameOf(nameFromDisk(name));

const NO_CHANGES: readonly NameChange[] = [];

/** The names of a directory while they are read. */
export class ReadNames {
  readonly #params: ReadNamesParams;
  readonly #seed: number;
  names: NameTable;
  shortNames: NameTable | undefined;

  constructor(params: ReadNamesParams, seed: number) {
    this.#params = params;
    this.#seed = seed;
    this.names = new NameTable(foldedOf, seed);
    this.shortNames = this.#newShortNames();
  }

  /**
   * Reads to the end. Changes are taken in on the way, so that a long read does not lose them; one
   * that has lost some begins anew. ENOENT: the directory itself went, or changes beyond measure.
   */
  *fill(file: VfsFile, watch: DirectoryWatch | undefined): Task<0 | Errno> {
    const { clock, timers } = this.#params.env;
    let startMs = clock.monotonicMs();
    let tries = 1;
    let read = 0;
    for (let rewind = true; ; ) {
      const entries = file.readDirectory(rewind);
      const batch = isPromise(entries) ? yield* wait(entries) : entries;
      rewind = false;
      if (failed(batch)) return batch;
      if (batch.length === 0) return 0;
      for (const entry of batch) this.#set(entry.name, true);
      read += batch.length;
      if (read < NAMES_PER_TURN_MIN || clock.monotonicMs() - startMs < READ_TIME_MS) continue;
      read = 0;
      yield* wait(timers.turn());
      startMs = clock.monotonicMs();
      const changes = watch?.changes() ?? NO_CHANGES;
      if (changes !== 'unknown') {
        for (const { name, present } of changes) this.#set(name, present);
        continue;
      }
      if (tries++ === TRIES_MAX) return ENOENT;
      this.names = new NameTable(foldedOf, this.#seed);
      this.shortNames = this.#newShortNames();
      rewind = true;
    }
  }

  #set(name: string, present: boolean): void {
    if (present) this.names.add(name);
    else this.names.remove(name);
    if (present) this.shortNames?.add(name);
    else this.shortNames?.remove(name);
  }

  #newShortNames(): NameTable | undefined {
    return this.#params.shortNames ? new NameTable(shortOf, this.#seed) : undefined;
  }
}

/**
 * What a journal needs of a disk, as a port: files of one folder that nobody else touches. Calls
 * without a promise are of the page cache and take microseconds; all throw the system's error.
 */
import type { Random } from '../../env/ports.ts';

export interface JournalDisk {
  /** As errors and logs name it. */
  readonly folder: string;
  readonly random: Random;
  /** Names of all files. */
  list(): readonly string[];
  open(name: string): JournalFile;
  /** A new file of no bytes, or one that is emptied. */
  create(name: string): JournalFile;
  remove(name: string): void;
  /** Resolves once the names of the files are on the disk. */
  sync(): Promise<void>;
  /** The same at once, for a start. */
  syncNow(): void;
  /** Lets go of all; nothing is called any more. */
  close(): void;
}

export interface JournalFile {
  /** Bytes. */
  size(): number;
  /** Fills `into` from `at` on; how many bytes there were. */
  read(into: Uint8Array, at: number): number;
  /** All of `bytes`, or it throws; then some may be there. They survive the end of this process. */
  write(bytes: Uint8Array, at: number): void;
  /** Resolves once what was written before is on the disk. */
  sync(): Promise<void>;
  /** The same at once, for a start. */
  syncNow(): void;
  truncate(size: number): void;
  close(): void;
}

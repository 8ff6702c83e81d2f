/** Where the journal of a server is: a folder that one process at a time has. */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../env/ports.ts';
import type { JournalDisk, JournalFile } from '../state/journal/disk.ts';
import { failed } from '../vfs/errno.ts';
import { F_WRLCK } from '../vfs/local/linux.ts';
import { setOfdLock } from '../vfs/local/syscalls.ts';

const LOCK_FILE = 'lock';
const FILE_MODE = 0o600;

export class JournalFolder implements JournalDisk {
  readonly folder: string;
  readonly random: Random;
  /** Of the folder. */
  readonly #fd: number;
  /** Of the file that is locked as long as this process lives. */
  #lockFd: number | undefined;

  /** Made where it does not exist. Throws the system's error. */
  constructor(folder: string, random: Random) {
    this.folder = folder;
    this.random = random;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#fd = openSync(folder, 'r');
  }

  /** Before anything is changed in it. False: another process has it. Throws the system's error. */
  lock(): boolean {
    const fd = openSync(join(this.folder, LOCK_FILE), 'a', FILE_MODE);
    if (failed(setOfdLock(fd, F_WRLCK, 0n, 0n))) {
      closeSync(fd);
      return false;
    }
    this.#lockFd = fd;
    return true;
  }

  list(): readonly string[] {
    return readdirSync(this.folder);
  }

  open(name: string): JournalFile {
    return new NodeJournalFile(openSync(join(this.folder, name), 'r+'));
  }

  create(name: string): JournalFile {
    return new NodeJournalFile(openSync(join(this.folder, name), 'w+', FILE_MODE));
  }

  remove(name: string): void {
    rmSync(join(this.folder, name), { force: true });
  }

  sync(): Promise<void> {
    return done((settled) => fsync(this.#fd, settled));
  }

  syncNow(): void {
    fsyncSync(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
    if (this.#lockFd !== undefined) closeSync(this.#lockFd);
  }
}

class NodeJournalFile implements JournalFile {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  size(): number {
    return fstatSync(this.#fd).size;
  }

  read(into: Uint8Array, at: number): number {
    let count = 0;
    while (count < into.length) {
      const more = readSync(this.#fd, into, count, into.length - count, at + count);
      if (more === 0) break;
      count += more;
    }
    return count;
  }

  write(bytes: Uint8Array, at: number): void {
    for (let count = 0; count < bytes.length; ) {
      count += writeSync(this.#fd, bytes, count, bytes.length - count, at + count);
    }
  }

  sync(): Promise<void> {
    return done((settled) => fdatasync(this.#fd, settled));
  }

  syncNow(): void {
    fdatasyncSync(this.#fd);
  }

  truncate(size: number): void {
    ftruncateSync(this.#fd, size);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function done(start: (settled: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error === null ? resolve() : reject(error)));
  });
}

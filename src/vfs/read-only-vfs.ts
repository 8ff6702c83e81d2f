import type { FileRange } from '../base/io-buffer.ts';
import { isPromise, type MaybePromise } from '../base/task.ts';
import { EROFS, type Errno, failed } from './errno.ts';
import type {
  Credentials,
  DirectoryEntry,
  DirectoryWatch,
  FileStat,
  FileSystemStat,
  OpenFor,
  OpenOptions,
  Vfs,
  VfsCapabilities,
  VfsFile,
} from './vfs.ts';

/**
 * A store that can be read and nothing else: as a read-only volume of Windows it may be opened for
 * writing, and every write fails, with EROFS.
 */
export class ReadOnlyVfs implements Vfs {
  readonly capabilities: VfsCapabilities;
  readonly #vfs: Vfs;
  #openFiles = 0;

  constructor(vfs: Vfs) {
    this.#vfs = vfs;
    this.capabilities = vfs.capabilities;
  }

  /** Files that are open now. */
  get openFiles(): number {
    return this.#openFiles;
  }

  open(
    credentials: Credentials,
    path: string,
    options: OpenOptions,
  ): MaybePromise<VfsFile | Errno> {
    if (options.createExclusive === true) return EROFS;
    const access = READ_ACCESS[options.access];
    const file = this.#vfs.open(credentials, path, { ...options, access });
    return isPromise(file) ? file.then((opened) => this.#wrap(opened)) : this.#wrap(file);
  }

  #wrap(file: VfsFile | Errno): VfsFile | Errno {
    if (failed(file)) return file;
    this.#openFiles++;
    return new ReadOnlyFile(file, () => {
      this.#openFiles--;
    });
  }

  stat(
    credentials: Credentials,
    path: string,
    options?: { readonly noFollow?: boolean },
  ): MaybePromise<FileStat | Errno> {
    return this.#vfs.stat(credentials, path, options);
  }

  makeDirectory(): Errno {
    return EROFS;
  }

  unlink(): Errno {
    return EROFS;
  }

  removeDirectory(): Errno {
    return EROFS;
  }

  rename(): Errno {
    return EROFS;
  }

  link(): Errno {
    return EROFS;
  }

  makeSymlink(): Errno {
    return EROFS;
  }

  readLink(credentials: Credentials, path: string): MaybePromise<string | Errno> {
    return this.#vfs.readLink(credentials, path);
  }

  fileSystemStat(): MaybePromise<FileSystemStat | Errno> {
    return this.#vfs.fileSystemStat();
  }

  watchDirectory(path: string): DirectoryWatch | undefined {
    return this.#vfs.watchDirectory(path);
  }

  close(): void {
    this.#vfs.close();
  }
}

const READ_ACCESS: Readonly<Record<OpenFor, OpenFor>> = {
  metadata: 'metadata',
  read: 'read',
  write: 'read',
  readwrite: 'read',
  directory: 'directory',
};

class ReadOnlyFile implements VfsFile {
  readonly #file: VfsFile;
  readonly #whenClosed: () => void;

  constructor(file: VfsFile, whenClosed: () => void) {
    this.#file = file;
    this.#whenClosed = whenClosed;
  }

  stat(): MaybePromise<FileStat | Errno> {
    return this.#file.stat();
  }

  read(target: Uint8Array, offset: number): MaybePromise<number | Errno> {
    return this.#file.read(target, offset);
  }

  range(offset: number, length: number): FileRange | undefined {
    return this.#file.range?.(offset, length);
  }

  write(): Errno {
    return EROFS;
  }

  truncate(): Errno {
    return EROFS;
  }

  sync(): 0 {
    return 0;
  }

  setTimes(): Errno {
    return EROFS;
  }

  setMode(): Errno {
    return EROFS;
  }

  setOwner(): Errno {
    return EROFS;
  }

  allocate(): Errno {
    return EROFS;
  }

  zero(): Errno {
    return EROFS;
  }

  seekData(offset: number): MaybePromise<number | Errno> {
    return this.#file.seekData(offset);
  }

  seekHole(offset: number): MaybePromise<number | Errno> {
    return this.#file.seekHole(offset);
  }

  copyFrom(): Errno {
    return EROFS;
  }

  cloneFrom(): Errno {
    return EROFS;
  }

  hasChecksums(): MaybePromise<boolean | Errno> {
    return this.#file.hasChecksums?.() ?? false;
  }

  setChecksums(): Errno {
    return EROFS;
  }

  statOpened(): MaybePromise<FileStat | Errno> {
    return this.#file.statOpened?.() ?? this.#file.stat();
  }

  getXattr(name: string, asOf?: FileStat): MaybePromise<Uint8Array | Errno> {
    return this.#file.getXattr(name, asOf);
  }

  setXattr(): Errno {
    return EROFS;
  }

  removeXattr(): Errno {
    return EROFS;
  }

  listXattrs(): MaybePromise<readonly string[] | Errno> {
    return this.#file.listXattrs();
  }

  readDirectory(rewind: boolean): MaybePromise<readonly DirectoryEntry[] | Errno> {
    return this.#file.readDirectory(rewind);
  }

  statEntry(name: string): MaybePromise<FileStat | Errno> {
    return this.#file.statEntry(name);
  }

  getEntryXattr(name: string, xattr: string, asOf?: FileStat): MaybePromise<Uint8Array | Errno> {
    return this.#file.getEntryXattr(name, xattr, asOf);
  }

  close(): void {
    this.#file.close();
    this.#whenClosed();
  }
}

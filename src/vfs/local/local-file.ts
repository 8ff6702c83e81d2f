/**
 * An open file or directory of a LocalVfs.
 *
 *     open --T1 read/write/sync/copy in a thread--> busy --T2 last one done--> open
 *     open --T3 close()--> closed            busy --T3 close()--> closing --T2--> closed
 *
 * open: the descriptor is ours. busy: a thread uses it. closing: nobody may call any more, the
 * descriptor goes with the last thread call. A 'metadata' open is pinned (O_PATH): no permission
 * to read is needed, a FIFO or device is not touched, and no other process's lease is broken.
 *
 * Calls act as the server, not as the caller: what an open may do was decided when it was opened,
 * by the kernel for the descriptor and by `fsa` for the rest (attributes, times, owners, security
 * are Windows' rights, which POSIX has no like of). Where Linux lets the kind of caller decide what
 * happens, it is made to happen as for the caller: set-id bits, in `setMode` and on every change.
 */
import { assert } from '../../base/assert.ts';
import type { FileRange } from '../../base/io-buffer.ts';
import type { MaybePromise } from '../../base/task.ts';
import { EAGAIN, EBADF, EINVAL, ENOTDIR, EOPNOTSUPP, type Errno, EXDEV, failed } from '../errno.ts';
import type {
  Credentials,
  DirectoryEntry,
  FileStat,
  LeaseKind,
  OpenFor,
  PosixLockType,
  VfsFile,
} from '../vfs.ts';
import * as checksums from './checksums.ts';
import { cloneRange, copyRange } from './copy-range.ts';
import { readEntries } from './directory.ts';
import { isInMemory, readInThread, writeInThread, writeNow, writeZeroes } from './file-bytes.ts';
import { leaseOf, setLease } from './leases.ts';
import {
  AT_EMPTY_PATH,
  AT_NO_AUTOMOUNT,
  AT_SYMLINK_NOFOLLOW,
  F_RDLCK,
  F_UNLCK,
  F_WRLCK,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_ZERO_RANGE,
  RWF_NOWAIT,
  SEEK_DATA,
  SEEK_HOLE,
  SEEK_SET,
} from './linux.ts';
import { isEntryName, type LocalRoot } from './local-root.ts';
import { flagsHandle, readXattr, setTimes, xattrHandle } from './pinned.ts';
import { clearSetId, S_ISETID, setModeAs } from './set-id.ts';
import { STAT_MASK, statBuffer } from './stat.ts';
import { syncPinned } from './sync.ts';
import * as sys from './syscalls.ts';
import { syncThread } from './thread-calls.ts';
import { EntryXattrs } from './xattr-memory.ts';
import * as xattrs from './xattrs.ts';

/** How reads find out whether they would block: ask, need not (memory), cannot ask. */
type ReadMode = 'nowait' | 'direct' | 'thread';

const lastByte = new Uint8Array(1);

export interface OpenedFile {
  readonly fd: number;
  readonly access: OpenFor;
  /** Who opened it. */
  readonly credentials: Credentials;
  /** Permission bits of a file that is open for writing; else of no meaning. */
  readonly mode: number;
  /** What was looked at to open it. */
  readonly stat?: FileStat | undefined;
}

export class LocalFile implements VfsFile {
  /** For the functions of this folder, as `isClosed` and `inThread`. */
  readonly root: LocalRoot;
  readonly fd: number;
  readonly access: OpenFor;
  readonly #credentials: Credentials;
  /** Set-id bits stand that go with the first change by a caller who is not root. */
  #losesSetId: boolean;
  #readMode: ReadMode = 'nowait';
  /** The kernel tells what is cached, and this user. */
  #hasRanges = true;
  #threadCalls = 0;
  #statAtOpen: FileStat | undefined;
  /** Once `stat` told it. */
  #inode: bigint | undefined;
  /** Of a directory that was read. */
  #entryXattrs: EntryXattrs | undefined;
  #closed = false;

  constructor(root: LocalRoot, opened: OpenedFile) {
    this.root = root;
    this.fd = opened.fd;
    this.access = opened.access;
    this.#credentials = opened.credentials;
    this.#statAtOpen = opened.stat;
    this.#losesSetId =
      (opened.mode & S_ISETID) !== 0 && root.impersonation.needed(opened.credentials);
    root.hold();
  }

  stat(): FileStat | Errno {
    this.#assertOpen();
    const result = sys.statx(this.fd, EMPTY, AT_EMPTY_PATH, STAT_MASK, statBuffer.bytes);
    if (failed(result)) return result;
    const stat = statBuffer.decode();
    this.#inode = stat.inode;
    return stat;
  }

  statOpened(): FileStat | Errno {
    const stat = this.#statAtOpen;
    if (stat === undefined) return this.stat();
    this.#statAtOpen = undefined;
    this.#inode = stat.inode;
    return stat;
  }

  read(target: Uint8Array, offset: number): MaybePromise<number | Errno> {
    this.#assertOpen();
    if (this.access === 'metadata') return EBADF;
    if (target.length === 0) return 0;
    if (this.#readMode === 'direct') return sys.pread(this.fd, target, offset);
    return this.#readMode === 'nowait'
      ? this.#readNoWait(target, offset)
      : readInThread(this, target, 0, offset);
  }

  /**
   * The last byte is asked for besides: it is there when the file is long enough, and not being
   * read from the disk just now.
   */
  range(offset: number, length: number): FileRange | undefined {
    this.#assertOpen();
    if (this.access === 'metadata' || this.#readMode === 'thread' || !this.#hasRanges) {
      return undefined;
    }
    const flags = this.#readMode === 'nowait' ? RWF_NOWAIT : 0;
    const last = offset + length - 1;
    if (sys.preadFlags(this.fd, lastByte, last, flags) !== 1) return undefined;
    const isCached = sys.isCached(this.fd, offset, length);
    if (typeof isCached === 'number') this.#hasRanges = false;
    if (isCached !== true) return undefined;
    const fd = this.fd;
    return { fd, offset, length, read: (target, at) => sys.pread(fd, target, offset + at) };
  }

  /** What is in the page cache is answered at once; the rest is fetched by a thread. */
  #readNoWait(target: Uint8Array, offset: number): MaybePromise<number | Errno> {
    let at = 0;
    while (at < target.length) {
      const rest = at === 0 ? target : target.subarray(at);
      const count = sys.preadFlags(this.fd, rest, offset + at, RWF_NOWAIT);
      if (count === 0) return at;
      if (count === EAGAIN) return readInThread(this, target, at, offset);
      if (count === EOPNOTSUPP) {
        this.#readMode = isInMemory(this.fd) ? 'direct' : 'thread';
        return this.read(target, offset);
      }
      if (failed(count)) return at > 0 ? at : count;
      at += count;
    }
    return at;
  }

  write(chunks: readonly Uint8Array[], offset: number): MaybePromise<number | Errno> {
    this.#assertOpen();
    if (!this.#writable()) return EBADF;
    let size = 0;
    for (const chunk of chunks) size += chunk.length;
    if (size >= this.root.threadWriteSize) return writeInThread(this, chunks, offset);
    return writeNow(this.fd, chunks, size, offset);
  }

  truncate(size: number): 0 | Errno {
    this.#assertOpen();
    return this.#writable() ? sys.truncate(this.fd, size) : EBADF;
  }

  async sync(dataOnly: boolean): Promise<0 | Errno> {
    this.#assertOpen();
    if (this.access !== 'metadata') {
      const synced = await this.inThread(syncThread(this.fd, dataOnly));
      return failed(synced) ? synced : 0;
    }
    const stat = this.stat();
    if (failed(stat)) return stat;
    const isDirectory = stat.type === 'directory';
    if (!isDirectory && stat.type !== 'file') return EBADF;
    return await this.inThread(syncPinned(this.root, this.fd, isDirectory));
  }

  setTimes(accessNs: bigint | undefined, modifyNs: bigint | undefined): 0 | Errno {
    this.#assertOpen();
    return setTimes(this, accessNs, modifyNs);
  }

  setMode(mode: number): 0 | Errno {
    this.#assertOpen();
    return setModeAs(this.#credentials, this, mode);
  }

  setOwner(uid: number | undefined, gid: number | undefined): 0 | Errno {
    this.#assertOpen();
    return sys.fchownat(this.fd, EMPTY, { uid: uid ?? -1, gid: gid ?? -1 }, AT_EMPTY_PATH);
  }

  allocate(size: number): 0 | Errno {
    this.#assertOpen();
    if (!this.#writable()) return EBADF;
    return size === 0 ? 0 : sys.fallocate(this.fd, FALLOC_FL_KEEP_SIZE, 0, size);
  }

  zero(offset: number, length: number, punch: boolean): MaybePromise<0 | Errno> {
    this.#assertOpen();
    if (!this.#writable()) return EBADF;
    if (length === 0) return 0;
    const how = punch ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
    const result = sys.fallocate(this.fd, how | FALLOC_FL_KEEP_SIZE, offset, length);
    return result === EOPNOTSUPP ? writeZeroes(this, offset, length) : result;
  }

  seekData(offset: number): number | Errno {
    this.#assertOpen();
    return this.access === 'metadata' ? EBADF : sys.seek(this.fd, offset, SEEK_DATA);
  }

  seekHole(offset: number): number | Errno {
    this.#assertOpen();
    return this.access === 'metadata' ? EBADF : sys.seek(this.fd, offset, SEEK_HOLE);
  }

  async copyFrom(
    source: VfsFile,
    range: { readonly from: number; readonly to: number; readonly length: number },
  ): Promise<number | Errno> {
    this.#assertOpen();
    if (!(source instanceof LocalFile)) return EXDEV;
    source.#assertOpen();
    if (!this.#writable() || source.access === 'metadata') return EBADF;
    return await copyRange(source, this, range);
  }

  async cloneFrom(
    source: VfsFile,
    range: { readonly from: number; readonly to: number; readonly length: number },
  ): Promise<0 | Errno> {
    this.#assertOpen();
    if (!(source instanceof LocalFile)) return EXDEV;
    source.#assertOpen();
    if (!this.#writable() || source.access === 'metadata') return EBADF;
    return await cloneRange(source, this, range);
  }

  setPosixLock(type: PosixLockType, start: bigint, length: bigint): 0 | Errno {
    this.#assertOpen();
    if (this.access === 'metadata' || this.access === 'directory') return EBADF;
    return sys.setOfdLock(this.fd, LOCK_TYPES[type], start, length);
  }

  setLease(kind: LeaseKind): 0 | Errno {
    this.#assertOpen();
    if (this.access === 'metadata' || this.access === 'directory') return EBADF;
    this.root.hasLeases = true;
    return setLease(this.fd, kind);
  }

  leaseLeft(): LeaseKind {
    this.#assertOpen();
    return leaseOf(this.fd);
  }

  getXattr(name: string, asOf?: FileStat): Uint8Array | Errno {
    this.#assertOpen();
    const { xattrMemory } = this.root;
    if (asOf === undefined || xattrMemory === undefined) return readXattr(this, name);
    const known = xattrMemory.find(name, asOf);
    if (known !== undefined) return known;
    const value = readXattr(this, name);
    xattrMemory.keep(name, asOf, value);
    return value;
  }

  setXattr(name: string, value: Uint8Array): 0 | Errno {
    this.#assertOpen();
    this.root.xattrMemory?.forget(name, this.#inode);
    return xattrs.setXattr(xattrHandle(this), name, value);
  }

  removeXattr(name: string): 0 | Errno {
    this.#assertOpen();
    this.root.xattrMemory?.forget(name, this.#inode);
    return xattrs.removeXattr(xattrHandle(this), name);
  }

  hasChecksums(): boolean | Errno {
    this.#assertOpen();
    return checksums.hasChecksums(flagsHandle(this));
  }

  setChecksums(isOn: boolean): 0 | Errno {
    this.#assertOpen();
    return checksums.setChecksums(flagsHandle(this), isOn);
  }

  listXattrs(): readonly string[] | Errno {
    this.#assertOpen();
    return xattrs.listXattrs(xattrHandle(this));
  }

  readDirectory(rewind: boolean): readonly DirectoryEntry[] | Errno {
    this.#assertOpen();
    if (this.access !== 'directory') return ENOTDIR;
    const { xattrMemory } = this.root;
    if (xattrMemory !== undefined) {
      this.#entryXattrs ??= new EntryXattrs(xattrMemory);
      this.#entryXattrs.look(this.stat());
    }
    if (rewind) {
      const result = sys.seek(this.fd, 0, SEEK_SET);
      if (failed(result)) return result;
    }
    return readEntries(this.fd);
  }

  statEntry(name: string): FileStat | Errno {
    this.#assertOpen();
    if (!isEntryName(name)) return EINVAL;
    const { path } = this.root;
    const named = path.set(name);
    if (failed(named)) return named;
    const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    const result = sys.statx(this.fd, path.bytes, flags, STAT_MASK, statBuffer.bytes);
    return failed(result) ? result : statBuffer.decode();
  }

  getEntryXattr(name: string, xattr: string, asOf?: FileStat): Uint8Array | Errno {
    this.#assertOpen();
    if (!isEntryName(name)) return EINVAL;
    const known = asOf && this.root.xattrMemory?.find(xattr, asOf);
    if (known !== undefined) return known;
    const value = this.#readEntryXattr(name, xattr);
    if (asOf !== undefined) this.#entryXattrs?.add(xattr, asOf, value);
    return value;
  }

  #readEntryXattr(name: string, xattr: string): Uint8Array | Errno {
    const dir = { fd: this.fd, hasGetxattrat: this.root.hasGetxattrat };
    return xattrs.withoutXattrs(xattrs.getEntryXattr(dir, this.root.path, name, xattr));
  }

  close(): void {
    this.#assertOpen();
    this.#closed = true;
    if (this.#threadCalls === 0) this.#release();
  }

  #release(): void {
    sys.close(this.fd);
    this.root.release();
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** The descriptor stays until the call is done. */
  async inThread<T>(call: Promise<T>): Promise<T> {
    this.#threadCalls++;
    try {
      return await call;
    } finally {
      this.#threadCalls--;
      if (this.#closed && this.#threadCalls === 0) this.#release();
    }
  }

  /** Asked before every change of the content. */
  #writable(): boolean {
    if (this.#losesSetId) {
      this.#losesSetId = false;
      clearSetId(this);
    }
    return this.access === 'write' || this.access === 'readwrite';
  }

  #assertOpen(): void {
    assert(!this.#closed, 'the file is closed');
  }
}

const EMPTY = new Uint8Array(1);
const LOCK_TYPES = { shared: F_RDLCK, exclusive: F_WRLCK, none: F_UNLCK } as const;

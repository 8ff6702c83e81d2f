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
import { LE } from '../../base/bytes.ts';
import type { FileRange } from '../../base/io-buffer.ts';
import type { MaybePromise } from '../../base/task.ts';
import {
  EAGAIN,
  EBADF,
  EINVAL,
  ENODATA,
  ENOSYS,
  ENOTDIR,
  EOPNOTSUPP,
  EPERM,
  type Errno,
  EXDEV,
  failed,
} from '../errno.ts';
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
import { readEntries } from './directory.ts';
import {
  AT_EMPTY_PATH,
  AT_NO_AUTOMOUNT,
  AT_SYMLINK_NOFOLLOW,
  F_GETLEASE,
  F_RDLCK,
  F_SETLEASE,
  F_SETOWN,
  F_UNLCK,
  F_WRLCK,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_ZERO_RANGE,
  RAMFS_MAGIC,
  RWF_NOWAIT,
  S_ISGID,
  S_ISUID,
  S_IXGRP,
  SEEK_DATA,
  SEEK_HOLE,
  SEEK_SET,
  STATX_BASIC_STATS,
  STATX_BTIME,
  TMPFS_MAGIC,
  UTIME_OMIT,
} from './linux.ts';
import { isEntryName, type LocalRoot } from './local-root.ts';
import { STATFS_SIZE, StatBuffer, statfsType } from './stat.ts';
import { syncPinned } from './sync.ts';
import * as sys from './syscalls.ts';
import { EntryXattrs } from './xattr-memory.ts';
import * as xattrs from './xattrs.ts';

/** How reads find out whether they would block: ask, need not (memory), cannot ask. */
type ReadMode = 'nowait' | 'direct' | 'thread';

const lastByte = new Uint8Array(1);

/** Bytes of one step where the kernel has no call for a copy or for zeroes. */
const STEP_SIZE = 1024 * 1024;

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
  readonly #root: LocalRoot;
  readonly #fd: number;
  readonly #access: OpenFor;
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
    this.#root = root;
    this.#fd = opened.fd;
    this.#access = opened.access;
    this.#credentials = opened.credentials;
    this.#statAtOpen = opened.stat;
    this.#losesSetId =
      (opened.mode & S_ISETID) !== 0 && root.impersonation.needed(opened.credentials);
    root.hold();
  }

  stat(): FileStat | Errno {
    this.#assertOpen();
    const result = sys.statx(this.#fd, EMPTY, AT_EMPTY_PATH, STAT_MASK, statBuffer.bytes);
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
    if (this.#access === 'metadata') return EBADF;
    if (target.length === 0) return 0;
    if (this.#readMode === 'direct') return sys.pread(this.#fd, target, offset);
    return this.#readMode === 'nowait'
      ? this.#readNoWait(target, offset)
      : this.#readThread(target, 0, offset);
  }

  /**
   * The last byte is asked for besides: it is there when the file is long enough, and not being
   * read from the disk just now.
   */
  range(offset: number, length: number): FileRange | undefined {
    this.#assertOpen();
    if (this.#access === 'metadata' || this.#readMode === 'thread' || !this.#hasRanges) {
      return undefined;
    }
    const flags = this.#readMode === 'nowait' ? RWF_NOWAIT : 0;
    const last = offset + length - 1;
    if (sys.preadFlags(this.#fd, lastByte, last, flags) !== 1) return undefined;
    const isCached = sys.isCached(this.#fd, offset, length);
    if (typeof isCached === 'number') this.#hasRanges = false;
    if (isCached !== true) return undefined;
    const fd = this.#fd;
    return { fd, offset, length, read: (target, at) => sys.pread(fd, target, offset + at) };
  }

  /** What is in the page cache is answered at once; the rest is fetched by a thread. */
  #readNoWait(target: Uint8Array, offset: number): MaybePromise<number | Errno> {
    let at = 0;
    while (at < target.length) {
      const rest = at === 0 ? target : target.subarray(at);
      const count = sys.preadFlags(this.#fd, rest, offset + at, RWF_NOWAIT);
      if (count === 0) return at;
      if (count === EAGAIN) return this.#readThread(target, at, offset);
      if (count === EOPNOTSUPP) {
        this.#readMode = this.#inMemory() ? 'direct' : 'thread';
        return this.read(target, offset);
      }
      if (failed(count)) return at > 0 ? at : count;
      at += count;
    }
    return at;
  }

  async #readThread(target: Uint8Array, from: number, offset: number): Promise<number | Errno> {
    let at = from;
    while (at < target.length) {
      const count = await this.#inThread(
        sys.preadThread(this.#fd, target.subarray(at), offset + at),
      );
      if (failed(count)) return at > 0 ? at : count;
      if (count === 0 || this.#closed) break;
      at += count;
    }
    return at;
  }

  #inMemory(): boolean {
    const bytes = new Uint8Array(STATFS_SIZE);
    if (failed(sys.fstatfs(this.#fd, bytes))) return false;
    const type = statfsType(bytes);
    return type === TMPFS_MAGIC || type === RAMFS_MAGIC;
  }

  write(chunks: readonly Uint8Array[], offset: number): MaybePromise<number | Errno> {
    this.#assertOpen();
    if (!this.#writable()) return EBADF;
    let size = 0;
    for (const chunk of chunks) size += chunk.length;
    if (size >= this.#root.threadWriteSize) return this.#writeThread(chunks, offset);
    return this.#writeNow(chunks, size, offset);
  }

  #writeNow(chunks: readonly Uint8Array[], size: number, offset: number): number | Errno {
    let rest = chunks;
    let at = 0;
    while (at < size) {
      const count =
        rest.length === 1
          ? sys.pwrite(this.#fd, rest[0]!, offset + at)
          : sys.pwritev(this.#fd, rest, offset + at);
      if (failed(count)) return at > 0 ? at : count;
      if (count === 0) break;
      at += count;
      if (at < size) rest = skip(rest, count);
    }
    return at;
  }

  async #writeThread(chunks: readonly Uint8Array[], offset: number): Promise<number | Errno> {
    let at = 0;
    for (const chunk of chunks) {
      for (let done = 0; done < chunk.length; ) {
        const rest = chunk.subarray(done);
        const count = await this.#inThread(sys.pwriteThread(this.#fd, rest, offset + at));
        if (failed(count)) return at > 0 ? at : count;
        if (count === 0 || this.#closed) return at;
        done += count;
        at += count;
      }
    }
    return at;
  }

  truncate(size: number): 0 | Errno {
    this.#assertOpen();
    return this.#writable() ? sys.truncate(this.#fd, size) : EBADF;
  }

  async sync(dataOnly: boolean): Promise<0 | Errno> {
    this.#assertOpen();
    if (this.#access !== 'metadata') {
      return done(await this.#inThread(sys.syncThread(this.#fd, dataOnly)));
    }
    const stat = this.stat();
    if (failed(stat)) return stat;
    const isDirectory = stat.type === 'directory';
    if (!isDirectory && stat.type !== 'file') return EBADF;
    return await this.#inThread(syncPinned(this.#root, this.#fd, isDirectory));
  }

  setTimes(accessNs: bigint | undefined, modifyNs: bigint | undefined): 0 | Errno {
    this.#assertOpen();
    putTime(0, accessNs);
    putTime(16, modifyNs);
    if (this.#access !== 'metadata') return sys.futimens(this.#fd, times);
    return sys.utimensat(this.#root.procFd, this.#procName(), times);
  }

  setMode(mode: number): 0 | Errno {
    this.#assertOpen();
    const { impersonation } = this.#root;
    const set = impersonation.run(this.#credentials, () => this.#chmod(mode));
    // Whom `fsa` lets change what is another's; but nobody lends out another's id.
    const isAnothers = set === EPERM && (mode & S_ISETID) === 0;
    return isAnothers && impersonation.needed(this.#credentials) ? this.#chmod(mode) : set;
  }

  #chmod(mode: number): 0 | Errno {
    if (this.#access !== 'metadata') return sys.fchmod(this.#fd, mode);
    return sys.fchmodat(this.#root.procFd, this.#procName(), mode);
  }

  setOwner(uid: number | undefined, gid: number | undefined): 0 | Errno {
    this.#assertOpen();
    return sys.fchownat(this.#fd, EMPTY, { uid: uid ?? -1, gid: gid ?? -1 }, AT_EMPTY_PATH);
  }

  allocate(size: number): 0 | Errno {
    this.#assertOpen();
    if (!this.#writable()) return EBADF;
    return size === 0 ? 0 : sys.fallocate(this.#fd, FALLOC_FL_KEEP_SIZE, 0, size);
  }

  zero(offset: number, length: number, punch: boolean): MaybePromise<0 | Errno> {
    this.#assertOpen();
    if (!this.#writable()) return EBADF;
    if (length === 0) return 0;
    const how = punch ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
    const result = sys.fallocate(this.#fd, how | FALLOC_FL_KEEP_SIZE, offset, length);
    return result === EOPNOTSUPP ? this.#writeZeroes(offset, length) : result;
  }

  /** For file systems without the call: as fallocate, it leaves the file's size alone. */
  async #writeZeroes(offset: number, length: number): Promise<0 | Errno> {
    const stat = this.stat();
    if (failed(stat)) return stat;
    const end = Math.min(offset + length, stat.size);
    const zeroes = new Uint8Array(Math.max(0, Math.min(STEP_SIZE, end - offset)));
    for (let at = offset; at < end && !this.#closed; ) {
      const part = zeroes.subarray(0, Math.min(zeroes.length, end - at));
      const count = await this.#inThread(sys.pwriteThread(this.#fd, part, at));
      if (failed(count)) return count;
      at += count;
    }
    return 0;
  }

  seekData(offset: number): number | Errno {
    this.#assertOpen();
    return this.#access === 'metadata' ? EBADF : sys.seek(this.#fd, offset, SEEK_DATA);
  }

  seekHole(offset: number): number | Errno {
    this.#assertOpen();
    return this.#access === 'metadata' ? EBADF : sys.seek(this.#fd, offset, SEEK_HOLE);
  }

  async copyFrom(
    source: VfsFile,
    range: { readonly from: number; readonly to: number; readonly length: number },
  ): Promise<number | Errno> {
    this.#assertOpen();
    if (!(source instanceof LocalFile)) return EXDEV;
    source.#assertOpen();
    if (!this.#writable() || source.#access === 'metadata') return EBADF;
    if (range.length === 0) return 0;
    const count = await this.#inThread(
      source.#inThread(
        sys.copyFileRangeThread(
          { fd: source.#fd, offset: range.from },
          { fd: this.#fd, offset: range.to },
          range.length,
        ),
      ),
    );
    const unable = count === EXDEV || count === EINVAL || count === EOPNOTSUPP || count === ENOSYS;
    return unable ? this.#copyThroughMemory(source, range) : count;
  }

  async cloneFrom(
    source: VfsFile,
    range: { readonly from: number; readonly to: number; readonly length: number },
  ): Promise<0 | Errno> {
    this.#assertOpen();
    if (!(source instanceof LocalFile)) return EXDEV;
    source.#assertOpen();
    if (!this.#writable() || source.#access === 'metadata') return EBADF;
    // A length of 0 means the rest of the file to the kernel.
    if (range.length === 0) return 0;
    const from = { fd: source.#fd, offset: range.from };
    const to = { fd: this.#fd, offset: range.to };
    const call = source.#inThread(sys.cloneRangeThread(from, to, range.length));
    return done(await this.#inThread(call));
  }

  /** Between file systems, and for overlapping ranges, which copy_file_range(2) refuses. */
  async #copyThroughMemory(
    source: LocalFile,
    range: { readonly from: number; readonly to: number; readonly length: number },
  ): Promise<number | Errno> {
    if (this.#closed || source.#closed) return EBADF;
    const step = new Uint8Array(Math.min(range.length, STEP_SIZE));
    const count = await source.#readThread(step, 0, range.from);
    if (failed(count) || count === 0) return count;
    return this.#closed ? EBADF : this.#writeThread([step.subarray(0, count)], range.to);
  }

  setPosixLock(type: PosixLockType, start: bigint, length: bigint): 0 | Errno {
    this.#assertOpen();
    if (this.#access === 'metadata' || this.#access === 'directory') return EBADF;
    return sys.setOfdLock(this.#fd, LOCK_TYPES[type], start, length);
  }

  setLease(kind: LeaseKind): 0 | Errno {
    this.#assertOpen();
    if (this.#access === 'metadata' || this.#access === 'directory') return EBADF;
    this.#root.hasLeases = true;
    // SIGIO goes to the process as a whole: its event loop waits for it (sigio.ts).
    const owned = sys.fcntl(this.#fd, F_SETOWN, process.pid);
    return done(failed(owned) ? owned : sys.fcntl(this.#fd, F_SETLEASE, LEASES[kind]));
  }

  leaseLeft(): LeaseKind {
    this.#assertOpen();
    const left = sys.fcntl(this.#fd, F_GETLEASE, 0);
    if (left === F_WRLCK) return 'write';
    return left === F_RDLCK ? 'read' : 'none';
  }

  getXattr(name: string, asOf?: FileStat): Uint8Array | Errno {
    this.#assertOpen();
    const { xattrMemory } = this.#root;
    if (asOf === undefined || xattrMemory === undefined) return this.#readXattr(name);
    const known = xattrMemory.find(name, asOf);
    if (known !== undefined) return known;
    const value = this.#readXattr(name);
    xattrMemory.keep(name, asOf, value);
    return value;
  }

  #readXattr(name: string): Uint8Array | Errno {
    if (this.#access === 'metadata' && this.#root.hasGetxattrat) {
      return xattrs.getXattrAt(this.#root.procFd, this.#procName(), 0, name);
    }
    return withoutXattrs(xattrs.getXattr(this.#xattrHandle(), name));
  }

  setXattr(name: string, value: Uint8Array): 0 | Errno {
    this.#assertOpen();
    this.#root.xattrMemory?.forget(name, this.#inode);
    return xattrs.setXattr(this.#xattrHandle(), name, value);
  }

  removeXattr(name: string): 0 | Errno {
    this.#assertOpen();
    this.#root.xattrMemory?.forget(name, this.#inode);
    return xattrs.removeXattr(this.#xattrHandle(), name);
  }

  hasChecksums(): boolean | Errno {
    this.#assertOpen();
    return checksums.hasChecksums(this.#flagsHandle());
  }

  setChecksums(isOn: boolean): 0 | Errno {
    this.#assertOpen();
    return checksums.setChecksums(this.#flagsHandle(), isOn);
  }

  listXattrs(): readonly string[] | Errno {
    this.#assertOpen();
    return xattrs.listXattrs(this.#xattrHandle());
  }

  readDirectory(rewind: boolean): readonly DirectoryEntry[] | Errno {
    this.#assertOpen();
    if (this.#access !== 'directory') return ENOTDIR;
    const { xattrMemory } = this.#root;
    if (xattrMemory !== undefined) {
      this.#entryXattrs ??= new EntryXattrs(xattrMemory);
      this.#entryXattrs.look(this.stat());
    }
    if (rewind) {
      const result = sys.seek(this.#fd, 0, SEEK_SET);
      if (failed(result)) return result;
    }
    return readEntries(this.#fd);
  }

  statEntry(name: string): FileStat | Errno {
    this.#assertOpen();
    if (!isEntryName(name)) return EINVAL;
    const { path } = this.#root;
    const named = path.set(name);
    if (failed(named)) return named;
    const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    const result = sys.statx(this.#fd, path.bytes, flags, STAT_MASK, statBuffer.bytes);
    return failed(result) ? result : statBuffer.decode();
  }

  getEntryXattr(name: string, xattr: string, asOf?: FileStat): Uint8Array | Errno {
    this.#assertOpen();
    if (!isEntryName(name)) return EINVAL;
    const known = asOf && this.#root.xattrMemory?.find(xattr, asOf);
    if (known !== undefined) return known;
    const value = this.#readEntryXattr(name, xattr);
    if (asOf !== undefined) this.#entryXattrs?.add(xattr, asOf, value);
    return value;
  }

  #readEntryXattr(name: string, xattr: string): Uint8Array | Errno {
    const dir = { fd: this.#fd, hasGetxattrat: this.#root.hasGetxattrat };
    return withoutXattrs(xattrs.getEntryXattr(dir, this.#root.path, name, xattr));
  }

  close(): void {
    this.#assertOpen();
    this.#closed = true;
    if (this.#threadCalls === 0) this.#release();
  }

  #release(): void {
    sys.close(this.#fd);
    this.#root.release();
  }

  async #inThread<T>(call: Promise<T>): Promise<T> {
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
    if (this.#losesSetId) this.#clearSetId();
    return this.#access === 'write' || this.#access === 'readwrite';
  }

  /** As the kernel does for whoever is not root (inode(7)): they would be root's to keep. */
  #clearSetId(): void {
    this.#losesSetId = false;
    const stat = this.stat();
    if (failed(stat)) return;
    const runsAsGroup = (stat.mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP);
    const cleared = stat.mode & ~(S_ISUID | (runsAsGroup ? S_ISGID : 0));
    if (cleared !== stat.mode) this.#chmod(cleared);
  }

  /** A pinned file by its number below `procFd`. */
  #procName(): Uint8Array {
    this.#root.path.set(String(this.#fd));
    return this.#root.path.bytes;
  }

  #flagsHandle(): checksums.FlagsHandle {
    if (this.#access !== 'metadata') return this.#fd;
    return { dir: this.#root.procFd, name: this.#procName() };
  }

  #xattrHandle(): xattrs.XattrHandle {
    if (this.#access !== 'metadata') return this.#fd;
    this.#root.path.set(`/proc/self/fd/${this.#fd}`);
    return this.#root.path.bytes;
  }

  #assertOpen(): void {
    assert(!this.#closed, 'the file is closed');
  }
}

const S_ISETID = S_ISUID | S_ISGID;
export const STAT_MASK: number = STATX_BASIC_STATS | STATX_BTIME;
/** Filled and decoded within one call. */
export const statBuffer: StatBuffer = new StatBuffer();
const EMPTY = new Uint8Array(1);
const LEASES = { read: F_RDLCK, write: F_WRLCK, none: F_UNLCK } as const;
const LOCK_TYPES = { shared: F_RDLCK, exclusive: F_WRLCK, none: F_UNLCK } as const;

/** struct timespec[2]: access, modify. */
const times = new Uint8Array(32);
const timesView = new DataView(times.buffer);
const NS = 1_000_000_000n;

function putTime(at: number, ns: bigint | undefined): void {
  if (ns === undefined) {
    timesView.setBigInt64(at + 8, BigInt(UTIME_OMIT), LE);
    return;
  }
  const rest = ((ns % NS) + NS) % NS;
  timesView.setBigInt64(at, (ns - rest) / NS, LE);
  timesView.setBigInt64(at + 8, rest, LE);
}

/** What is left of `chunks` after `count` bytes. */
function skip(chunks: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let index = 0;
  let left = count;
  while (left >= chunks[index]!.length) left -= chunks[index++]!.length;
  return [chunks[index]!.subarray(left), ...chunks.slice(index + 1)];
}

/** A file system (or file type) without xattrs has none of this name. */
function withoutXattrs(value: Uint8Array | Errno): Uint8Array | Errno {
  return value === EOPNOTSUPP ? ENODATA : value;
}

function done(result: number | Errno): 0 | Errno {
  return failed(result) ? result : 0;
}

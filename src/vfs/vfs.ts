/**
 * The storage port: what a file system has to offer to be shared. POSIX-like and free of Windows
 * semantics; `fsa` builds those on top. Implement it to show a bucket, a database or a build tree
 * as a network drive.
 *
 * - Every call may answer at once or with a promise (`MaybePromise`), and fails with a negative
 *   `Errno` as its value; a call throws only for bugs.
 * - Every call that resolves a path or checks permission names the `Credentials` it acts with.
 *   Nothing inherits a current user (see the RFC on async path-based VFS functions).
 * - A path is relative to the share's root: components joined with '/', '' is the root itself,
 *   never '.', '..' or empty components. It must never resolve to outside of the root.
 * - Names are JavaScript strings and compare exactly (case-sensitively unless `capabilities` say
 *   otherwise).
 */
import type { FileRange } from '../base/io-buffer.ts';
import type { MaybePromise } from '../base/task.ts';
import type { Errno } from './errno.ts';

/** Whom a call acts for. A store that has no users ignores them. */
export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

export interface VfsCapabilities {
  /** False when 'A' and 'a' name the same file in the store itself. */
  readonly caseSensitive: boolean;
  readonly xattrs: boolean;
  readonly hardLinks: boolean;
  readonly sparseFiles: boolean;
  /** `cloneFrom` works: files can share their blocks. */
  readonly sharedBlocks: boolean;
  /**
   * Calls about names, times and attributes, and `close`, never answer with a promise; left away:
   * they may.
   */
  readonly answersAtOnce?: boolean;
  /** Content has checksums, but for files that do without; left away: it has none. */
  readonly checksums?: boolean;
  /** Largest xattr value in bytes; longer ones fail with E2BIG, ENOSPC or ERANGE. */
  readonly xattrSizeMax: number;
  /** Name for FileFsAttributeInformation, e.g. 'NTFS'. */
  readonly fileSystemName: string;
}

export const FILE_TYPE_REGULAR = 'file';
export const FILE_TYPE_DIRECTORY = 'directory';
export const FILE_TYPE_SYMLINK = 'symlink';
export const FILE_TYPE_OTHER = 'other';
export type FileType = 'file' | 'directory' | 'symlink' | 'other';

/** What stat tells. Times are nanoseconds since 1970-01-01 UTC. */
export interface FileStat {
  readonly type: FileType;
  /** Device or volume number and inode: together they identify the file while it is open. */
  readonly device: bigint;
  readonly inode: bigint;
  readonly size: number;
  /** Bytes of storage that are really allocated. */
  readonly allocated: number;
  readonly links: number;
  /** Permission bits, 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly accessTimeNs: bigint;
  readonly modifyTimeNs: bigint;
  readonly changeTimeNs: bigint;
  /** Undefined where the store keeps none. */
  readonly birthTimeNs: bigint | undefined;
}

export interface FileSystemStat {
  readonly blockSize: number;
  readonly blocks: number;
  readonly blocksFree: number;
  /** Blocks free for an unprivileged caller. */
  readonly blocksAvailable: number;
  /** Inodes, and those that are free; absent where the store counts none. */
  readonly files?: number;
  readonly filesFree?: number;
  readonly nameLengthMax: number;
  readonly readOnly: boolean;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly type: FileType | undefined;
  readonly inode: bigint;
}

/** What an open is for: 'metadata' promises no data access (but may hold a readable descriptor). */
export type OpenFor = 'metadata' | 'read' | 'write' | 'readwrite' | 'directory';

export interface OpenOptions {
  readonly access: OpenFor;
  /** Fails with EEXIST when the file exists; makes it otherwise. Only with a data access. */
  readonly createExclusive?: boolean;
  /** Permission bits of a file that is made. */
  readonly mode?: number;
  /** Open a symbolic link itself instead of following it; then only with access 'metadata'. */
  readonly noFollow?: boolean;
  /** Fails with ELOOP where a symbolic link would have to be followed anywhere in the path. */
  readonly noLinks?: boolean;
}

/** What a range of bytes is to be locked as against other processes. */
export type PosixLockType = 'shared' | 'exclusive' | 'none';

/** What a lease of the kernel lets its holder know before: others' writes, or any open. */
export type LeaseKind = 'none' | 'read' | 'write';

/** An open file or directory: it keeps meaning the same file when the name moves or goes. */
export interface VfsFile {
  stat(): MaybePromise<FileStat | Errno>;
  /** As `stat`, for whoever has just opened it: what `open` looked at does. */
  statOpened?(): MaybePromise<FileStat | Errno>;
  /** Fills `target` from `offset`; the count is short only at the end of the file. */
  read(target: Uint8Array, offset: number): MaybePromise<number | Errno>;
  /**
   * The bytes that `read` would fill `length` bytes from `offset` with, not read; undefined unless
   * all are there and in memory. Left away where the store has no descriptors.
   */
  range?(offset: number, length: number): FileRange | undefined;
  /** Writes all of `chunks`, in order, from `offset`; a short count means the store is full. */
  write(chunks: readonly Uint8Array[], offset: number): MaybePromise<number | Errno>;
  truncate(size: number): MaybePromise<0 | Errno>;
  /**
   * Makes data (and, unless `dataOnly`, metadata) safe against power loss; of a directory which
   * names it has. Whatever the access; EBADF of what keeps nothing.
   */
  sync(dataOnly: boolean): MaybePromise<0 | Errno>;
  /** Nanoseconds since 1970 UTC; undefined leaves a time as it is. */
  setTimes(accessNs: bigint | undefined, modifyNs: bigint | undefined): MaybePromise<0 | Errno>;
  setMode(mode: number): MaybePromise<0 | Errno>;
  setOwner(uid: number | undefined, gid: number | undefined): MaybePromise<0 | Errno>;
  /** Reserves storage up to `size` without changing the file's size. */
  allocate(size: number): MaybePromise<0 | Errno>;
  /** Makes `[offset, offset + length)` read as zeroes; `punch` gives the storage back. */
  zero(offset: number, length: number, punch: boolean): MaybePromise<0 | Errno>;
  /** Start of the next data at or after `offset`, or ENXIO when none follows. */
  seekData(offset: number): MaybePromise<number | Errno>;
  /** Start of the next hole at or after `offset`; the end of the file counts as one. */
  seekHole(offset: number): MaybePromise<number | Errno>;
  /** Copies inside the store (reflinks where it can); the count may be short, 0 at the end. */
  copyFrom(
    source: VfsFile,
    range: { readonly from: number; readonly to: number; readonly length: number },
  ): MaybePromise<number | Errno>;
  /**
   * As `copyFrom`, all of the range at once and without moving data; EOPNOTSUPP or EXDEV where the
   * store cannot, EINVAL for a range that does not fit its blocks. Only with `sharedBlocks`.
   */
  cloneFrom(
    source: VfsFile,
    range: { readonly from: number; readonly to: number; readonly length: number },
  ): MaybePromise<0 | Errno>;
  /**
   * Locks a range for this open file against other processes, or gives it up; EAGAIN when one of
   * them has it. `length` 0: to the end. Left away where the store cannot.
   */
  setPosixLock?(type: PosixLockType, start: bigint, length: bigint): 0 | Errno;
  /**
   * Takes, changes or gives up a lease; EAGAIN when others have the file open. Left away where the
   * store cannot.
   */
  setLease?(kind: LeaseKind): 0 | Errno;
  /** What is left of it: less than was taken when another process waits. */
  leaseLeft?(): LeaseKind;
  /** Whether content has checksums. With the capability `checksums`. */
  hasChecksums?(): MaybePromise<boolean | Errno>;
  /** A directory's is for new files in it. May have no effect on a file that has content. */
  setChecksums?(isOn: boolean): MaybePromise<0 | Errno>;
  /**
   * The value of an extended attribute, ENODATA when there is none. Full names: 'user.x'. With
   * `asOf`, what `stat` has just answered, it may be one that was read before at the same change
   * time. Nobody changes its bytes.
   */
  getXattr(name: string, asOf?: FileStat): MaybePromise<Uint8Array | Errno>;
  setXattr(name: string, value: Uint8Array): MaybePromise<0 | Errno>;
  removeXattr(name: string): MaybePromise<0 | Errno>;
  listXattrs(): MaybePromise<readonly string[] | Errno>;
  /**
   * The next entries of a directory, without '.' and '..'; an empty list at the end. `rewind`
   * starts again. Only for access 'directory'.
   */
  readDirectory(rewind: boolean): MaybePromise<readonly DirectoryEntry[] | Errno>;
  /**
   * Stat and one xattr of an entry of this directory, for listings; links are not followed. `asOf`
   * as in `getXattr`, from `statEntry`.
   */
  statEntry(name: string): MaybePromise<FileStat | Errno>;
  getEntryXattr(name: string, xattr: string, asOf?: FileStat): MaybePromise<Uint8Array | Errno>;
  close(): void;
}

/** Names that appeared in, or went from, a watched directory. */
export type NameChange = { readonly name: string; readonly present: boolean };

export interface DirectoryWatch {
  /**
   * Changes since the last call, in order; 'unknown' when some were lost or the directory itself
   * went, so that everything remembered of it must be forgotten. Synchronous and cheap.
   */
  changes(): readonly NameChange[] | 'unknown';
  /** The same, without asking the store: `changes` of another watch of it was called just now. */
  changesKnown(): readonly NameChange[] | 'unknown';
  close(): void;
}

/** Something that anybody, the server itself included, did to an entry of a watched directory. */
export interface EntryChange {
  /** The number that `ChangeFeed.watch` answered. */
  readonly directory: number;
  readonly kind: 'added' | 'removed' | 'moved-away' | 'moved-here' | 'content' | 'attributes';
  readonly name: string;
  readonly isDirectory: boolean;
  /** The same for both halves of a move, else 0. */
  readonly move: number;
}

export interface ChangeFeed {
  /** Begins to watch a directory; undefined where it cannot. The same again: the same number. */
  watch(path: string): number | undefined;
  unwatch(directory: number): void;
  /** Everything since the last call, in order; 'unknown' when some was lost. Synchronous. */
  take(): readonly EntryChange[] | 'unknown';
  /** Wakes the owner, once, after the next change. */
  arm(): void;
  close(): void;
}

export interface Vfs {
  readonly capabilities: VfsCapabilities;
  /** Opens what is at `path`; links are followed as long as they stay beneath the root. */
  open(credentials: Credentials, path: string, options: OpenOptions): MaybePromise<VfsFile | Errno>;
  /** Stat without opening; `noFollow` tells about a symbolic link itself. */
  stat(
    credentials: Credentials,
    path: string,
    options?: { readonly noFollow?: boolean },
  ): MaybePromise<FileStat | Errno>;
  makeDirectory(credentials: Credentials, path: string, mode: number): MaybePromise<0 | Errno>;
  /** With `isMeant` only what it says so of, a link for itself; ESTALE: it is something else. */
  unlink(
    credentials: Credentials,
    path: string,
    isMeant?: (stat: FileStat) => boolean,
  ): MaybePromise<0 | Errno>;
  removeDirectory(credentials: Credentials, path: string): MaybePromise<0 | Errno>;
  /** Atomic; without `replace` an existing target fails with EEXIST. */
  rename(
    credentials: Credentials,
    from: string,
    to: string,
    options: { readonly replace: boolean },
  ): MaybePromise<0 | Errno>;
  link(credentials: Credentials, from: string, to: string): MaybePromise<0 | Errno>;
  makeSymlink(credentials: Credentials, path: string, target: string): MaybePromise<0 | Errno>;
  readLink(credentials: Credentials, path: string): MaybePromise<string | Errno>;
  fileSystemStat(): MaybePromise<FileSystemStat | Errno>;
  /** Makes all that was written safe against power loss. Left away where the store cannot. */
  sync?(): MaybePromise<0 | Errno>;
  /** Watches the names in a directory; undefined where the store cannot. */
  watchDirectory(path: string): DirectoryWatch | undefined;
  /** Calls after leases of any file may have been broken. Answers how to stop. */
  watchLeases?(listener: () => void): () => void;
  /** Tells of changes as they happen; left away, or undefined, where the store cannot. */
  openChangeFeed?(wake: () => void): ChangeFeed | undefined;
  close(): void;
}

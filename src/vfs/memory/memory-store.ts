/** The inodes of a MemoryVfs, its space and its rules; paths and handles are built on it. */
import type { Clock } from '../../env/ports.ts';
import { EFBIG, EINVAL, ENAMETOOLONG, ENOENT, ENOSPC, EROFS, type Errno } from '../errno.ts';
import type { Credentials, FileStat, FileType } from '../vfs.ts';
import type { MemoryWatch } from './memory-watch.ts';
import { PAGE_SIZE, SparseBytes } from './sparse-bytes.ts';

export interface MemoryVfsOptions {
  /** Bytes for file contents; a write beyond fails with ENOSPC. Default: no limit. */
  readonly capacity?: number;
  /** Every change fails with EROFS. */
  readonly readOnly?: boolean;
  /** For tests: asked before each operation, an Errno makes it fail. */
  readonly fault?: (operation: string, path: string) => Errno | undefined;
}

export interface Inode {
  readonly number: bigint;
  readonly type: FileType;
  mode: number;
  uid: number;
  gid: number;
  links: number;
  accessTimeNs: bigint;
  modifyTimeNs: bigint;
  changeTimeNs: bigint;
  readonly birthTimeNs: bigint;
  readonly xattrs: Map<string, Uint8Array>;
  readonly data: SparseBytes;
  /** Bytes from the start that allocate() promised. */
  reserved: number;
  readonly entries: Map<string, Inode>;
  /** The directory above; the root's own is itself. */
  parent: Inode | undefined;
  /** Of a symbolic link. */
  readonly target: string;
  readonly watches: Set<MemoryWatch>;
}

export const XATTR_SIZE_MAX = 65_536;
export const NAME_LENGTH_MAX = 255;
/** Largest offset of a file: what a number holds exactly. */
export const FILE_SIZE_MAX: number = Number.MAX_SAFE_INTEGER;

const UNIX_EPOCH_FILETIME = 116_444_736_000_000_000n;
let devices = 0n;

export class MemoryStore {
  readonly device: bigint = ++devices;
  readonly root: Inode;
  readonly capacity: number;
  readonly options: MemoryVfsOptions;
  readonly #clock: Clock;
  #inodes = 0n;
  used = 0;

  constructor(clock: Clock, options: MemoryVfsOptions) {
    this.#clock = clock;
    this.options = options;
    this.capacity = options.capacity ?? Number.POSITIVE_INFINITY;
    this.root = this.make('directory', thisProcess(), 0o777);
    this.root.parent = this.root;
    this.root.links = 2;
  }

  nowNs(): bigint {
    return (this.#clock.fileTime() - UNIX_EPOCH_FILETIME) * 100n;
  }

  make(type: FileType, owner: Credentials, mode: number, target = ''): Inode {
    const now = this.nowNs();
    return {
      number: ++this.#inodes,
      type,
      mode: mode & 0o7777,
      uid: owner.uid,
      gid: owner.gid,
      links: 0,
      accessTimeNs: now,
      modifyTimeNs: now,
      changeTimeNs: now,
      birthTimeNs: now,
      xattrs: new Map(),
      data: new SparseBytes(),
      reserved: 0,
      entries: new Map(),
      parent: undefined,
      target,
      watches: new Set(),
    };
  }

  /** Puts `inode` into `directory`; the caller checked that the name is free. */
  enter(directory: Inode, name: string, inode: Inode): void {
    directory.entries.set(name, inode);
    inode.links++;
    inode.changeTimeNs = this.nowNs();
    if (inode.type === 'directory') {
      inode.links = 2;
      inode.parent = directory;
      directory.links++;
    }
    this.changed(directory);
    for (const watch of directory.watches) watch.push({ name, present: true });
  }

  /** Takes an entry out; an inode without links lives on in its open files. */
  leave(directory: Inode, name: string): void {
    const inode = directory.entries.get(name)!;
    directory.entries.delete(name);
    inode.links--;
    inode.changeTimeNs = this.nowNs();
    if (inode.type === 'directory') {
      inode.links = 0;
      inode.parent = undefined;
      directory.links--;
    }
    if (inode.links === 0) this.used -= this.allocated(inode);
    for (const watch of inode.watches) watch.end();
    this.changed(directory);
    for (const watch of directory.watches) watch.push({ name, present: false });
  }

  changed(inode: Inode): void {
    inode.modifyTimeNs = this.nowNs();
    inode.changeTimeNs = inode.modifyTimeNs;
  }

  allocated(inode: Inode): number {
    return Math.max(inode.data.allocated, inode.reserved);
  }

  /** Counts a change of an inode's space; the storage of an unlinked one is not counted. */
  account(inode: Inode, change: () => void): void {
    const before = this.allocated(inode);
    change();
    if (inode.links > 0) this.used += this.allocated(inode) - before;
  }

  /** How many of `length` bytes at `offset` fit in. */
  room(inode: Inode, offset: number, length: number): number {
    const free = this.capacity - this.used + Math.max(0, inode.reserved - inode.data.allocated);
    if (inode.data.missingPages(offset, length) * PAGE_SIZE <= free) return length;
    let fits = Math.min(length, PAGE_SIZE - (offset % PAGE_SIZE));
    if (inode.data.missingPages(offset, fits) * PAGE_SIZE > free) return 0;
    while (inode.data.missingPages(offset, fits + PAGE_SIZE) * PAGE_SIZE <= free) fits += PAGE_SIZE;
    return Math.min(fits, length);
  }

  reserve(inode: Inode, size: number): 0 | Errno {
    const reserved = Math.max(inode.reserved, Math.ceil(size / PAGE_SIZE) * PAGE_SIZE);
    if (!Number.isSafeInteger(reserved)) return EFBIG;
    const more = Math.max(inode.data.allocated, reserved) - this.allocated(inode);
    if (this.used + more > this.capacity) return ENOSPC;
    this.account(inode, () => {
      inode.reserved = reserved;
    });
    return 0;
  }

  stat(inode: Inode): FileStat {
    return {
      type: inode.type,
      device: this.device,
      inode: inode.number,
      size: inode.type === 'symlink' ? inode.target.length : inode.data.size,
      allocated: this.allocated(inode),
      links: inode.links,
      mode: inode.mode,
      uid: inode.uid,
      gid: inode.gid,
      accessTimeNs: inode.accessTimeNs,
      modifyTimeNs: inode.modifyTimeNs,
      changeTimeNs: inode.changeTimeNs,
      birthTimeNs: inode.birthTimeNs,
    };
  }

  /** Why an operation cannot even begin. */
  refuses(operation: string, path: string, changes: 'reads' | 'changes'): Errno | undefined {
    const fault = this.options.fault?.(operation, path);
    if (fault !== undefined) return fault;
    return changes === 'changes' && this.options.readOnly === true ? EROFS : undefined;
  }
}

/** The root is the server's own, as a folder that it made would be. */
function thisProcess(): Credentials {
  return { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, groups: [] };
}

/** Why `name` cannot be an entry's. */
export function badName(name: string): Errno | undefined {
  if (name === '' || name === '.' || name === '..') return EINVAL;
  if (name.includes('/') || name.includes('\0')) return EINVAL;
  return name.length > NAME_LENGTH_MAX ? ENAMETOOLONG : undefined;
}

/** A directory that was removed while it was open takes no new entries. */
export function isGone(directory: Inode): Errno | undefined {
  return directory.links === 0 ? ENOENT : undefined;
}

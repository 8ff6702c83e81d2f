/** An open file or directory of a MemoryVfs. */
import { assert } from '../../base/assert.ts';
import {
  E2BIG,
  EBADF,
  EFBIG,
  EINVAL,
  ENODATA,
  ENOENT,
  ENOSPC,
  ENOTDIR,
  ENXIO,
  type Errno,
  EXDEV,
} from '../errno.ts';
import type { DirectoryEntry, FileStat, OpenFor, VfsFile } from '../vfs.ts';
import {
  badName,
  FILE_SIZE_MAX,
  type Inode,
  type MemoryStore,
  XATTR_SIZE_MAX,
} from './memory-store.ts';
import { PAGE_SIZE } from './sparse-bytes.ts';

/** Entries that one readDirectory answers. */
const ENTRIES_MAX = 1000;
/** Bytes that one copyFrom moves. */
const COPY_MAX = 1024 * 1024;

export class MemoryFile implements VfsFile {
  readonly #store: MemoryStore;
  readonly #inode: Inode;
  readonly #access: OpenFor;
  readonly #path: string;
  /** Names still to be answered by readDirectory, from a snapshot; undefined before the first. */
  #names: string[] | undefined;
  #closed = false;

  constructor(store: MemoryStore, inode: Inode, access: OpenFor, path: string) {
    this.#store = store;
    this.#inode = inode;
    this.#access = access;
    this.#path = path;
  }

  stat(): FileStat | Errno {
    return this.#refuses('stat', 'reads') ?? this.#store.stat(this.#inode);
  }

  read(target: Uint8Array, offset: number): number | Errno {
    const refused = this.#refuses('read', 'reads');
    if (refused !== undefined) return refused;
    if (!this.#readable()) return EBADF;
    if (target.length > 0) this.#inode.accessTimeNs = this.#store.nowNs();
    return this.#inode.data.read(target, offset);
  }

  write(chunks: readonly Uint8Array[], offset: number): number | Errno {
    const refused = this.#refuses('write', 'changes');
    if (refused !== undefined) return refused;
    if (!this.#writable()) return EBADF;
    let size = 0;
    for (const chunk of chunks) size += chunk.length;
    if (offset + size > FILE_SIZE_MAX) return EFBIG;
    const room = this.#store.room(this.#inode, offset, size);
    if (room === 0) return size === 0 ? 0 : ENOSPC;
    this.#store.account(this.#inode, () => {
      let at = 0;
      for (const chunk of chunks) {
        this.#inode.data.write(chunk.subarray(0, room - at), offset + at);
        at = Math.min(room, at + chunk.length);
        if (at === room) break;
      }
    });
    this.#store.changed(this.#inode);
    return room;
  }

  truncate(size: number): 0 | Errno {
    const refused = this.#refuses('truncate', 'changes');
    if (refused !== undefined) return refused;
    if (!this.#writable()) return EBADF;
    if (size > FILE_SIZE_MAX) return EFBIG;
    this.#store.account(this.#inode, () => {
      this.#inode.data.truncate(size);
      this.#inode.reserved = Math.min(this.#inode.reserved, pagesUp(size));
    });
    this.#store.changed(this.#inode);
    return 0;
  }

  sync(_dataOnly: boolean): 0 | Errno {
    return this.#refuses('sync', 'reads') ?? 0;
  }

  setTimes(accessNs: bigint | undefined, modifyNs: bigint | undefined): 0 | Errno {
    return this.#change('setTimes', (inode) => {
      inode.accessTimeNs = accessNs ?? inode.accessTimeNs;
      inode.modifyTimeNs = modifyNs ?? inode.modifyTimeNs;
    });
  }

  setMode(mode: number): 0 | Errno {
    return this.#change('setMode', (inode) => {
      inode.mode = mode & 0o7777;
    });
  }

  setOwner(uid: number | undefined, gid: number | undefined): 0 | Errno {
    return this.#change('setOwner', (inode) => {
      inode.uid = uid ?? inode.uid;
      inode.gid = gid ?? inode.gid;
    });
  }

  allocate(size: number): 0 | Errno {
    const refused = this.#refuses('allocate', 'changes');
    if (refused !== undefined) return refused;
    return this.#writable() ? this.#store.reserve(this.#inode, size) : EBADF;
  }

  zero(offset: number, length: number, punch: boolean): 0 | Errno {
    const refused = this.#refuses('zero', 'changes');
    if (refused !== undefined) return refused;
    if (!this.#writable()) return EBADF;
    if (length === 0) return 0;
    const { data } = this.#inode;
    this.#store.account(this.#inode, () => {
      const allocated = this.#store.allocated(this.#inode);
      data.zero(offset, Math.min(length, Math.max(0, data.size - offset)));
      this.#inode.reserved = punch ? 0 : Math.max(this.#inode.reserved, allocated);
    });
    this.#store.changed(this.#inode);
    return 0;
  }

  seekData(offset: number): number | Errno {
    const refused = this.#refuses('seekData', 'reads');
    if (refused !== undefined) return refused;
    if (this.#access === 'metadata') return EBADF;
    const { data } = this.#inode;
    if (offset >= data.size) return ENXIO;
    const page = data.nextPage(Math.floor(offset / PAGE_SIZE));
    if (page === undefined || page * PAGE_SIZE >= data.size) return ENXIO;
    return Math.max(offset, page * PAGE_SIZE);
  }

  seekHole(offset: number): number | Errno {
    const refused = this.#refuses('seekHole', 'reads');
    if (refused !== undefined) return refused;
    if (this.#access === 'metadata') return EBADF;
    const { data } = this.#inode;
    if (offset >= data.size) return ENXIO;
    let page = Math.floor(offset / PAGE_SIZE);
    while (data.has(page)) page++;
    return Math.min(data.size, Math.max(offset, page * PAGE_SIZE));
  }

  copyFrom(
    source: VfsFile,
    range: { readonly from: number; readonly to: number; readonly length: number },
  ): number | Errno {
    const refused = this.#refuses('copyFrom', 'changes');
    if (refused !== undefined) return refused;
    if (!(source instanceof MemoryFile) || source.#store !== this.#store) return EXDEV;
    if (!source.#readable() || !this.#writable()) return EBADF;
    const bytes = new Uint8Array(Math.min(range.length, COPY_MAX));
    const count = source.#inode.data.read(bytes, range.from);
    return count === 0 ? 0 : this.write([bytes.subarray(0, count)], range.to);
  }

  /** Memory has no blocks to share, but nobody can tell. */
  cloneFrom(
    source: VfsFile,
    range: { readonly from: number; readonly to: number; readonly length: number },
  ): 0 | Errno {
    for (let done = 0; done < range.length; ) {
      const { from, to, length } = range;
      const rest = { from: from + done, to: to + done, length: length - done };
      const count = this.copyFrom(source, rest);
      if (count < 0) return count as Errno;
      if (count === 0) return EINVAL;
      done += count;
    }
    return 0;
  }

  getXattr(name: string): Uint8Array | Errno {
    return this.#refuses('getXattr', 'reads') ?? xattrOf(this.#inode, name);
  }

  setXattr(name: string, value: Uint8Array): 0 | Errno {
    if (value.length > XATTR_SIZE_MAX) return E2BIG;
    return this.#change('setXattr', (inode) => inode.xattrs.set(name, value.slice()));
  }

  removeXattr(name: string): 0 | Errno {
    if (!this.#inode.xattrs.has(name)) return ENODATA;
    return this.#change('removeXattr', (inode) => inode.xattrs.delete(name));
  }

  listXattrs(): readonly string[] | Errno {
    return this.#refuses('listXattrs', 'reads') ?? [...this.#inode.xattrs.keys()];
  }

  readDirectory(rewind: boolean): readonly DirectoryEntry[] | Errno {
    const refused = this.#refuses('readDirectory', 'reads');
    if (refused !== undefined) return refused;
    if (this.#access !== 'directory') return ENOTDIR;
    if (rewind || this.#names === undefined) this.#names = [...this.#inode.entries.keys()];
    const entries: DirectoryEntry[] = [];
    while (entries.length === 0 && this.#names.length > 0) {
      for (const name of this.#names.splice(0, ENTRIES_MAX)) {
        const inode = this.#inode.entries.get(name);
        if (inode !== undefined) entries.push({ name, type: inode.type, inode: inode.number });
      }
    }
    return entries;
  }

  statEntry(name: string): FileStat | Errno {
    const inode = this.#refuses('statEntry', 'reads') ?? this.#entry(name);
    return typeof inode === 'number' ? inode : this.#store.stat(inode);
  }

  getEntryXattr(name: string, xattr: string): Uint8Array | Errno {
    const inode = this.#refuses('getEntryXattr', 'reads') ?? this.#entry(name);
    return typeof inode === 'number' ? inode : xattrOf(inode, xattr);
  }

  close(): void {
    assert(!this.#closed, 'the file is closed already');
    this.#closed = true;
  }

  #entry(name: string): Inode | Errno {
    if (this.#inode.type !== 'directory') return ENOTDIR;
    return badName(name) ?? this.#inode.entries.get(name) ?? ENOENT;
  }

  #change(operation: string, change: (inode: Inode) => void): 0 | Errno {
    const refused = this.#refuses(operation, 'changes');
    if (refused !== undefined) return refused;
    change(this.#inode);
    this.#inode.changeTimeNs = this.#store.nowNs();
    return 0;
  }

  #refuses(operation: string, changes: 'reads' | 'changes'): Errno | undefined {
    assert(!this.#closed, `the file is closed: ${this.#path}`);
    return this.#store.refuses(operation, this.#path, changes);
  }

  #readable(): boolean {
    return this.#access === 'read' || this.#access === 'readwrite' || this.#access === 'write';
  }

  #writable(): boolean {
    return this.#access === 'write' || this.#access === 'readwrite';
  }
}

function xattrOf(inode: Inode, name: string): Uint8Array | Errno {
  return inode.xattrs.get(name)?.slice() ?? ENODATA;
}

function pagesUp(size: number): number {
  return Math.ceil(size / PAGE_SIZE) * PAGE_SIZE;
}

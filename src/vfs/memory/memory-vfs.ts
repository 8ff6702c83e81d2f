/**
 * A file system in memory: for tests, for the simulator, and for scratch shares. Synchronous, one
 * process, as case-sensitive as Linux; it knows owners and modes but checks no permission.
 */
import type { Clock } from '../../env/ports.ts';
import {
  EBUSY,
  EEXIST,
  EINVAL,
  EISDIR,
  ELOOP,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  type Errno,
  ESTALE,
  EXDEV,
  failed,
} from '../errno.ts';
import type {
  Credentials,
  DirectoryWatch,
  FileStat,
  FileSystemStat,
  OpenOptions,
  Vfs,
  VfsCapabilities,
} from '../vfs.ts';
import { MemoryFile } from './memory-file.ts';
import {
  badName,
  type Inode,
  isGone,
  MemoryStore,
  type MemoryVfsOptions,
  NAME_LENGTH_MAX,
  XATTR_SIZE_MAX,
} from './memory-store.ts';
import { MemoryWatch } from './memory-watch.ts';

const LINKS_FOLLOWED_MAX = 40;
const BLOCK_SIZE = 4096;
/** What a store without a limit says it has. */
const UNLIMITED_SIZE = 2 ** 50;

/** Where a path leads: the directory that holds its last component, and what is there. */
interface Place {
  readonly parent: Inode;
  readonly name: string;
  readonly inode: Inode | undefined;
}

export class MemoryVfs implements Vfs {
  readonly capabilities: VfsCapabilities = {
    caseSensitive: true,
    xattrs: true,
    hardLinks: true,
    sparseFiles: true,
    sharedBlocks: true,
    answersAtOnce: true,
    xattrSizeMax: XATTR_SIZE_MAX,
    fileSystemName: 'NTFS',
  };
  readonly #store: MemoryStore;

  constructor(clock: Clock, options: MemoryVfsOptions = {}) {
    this.#store = new MemoryStore(clock, options);
  }

  open(credentials: Credentials, path: string, options: OpenOptions): MemoryFile | Errno {
    const store = this.#store;
    const create = options.createExclusive === true;
    const writes = create || options.access === 'write' || options.access === 'readwrite';
    const refused = store.refuses('open', path, writes ? 'changes' : 'reads');
    if (refused !== undefined) return refused;
    if (create) return this.#create(credentials, path, options);
    const inode = this.#lookUp(path, options.noFollow !== true, options.noLinks === true);
    if (failed(inode)) return inode;
    const wrong = wrongType(inode, options);
    return wrong ?? new MemoryFile(store, inode, options.access, path);
  }

  #create(credentials: Credentials, path: string, options: OpenOptions): MemoryFile | Errno {
    if (options.access === 'metadata' || options.access === 'directory') return EINVAL;
    const inode = this.#store.make('file', credentials, options.mode ?? 0o666);
    const made = this.#enter(path, inode);
    return failed(made) ? made : new MemoryFile(this.#store, inode, options.access, path);
  }

  stat(
    _credentials: Credentials,
    path: string,
    options: { readonly noFollow?: boolean } = {},
  ): FileStat | Errno {
    const refused = this.#store.refuses('stat', path, 'reads');
    if (refused !== undefined) return refused;
    const inode = this.#lookUp(path, options.noFollow !== true);
    return failed(inode) ? inode : this.#store.stat(inode);
  }

  makeDirectory(credentials: Credentials, path: string, mode: number): 0 | Errno {
    const refused = this.#store.refuses('makeDirectory', path, 'changes');
    return refused ?? this.#enter(path, this.#store.make('directory', credentials, mode));
  }

  unlink(
    _credentials: Credentials,
    path: string,
    isMeant?: (stat: FileStat) => boolean,
  ): 0 | Errno {
    const refused = this.#store.refuses('unlink', path, 'changes');
    if (refused !== undefined) return refused;
    if (path === '') return EISDIR;
    const place = this.#place(path);
    if (failed(place)) return place;
    if (place.inode === undefined) return ENOENT;
    if (isMeant?.(this.#store.stat(place.inode)) === false) return ESTALE;
    if (place.inode.type === 'directory') return EISDIR;
    this.#store.leave(place.parent, place.name);
    return 0;
  }

  removeDirectory(_credentials: Credentials, path: string): 0 | Errno {
    const refused = this.#store.refuses('removeDirectory', path, 'changes');
    if (refused !== undefined) return refused;
    if (path === '') return EBUSY;
    const place = this.#place(path);
    if (failed(place)) return place;
    if (place.inode === undefined) return ENOENT;
    if (place.inode.type !== 'directory') return ENOTDIR;
    if (place.inode.entries.size > 0) return ENOTEMPTY;
    this.#store.leave(place.parent, place.name);
    return 0;
  }

  rename(
    _credentials: Credentials,
    from: string,
    to: string,
    options: { readonly replace: boolean },
  ): 0 | Errno {
    const refused = this.#store.refuses('rename', from, 'changes');
    if (refused !== undefined) return refused;
    if (from === '' || to === '') return EBUSY;
    const source = this.#place(from);
    if (failed(source)) return source;
    const target = this.#place(to);
    if (failed(target)) return target;
    if (source.inode === undefined) return ENOENT;
    if (target.inode !== undefined && !options.replace) return EEXIST;
    if (source.inode === target.inode) return 0;
    const wrong = wrongMove(source.inode, target);
    if (wrong !== undefined) return wrong;
    if (target.inode !== undefined) this.#store.leave(target.parent, target.name);
    this.#store.leave(source.parent, source.name);
    this.#store.used += source.inode.links === 0 ? this.#store.allocated(source.inode) : 0;
    this.#store.enter(target.parent, target.name, source.inode);
    return 0;
  }

  link(_credentials: Credentials, from: string, to: string): 0 | Errno {
    const refused = this.#store.refuses('link', from, 'changes');
    if (refused !== undefined) return refused;
    if (from === '' || to === '') return EBUSY;
    const source = this.#place(from);
    if (failed(source)) return source;
    if (source.inode === undefined) return ENOENT;
    return source.inode.type === 'directory' ? EPERM : this.#enter(to, source.inode);
  }

  makeSymlink(credentials: Credentials, path: string, target: string): 0 | Errno {
    const refused = this.#store.refuses('makeSymlink', path, 'changes');
    if (refused !== undefined) return refused;
    if (target === '') return ENOENT;
    return this.#enter(path, this.#store.make('symlink', credentials, 0o777, target));
  }

  readLink(_credentials: Credentials, path: string): string | Errno {
    const refused = this.#store.refuses('readLink', path, 'reads');
    if (refused !== undefined) return refused;
    const inode = this.#lookUp(path, false);
    if (failed(inode)) return inode;
    return inode.type === 'symlink' ? inode.target : EINVAL;
  }

  fileSystemStat(): FileSystemStat | Errno {
    const store = this.#store;
    const refused = store.refuses('fileSystemStat', '', 'reads');
    if (refused !== undefined) return refused;
    const size = Math.min(store.capacity, UNLIMITED_SIZE);
    const free = Math.floor(Math.max(0, size - store.used) / BLOCK_SIZE);
    return {
      blockSize: BLOCK_SIZE,
      blocks: Math.floor(size / BLOCK_SIZE),
      blocksFree: free,
      blocksAvailable: free,
      nameLengthMax: NAME_LENGTH_MAX,
      readOnly: store.options.readOnly === true,
    };
  }

  watchDirectory(path: string): DirectoryWatch | undefined {
    const inode = this.#lookUp(path, true);
    if (failed(inode) || inode.type !== 'directory') return undefined;
    return new MemoryWatch(inode.watches);
  }

  close(): void {}

  #enter(path: string, inode: Inode): 0 | Errno {
    if (path === '') return EEXIST;
    const place = this.#place(path);
    if (failed(place)) return place;
    if (place.inode !== undefined) return EEXIST;
    const gone = isGone(place.parent);
    if (gone !== undefined) return gone;
    this.#store.enter(place.parent, place.name, inode);
    return 0;
  }

  /** The place of the last component, which is not followed; everything before it is. */
  #place(path: string): Place | Errno {
    const cut = path.lastIndexOf('/');
    const name = path.slice(cut + 1);
    const bad = cut === 0 ? EINVAL : badName(name);
    if (bad !== undefined) return bad;
    const parent = cut < 0 ? this.#store.root : this.#lookUp(path.slice(0, cut), true);
    if (failed(parent)) return parent;
    if (parent.type !== 'directory') return ENOTDIR;
    return { parent, name, inode: parent.entries.get(name) };
  }

  /** As openat2(RESOLVE_BENEATH): '..' and links may not lead above the root, EXDEV if they do. */
  #lookUp(path: string, follow: boolean, noLinks = false): Inode | Errno {
    const { root } = this.#store;
    if (path.startsWith('/')) return EXDEV;
    let inode = root;
    const rest = path === '' ? [] : path.split('/').reverse();
    for (let links = 0; rest.length > 0; ) {
      if (inode.type !== 'directory') return ENOTDIR;
      const name = rest.pop()!;
      const next = step(root, inode, name);
      if (failed(next)) return next;
      if (next.type !== 'symlink' || (rest.length === 0 && !follow)) {
        inode = next;
        continue;
      }
      if (noLinks || ++links > LINKS_FOLLOWED_MAX) return ELOOP;
      if (next.target.startsWith('/')) return EXDEV;
      rest.push(...next.target.split('/').reverse());
    }
    return inode;
  }
}

function step(root: Inode, directory: Inode, name: string): Inode | Errno {
  if (name === '' || name === '.') return directory;
  if (name === '..') return directory === root ? EXDEV : (directory.parent ?? ENOENT);
  return badName(name) ?? directory.entries.get(name) ?? ENOENT;
}

function wrongType(inode: Inode, options: OpenOptions): Errno | undefined {
  const { access } = options;
  if (access === 'metadata') return undefined;
  if (access === 'directory') return inode.type === 'directory' ? undefined : ENOTDIR;
  if (inode.type === 'directory') return EISDIR;
  return inode.type === 'symlink' ? ELOOP : undefined;
}

/** rename(2): a directory replaces an empty one only, and cannot move into itself. */
function wrongMove(source: Inode, target: Place): Errno | undefined {
  if (source.type === 'directory') {
    for (let above = target.parent; ; above = above.parent!) {
      if (above === source) return EINVAL;
      if (above.parent === undefined) return ENOENT;
      if (above.parent === above) break;
    }
  }
  if (target.inode === undefined) return undefined;
  if (target.inode.type !== 'directory') {
    return source.type === 'directory' ? ENOTDIR : undefined;
  }
  if (source.type !== 'directory') return EISDIR;
  return target.inode.entries.size > 0 ? ENOTEMPTY : undefined;
}

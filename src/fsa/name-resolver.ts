/**
 * Case-insensitive, case-preserving names over a case-sensitive store.
 *
 * The caller tries the path as it came first; only when the store does not know it, the path is
 * walked here, component by component, through remembered directories. A directory's names are
 * read once and then kept true by `Vfs.watchDirectory`, so a miss costs no directory read, however
 * large the directory and however often it changes. Where the store cannot watch, the directory's
 * inode and times tell whether what is remembered still holds.
 *
 * A name that stands as it is asked for never comes here. A directory is read as the server, in
 * turns (`ReadNames`), once for all who ask meanwhile: its names are what is wanted, and they are
 * told only to those whom the store then lets at them.
 *
 * Directories form a tree like on disk: when a name goes from, or newly appears in, a directory,
 * everything remembered below it is forgotten, so a renamed parent leaves nothing stale behind.
 */
import { assert } from '../base/assert.ts';
import { isPromise, run, type Task, wait } from '../base/task.ts';
import type { Env } from '../env/ports.ts';
import { upcase } from '../fscc/upcase.ts';
import { EACCES, ENOENT, ENOTDIR, EPERM, type Errno, failed } from '../vfs/errno.ts';
import type { Credentials, DirectoryWatch, FileStat, Vfs } from '../vfs/vfs.ts';
import type { NameTable } from './name-table.ts';
import { joinPath, nameFromDisk } from './names.ts';
import { ReadNames } from './read-names.ts';
import { hasShortNameShape } from './short-names.ts';
import { STORE_CREDENTIALS } from './stream-store.ts';

export type Resolution =
  /** Something with these names stands at `path`. */
  | { readonly kind: 'found'; readonly path: string }
  /** All but the last component stand: what is to be made goes to `path`. */
  | { readonly kind: 'name-missing'; readonly path: string; readonly parent: string }
  /** `path` is as far as it goes, and one name that is not there, or nothing to go into. */
  | { readonly kind: 'path-missing'; readonly path: string }
  | { readonly kind: 'failed'; readonly errno: Errno };

export interface NameResolver {
  /** Where a path as on disk leads when case does not matter. */
  resolve(credentials: Credentials, path: string): Task<Resolution>;
  /** The folder in which a file was made last, by a request that would have opened one. */
  filled: string | undefined;
  /** A name went, which no look-up need follow: watches must not overflow with them. */
  removed(): void;
  close(): void;
}

export interface NameResolverParams {
  readonly vfs: Vfs;
  readonly env: Env;
  /** Directories that are remembered at the most. */
  readonly directoriesMax: number;
  /** Names that are remembered over all of them; a larger directory is still held, alone. */
  readonly namesMax: number;
  /** 8.3 names lead to the files that they are computed from. */
  readonly shortNames: boolean;
}

export function makeNameResolver(params: NameResolverParams): NameResolver {
  if (!params.vfs.capabilities.caseSensitive) return new ExactResolver(params.vfs);
  return new FoldingResolver(params);
}

/** For opens that keep to POSIX: names are what they are. */
export function makeExactResolver(vfs: Vfs): NameResolver {
  return new ExactResolver(vfs, { noFollow: true });
}

/** For stores that compare names without case themselves, and for names that case matters in. */
class ExactResolver implements NameResolver {
  filled: string | undefined;
  readonly #vfs: Vfs;
  readonly #options: { readonly noFollow?: boolean };

  constructor(vfs: Vfs, options: { readonly noFollow?: boolean } = {}) {
    this.#vfs = vfs;
    this.#options = options;
  }

  *resolve(credentials: Credentials, path: string): Task<Resolution> {
    const stat = yield* wait(this.#vfs.stat(credentials, path, this.#options));
    if (!failed(stat)) return { kind: 'found', path };
    if (stat === ENOTDIR) return { kind: 'path-missing', path };
    if (stat !== ENOENT) return { kind: 'failed', errno: stat };
    const slash = path.lastIndexOf('/');
    const parent = slash < 0 ? '' : path.slice(0, slash);
    const parentStat = yield* wait(this.#vfs.stat(credentials, parent));
    if (parentStat === ENOENT || parentStat === ENOTDIR) return { kind: 'path-missing', path };
    if (failed(parentStat)) return { kind: 'failed', errno: parentStat };
    if (parentStat.type !== 'directory') return { kind: 'path-missing', path };
    return { kind: 'name-missing', path, parent };
  }

  removed(): void {}

  close(): void {}
}

/** What is remembered of one directory. `names` is undefined until read and once forgotten. */
class Directory {
  /** By the folded name, as clients see it; several only on case-sensitive disks. */
  names: NameTable | undefined;
  /** By the 8.3 name, where the share has them. Of two names with the same one, the first. */
  shortNames: NameTable | undefined;
  /** Ends when the read that is under way does. */
  reading: Promise<0 | Errno> | undefined;
  watch: DirectoryWatch | undefined;
  /** Without a watch: the directory as it was when it was read. */
  seen: FileStat | undefined;
  /** Without a watch: read so soon after a change that another could look the same. */
  unsettled = false;
  readonly children: Map<string, Directory> = new Map();
  readonly parent: Directory | undefined;
  readonly name: string;

  constructor(parent: Directory | undefined, name: string) {
    this.parent = parent;
    this.name = name;
  }
}

/** A change within this time of the last one may leave the same time stamp. */
const SETTLED_NS = 100_000_000n;
/** Directory reads in one resolve: a directory that keeps changing under us ends as missing. */
const READS_MAX = 3;
/** Removed names after which all watches are looked at. */
const REMOVED_PER_LOOK = 256;

class FoldingResolver implements NameResolver {
  filled: string | undefined;
  readonly #params: NameResolverParams;
  readonly #root: Directory = new Directory(undefined, '');
  /** Directories whose names are held, least recently used first. */
  readonly #held: Set<Directory> = new Set();
  readonly #seed: number;
  #namesHeld = 0;
  #removed = 0;

  constructor(params: NameResolverParams) {
    this.#params = params;
    const bytes = params.env.random.bytes(4);
    this.#seed = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  }

  *resolve(credentials: Credentials, path: string): Task<Resolution> {
    if (path === '') return { kind: 'found', path };
    const components = path.split('/');
    const walked: Directory[] = [];
    let directory = this.#root;
    let at = '';
    // The store, about changes in watched directories; nothing has suspended since.
    let isAsked = false;
    for (let i = 0; i < components.length; i++) {
      const holds = isAsked && this.#stillHeld(directory);
      const fresh = holds ? 0 : yield* this.#refresh(credentials, directory, at);
      if (fresh !== 0) {
        this.#drop(directory);
        return this.#failure(fresh, at);
      }
      isAsked = directory.watch !== undefined;
      walked.push(directory);
      const name = this.#lookUp(directory, components[i]!);
      if (name === undefined) {
        this.#touch(walked);
        const missing = joinPath(at, components[i]!);
        if (i < components.length - 1) return { kind: 'path-missing', path: missing };
        return { kind: 'name-missing', path: missing, parent: at };
      }
      at = joinPath(at, name);
      if (i < components.length - 1) directory = childOf(directory, name);
    }
    this.#touch(walked);
    return { kind: 'found', path: at };
  }

  removed(): void {
    if (++this.#removed % REMOVED_PER_LOOK !== 0) return;
    let isAsked = false;
    for (const directory of this.#held) {
      if (!this.#applyChanges(directory, isAsked)) this.#drop(directory);
      isAsked ||= directory.watch !== undefined;
    }
  }

  close(): void {
    this.#forgetBelow(this.#root);
    this.#forget(this.#root);
  }

  #failure(errno: Errno, path: string): Resolution {
    if (errno === ENOENT || errno === ENOTDIR) return { kind: 'path-missing', path };
    return { kind: 'failed', errno };
  }

  #lookUp(directory: Directory, name: string): string | undefined {
    assert(directory.names !== undefined, 'looked up in a directory that is not read');
    const seen = nameFromDisk(name);
    const found = directory.names.find(upcase(seen), name);
    if (found !== undefined || directory.shortNames === undefined) return found;
    return hasShortNameShape(seen) ? directory.shortNames.find(upcase(seen)) : undefined;
  }

  /** Makes what is remembered of a directory true; 0, or why it cannot be read. */
  *#refresh(credentials: Credentials, directory: Directory, path: string): Task<0 | Errno> {
    if (directory.names !== undefined) {
      if (directory.watch !== undefined) {
        if (this.#applyChanges(directory)) return 0;
      } else if (yield* this.#stillHolds(credentials, directory, path)) {
        return 0;
      }
      this.#forgetBelow(directory);
      this.#forget(directory);
    }
    for (let reads = 0; reads < READS_MAX; reads++) {
      const errno = yield* this.#readOnce(credentials, directory, path);
      if (errno !== 0) return errno;
      // Another task may have read, or dropped, the same directory while this one waited.
      if (directory.names !== undefined && this.#applyChanges(directory)) return 0;
      this.#forget(directory);
    }
    return ENOENT;
  }

  /** Whether what is remembered is true, just after the store was asked about another directory. */
  #stillHeld(directory: Directory): boolean {
    if (directory.names === undefined || directory.watch === undefined) return false;
    if (this.#applyChanges(directory, true)) return true;
    this.#forgetBelow(directory);
    this.#forget(directory);
    return false;
  }

  /** Drains the watch; false when everything must be read again. */
  #applyChanges(directory: Directory, isAsked: boolean = false): boolean {
    const { watch } = directory;
    if (watch === undefined) return true;
    const changes = isAsked ? watch.changesKnown() : watch.changes();
    if (changes === 'unknown') return false;
    for (const { name, present } of changes) {
      const child = directory.children.get(name);
      if (child !== undefined) this.#drop(child);
      const { names, shortNames } = directory;
      assert(names !== undefined, 'a change in a directory that is not read');
      const { size } = names;
      if (present) names.add(name);
      else names.remove(name);
      if (present) shortNames?.add(name);
      else shortNames?.remove(name);
      this.#namesHeld += names.size - size;
    }
    return true;
  }

  *#stillHolds(credentials: Credentials, directory: Directory, path: string): Task<boolean> {
    const stat = yield* wait(this.#params.vfs.stat(credentials, path));
    const seen = directory.seen;
    return (
      !failed(stat) &&
      seen !== undefined &&
      !directory.unsettled &&
      stat.inode === seen.inode &&
      stat.device === seen.device &&
      stat.modifyTimeNs === seen.modifyTimeNs &&
      stat.changeTimeNs === seen.changeTimeNs
    );
  }

  /** One read for all who ask; whose reading it is matters only where the server may not read. */
  *#readOnce(credentials: Credentials, directory: Directory, path: string): Task<0 | Errno> {
    if (directory.reading !== undefined) return yield* wait(directory.reading);
    const reading = run(this.#read(credentials, directory, path));
    if (!isPromise(reading)) return reading;
    directory.reading = reading;
    try {
      return yield* wait(reading);
    } finally {
      if (directory.reading === reading) directory.reading = undefined;
    }
  }

  *#read(credentials: Credentials, directory: Directory, path: string): Task<0 | Errno> {
    const { vfs, env } = this.#params;
    // The watch comes first: what changes while we read is told afterwards.
    const watch = vfs.watchDirectory(path);
    const read = new ReadNames(this.#params, this.#seed);
    let errno: 0 | Errno = 0;
    let stat: FileStat | Errno = ENOENT;
    let file = yield* wait(vfs.open(STORE_CREDENTIALS, path, { access: 'directory' }));
    if (file === EACCES || file === EPERM) {
      file = yield* wait(vfs.open(credentials, path, { access: 'directory' }));
    }
    if (failed(file)) {
      errno = file;
    } else {
      if (watch === undefined) stat = yield* wait(file.stat());
      errno = yield* read.fill(file, watch);
      file.close();
    }
    if (errno !== 0) {
      watch?.close();
      return errno;
    }
    this.#forget(directory);
    directory.names = read.names;
    directory.shortNames = read.shortNames;
    directory.watch = watch;
    directory.seen = failed(stat) ? undefined : stat;
    directory.unsettled =
      directory.seen !== undefined && isRecent(directory.seen.modifyTimeNs, env.clock.fileTime());
    this.#held.add(directory);
    this.#namesHeld += read.names.size;
    return 0;
  }

  /** Marks a walk as just used, the root last, and drops what is too much. */
  #touch(walked: readonly Directory[]): void {
    for (let i = walked.length - 1; i >= 0; i--) {
      const directory = walked[i]!;
      if (!this.#held.delete(directory)) continue;
      this.#held.add(directory);
    }
    const { directoriesMax, namesMax } = this.#params;
    for (const oldest of this.#held) {
      if (this.#held.size <= directoriesMax && this.#namesHeld <= namesMax) break;
      if (this.#held.size === walked.length) break;
      this.#drop(oldest);
    }
  }

  /** Takes a directory, and all that is remembered below it, out of the tree. */
  #drop(directory: Directory): void {
    this.#forgetBelow(directory);
    this.#forget(directory);
    const { parent, name } = directory;
    if (parent?.children.get(name) === directory) parent.children.delete(name);
  }

  #forgetBelow(directory: Directory): void {
    for (const child of directory.children.values()) {
      this.#forgetBelow(child);
      this.#forget(child);
    }
    directory.children.clear();
  }

  #forget(directory: Directory): void {
    directory.watch?.close();
    directory.watch = undefined;
    directory.seen = undefined;
    directory.shortNames = undefined;
    if (directory.names === undefined) return;
    this.#namesHeld -= directory.names.size;
    directory.names = undefined;
    this.#held.delete(directory);
  }
}

function childOf(directory: Directory, name: string): Directory {
  let child = directory.children.get(name);
  if (child === undefined) {
    child = new Directory(directory, name);
    directory.children.set(name, child);
  }
  return child;
}

const NS_OF_1970_SINCE_1601 = 11_644_473_600_000_000_000n;

function isRecent(modifyTimeNs: bigint, nowFileTime: bigint): boolean {
  return nowFileTime * 100n - NS_OF_1970_SINCE_1601 - modifyTimeNs < SETTLED_NS;
}

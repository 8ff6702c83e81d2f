/**
 * Case-insensitive, case-preserving names over a case-sensitive store.
 *
 * The caller tries the path as it came first; only when the store does not know it, the path is
 * walked here, component by component, through remembered directories. A directory's names are
 * read once and then kept true by `Vfs.watchDirectory`, so a miss costs no directory read, however
 * large the directory and however often it changes. Where the store cannot watch, the directory's
 * inode and times tell whether what is remembered still holds.
 *
 * Directories form a tree like on disk: when a name goes from, or newly appears in, a directory,
 * everything remembered below it is forgotten, so a renamed parent leaves nothing stale behind.
 */
import { assert } from '../base/assert.ts';
import { isPromise, type Task, wait } from '../base/task.ts';
import type { Clock } from '../env/ports.ts';
import { upcase } from '../fscc/upcase.ts';
import { ENOENT, ENOTDIR, type Errno, failed } from '../vfs/errno.ts';
import type { Credentials, DirectoryWatch, FileStat, Vfs } from '../vfs/vfs.ts';
import { joinPath, nameFromDisk } from './names.ts';
import { hasShortNameShape, shortNameOf } from './short-names.ts';

export type Resolution =
  /** Something with these names stands at `path`. */
  | { readonly kind: 'found'; readonly path: string }
  /** All but the last component stand: what is to be made goes to `path`. */
  | { readonly kind: 'name-missing'; readonly path: string; readonly parent: string }
  | { readonly kind: 'path-missing' }
  | { readonly kind: 'failed'; readonly errno: Errno };

export interface NameResolver {
  /** Where a path as on disk leads when case does not matter. */
  resolve(credentials: Credentials, path: string): Task<Resolution>;
  close(): void;
}

export interface NameResolverParams {
  readonly vfs: Vfs;
  readonly clock: Clock;
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
  readonly #vfs: Vfs;
  readonly #options: { readonly noFollow?: boolean };

  constructor(vfs: Vfs, options: { readonly noFollow?: boolean } = {}) {
    this.#vfs = vfs;
    this.#options = options;
  }

  *resolve(credentials: Credentials, path: string): Task<Resolution> {
    const stat = yield* wait(this.#vfs.stat(credentials, path, this.#options));
    if (!failed(stat)) return { kind: 'found', path };
    if (stat === ENOTDIR) return { kind: 'path-missing' };
    if (stat !== ENOENT) return { kind: 'failed', errno: stat };
    const slash = path.lastIndexOf('/');
    const parent = slash < 0 ? '' : path.slice(0, slash);
    const parentStat = yield* wait(this.#vfs.stat(credentials, parent));
    if (failed(parentStat) || parentStat.type !== 'directory') return { kind: 'path-missing' };
    return { kind: 'name-missing', path, parent };
  }

  close(): void {}
}

/** What is remembered of one directory. `names` is undefined until read and once forgotten. */
class Directory {
  /** Folded name, as clients see it, to the name on disk; several only on case-sensitive disks. */
  names: Map<string, string | string[]> | undefined;
  /** 8.3 name to the name on disk: made when one is looked for, forgotten when a name changes. */
  shortNames: Map<string, string> | undefined;
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

class FoldingResolver implements NameResolver {
  readonly #params: NameResolverParams;
  readonly #root: Directory = new Directory(undefined, '');
  /** Directories whose names are held, least recently used first. */
  readonly #held: Set<Directory> = new Set();
  #namesHeld = 0;

  constructor(params: NameResolverParams) {
    this.#params = params;
  }

  *resolve(credentials: Credentials, path: string): Task<Resolution> {
    if (path === '') return { kind: 'found', path };
    const components = path.split('/');
    const walked: Directory[] = [];
    let directory = this.#root;
    let at = '';
    for (let i = 0; i < components.length; i++) {
      const fresh = yield* this.#refresh(credentials, directory, at);
      if (fresh !== 0) {
        this.#drop(directory);
        return this.#failure(fresh);
      }
      walked.push(directory);
      const name = this.#lookUp(directory, components[i]!);
      if (name === undefined) {
        this.#touch(walked);
        if (i < components.length - 1) return { kind: 'path-missing' };
        return { kind: 'name-missing', path: joinPath(at, components[i]!), parent: at };
      }
      at = joinPath(at, name);
      if (i < components.length - 1) directory = childOf(directory, name);
    }
    this.#touch(walked);
    return { kind: 'found', path: at };
  }

  close(): void {
    this.#forgetBelow(this.#root);
    this.#forget(this.#root);
  }

  #failure(errno: Errno): Resolution {
    if (errno === ENOENT || errno === ENOTDIR) return { kind: 'path-missing' };
    return { kind: 'failed', errno };
  }

  #lookUp(directory: Directory, name: string): string | undefined {
    assert(directory.names !== undefined, 'looked up in a directory that is not read');
    const seen = nameFromDisk(name);
    const found = directory.names.get(upcase(seen));
    if (found === undefined && this.#params.shortNames && hasShortNameShape(seen)) {
      directory.shortNames ??= shortNamesOf(directory.names);
      return directory.shortNames.get(upcase(seen));
    }
    if (found === undefined || typeof found === 'string') return found;
    return found.includes(name) ? name : found[0];
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
      const errno = yield* this.#read(credentials, directory, path);
      if (errno !== 0) return errno;
      // Another task may have read, or dropped, the same directory while this one waited.
      if (directory.names !== undefined && this.#applyChanges(directory)) return 0;
      this.#forget(directory);
    }
    return ENOENT;
  }

  /** Drains the watch; false when everything must be read again. */
  #applyChanges(directory: Directory): boolean {
    if (directory.watch === undefined) return true;
    const changes = directory.watch.changes();
    if (changes === 'unknown') return false;
    for (const { name, present } of changes) {
      const child = directory.children.get(name);
      if (child !== undefined) this.#drop(child);
      if (present) this.#add(directory, name);
      else this.#remove(directory, name);
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

  *#read(credentials: Credentials, directory: Directory, path: string): Task<0 | Errno> {
    const { vfs, clock } = this.#params;
    // The watch comes first: what changes while we read is told afterwards.
    const watch = vfs.watchDirectory(path);
    const file = yield* wait(vfs.open(credentials, path, { access: 'directory' }));
    if (failed(file)) {
      watch?.close();
      return file;
    }
    const stat = watch === undefined ? yield* wait(file.stat()) : undefined;
    const names: string[] = [];
    let failure: 0 | Errno = 0;
    for (let rewind = true; ; rewind = false) {
      const entries = file.readDirectory(rewind);
      const batch = isPromise(entries) ? yield* wait(entries) : entries;
      if (failed(batch)) failure = batch;
      if (failed(batch) || batch.length === 0) break;
      for (const entry of batch) names.push(entry.name);
    }
    file.close();
    if (failure !== 0) {
      watch?.close();
      return failure;
    }
    this.#forget(directory);
    directory.names = new Map();
    directory.watch = watch;
    directory.seen = stat === undefined || failed(stat) ? undefined : stat;
    directory.unsettled =
      directory.seen !== undefined && isRecent(directory.seen.modifyTimeNs, clock.fileTime());
    this.#held.add(directory);
    for (const name of names) this.#add(directory, name);
    return 0;
  }

  #add(directory: Directory, name: string): void {
    assert(directory.names !== undefined, 'added to a directory that is not read');
    directory.shortNames = undefined;
    const seen = nameFromDisk(name);
    const upper = upcase(seen);
    const key = upper === name ? name : upper;
    const known = directory.names.get(key);
    if (known === undefined) directory.names.set(key, name);
    else if (typeof known !== 'string') {
      if (known.includes(name)) return;
      known.push(name);
    } else if (known !== name) directory.names.set(key, [known, name]);
    else return;
    this.#namesHeld++;
  }

  #remove(directory: Directory, name: string): void {
    assert(directory.names !== undefined, 'removed from a directory that is not read');
    directory.shortNames = undefined;
    const key = upcase(nameFromDisk(name));
    const known = directory.names.get(key);
    if (known === undefined) return;
    if (typeof known === 'string') {
      if (known !== name) return;
      directory.names.delete(key);
    } else {
      const left = known.filter((other) => other !== name);
      if (left.length === known.length) return;
      directory.names.set(key, left.length === 1 ? left[0]! : left);
    }
    this.#namesHeld--;
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
    for (const known of directory.names.values()) {
      this.#namesHeld -= typeof known === 'string' ? 1 : known.length;
    }
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

/** Of two names that one 8.3 name would lead to, the first keeps it. */
function shortNamesOf(names: ReadonlyMap<string, string | string[]>): Map<string, string> {
  const found = new Map<string, string>();
  for (const [seen, known] of names) {
    const shortName = shortNameOf(seen);
    if (shortName === '' || found.has(shortName)) continue;
    found.set(shortName, typeof known === 'string' ? known : known[0]!);
  }
  return found;
}

const NS_OF_1970_SINCE_1601 = 11_644_473_600_000_000_000n;

function isRecent(modifyTimeNs: bigint, nowFileTime: bigint): boolean {
  return nowFileTime * 100n - NS_OF_1970_SINCE_1601 - modifyTimeNs < SETTLED_NS;
}

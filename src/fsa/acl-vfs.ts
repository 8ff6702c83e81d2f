/**
 * A store whose own permissions do not stand in the way of stored security descriptors, for shares
 * with `access = "acl-only"` (Samba: `acl_xattr:ignore system acls`).
 *
 *     as the caller --T0 EACCES, EPERM--> looked at as the server --T1 described--> as the server
 *                                                               \--T2 not--> the refusal stands
 *
 * T1: what is acted on has a descriptor that can be read, or the directory has, that a name is made
 * in, goes from, or that a file of the caller's own is in. The object store judges by it: before,
 * where a name is made, goes or changes; right after, where something is opened. T2: then nobody
 * but the kernel judges, and it has. Costs nothing where the kernel lets the caller. New files are
 * the caller's either way. Set-id programs are never written so: the store would keep their bits.
 */
import { type MaybePromise, run, type Task, wait } from '../base/task.ts';
import { EACCES, ENOENT, EPERM, type Errno, failed } from '../vfs/errno.ts';
import type {
  ChangeFeed,
  Credentials,
  DirectoryWatch,
  FileStat,
  FileSystemStat,
  OpenOptions,
  Vfs,
  VfsCapabilities,
  VfsFile,
} from '../vfs/vfs.ts';
import { parentOf } from './names.ts';
import { decodeNtAcl } from './nt-acl.ts';

const SERVER: Credentials = { uid: 0, gid: 0, groups: [] };
const SET_ID = 0o6000;
const SET_GROUP_ID = 0o2000;

type StatOptions = { readonly noFollow?: boolean };

export class AclVfs implements Vfs {
  readonly capabilities: VfsCapabilities;
  readonly watchLeases?: (listener: () => void) => () => void;
  readonly openChangeFeed?: (wake: () => void) => ChangeFeed | undefined;
  readonly #vfs: Vfs;
  readonly #securityXattr: string;

  constructor(vfs: Vfs, securityXattr: string) {
    this.#vfs = vfs;
    this.#securityXattr = securityXattr;
    this.capabilities = vfs.capabilities;
    if (vfs.watchLeases !== undefined) this.watchLeases = (told) => vfs.watchLeases!(told);
    if (vfs.openChangeFeed !== undefined) this.openChangeFeed = (wake) => vfs.openChangeFeed!(wake);
  }

  open(who: Credentials, path: string, options: OpenOptions): MaybePromise<VfsFile | Errno> {
    return run(this.#open(who, path, options));
  }

  *#open(who: Credentials, path: string, options: OpenOptions): Task<VfsFile | Errno> {
    const file = yield* wait(this.#vfs.open(who, path, options));
    if (!isRefusal(file)) return file;
    if (options.createExclusive === true) return yield* this.#make(who, path, options);
    const opened = yield* wait(this.#vfs.open(SERVER, path, options));
    if (failed(opened)) {
      // Whoever may look into the directory is told that there is nothing.
      const isTold = opened === ENOENT && (yield* this.#describedParent(path)) !== undefined;
      return isTold ? opened : file;
    }
    const stat = yield* wait(opened.stat());
    const writes = options.access === 'write' || options.access === 'readwrite';
    const isSafe = !failed(stat) && (!writes || (stat.mode & SET_ID) === 0);
    if (isSafe && (yield* this.#mayOpen(who, path, opened, stat))) return opened;
    opened.close();
    return file;
  }

  /** What was just made has no descriptor yet. */
  *#mayOpen(who: Credentials, path: string, file: VfsFile, { uid }: FileStat): Task<boolean> {
    if (yield* this.#isDescribed(file)) return true;
    return uid === who.uid && (yield* this.#describedParent(path)) !== undefined;
  }

  *#make(who: Credentials, path: string, options: OpenOptions): Task<VfsFile | Errno> {
    const parent = yield* this.#describedParent(path);
    if (parent === undefined) return EACCES;
    const file = yield* wait(this.#vfs.open(SERVER, path, options));
    return failed(file) ? file : yield* this.#give(who, file, parent);
  }

  /** What was made is the caller's, but for the group of a directory that hands down its own. */
  *#give(who: Credentials, file: VfsFile, parent: FileStat): Task<VfsFile | Errno> {
    const gid = (parent.mode & SET_GROUP_ID) !== 0 ? undefined : who.gid;
    const given = yield* wait(file.setOwner(who.uid, gid));
    if (!failed(given)) return file;
    file.close();
    return given;
  }

  stat(who: Credentials, path: string, options: StatOptions = {}): MaybePromise<FileStat | Errno> {
    return run(this.#stat(who, path, options));
  }

  *#stat(who: Credentials, path: string, options: StatOptions): Task<FileStat | Errno> {
    const stat = yield* wait(this.#vfs.stat(who, path, options));
    if (!isRefusal(stat) || !(yield* this.#mayAct(path))) return stat;
    return yield* wait(this.#vfs.stat(SERVER, path, options));
  }

  makeDirectory(who: Credentials, path: string, mode: number): MaybePromise<0 | Errno> {
    return run(this.#makeDirectory(who, path, mode));
  }

  *#makeDirectory(who: Credentials, path: string, mode: number): Task<0 | Errno> {
    const made = yield* wait(this.#vfs.makeDirectory(who, path, mode));
    if (!isRefusal(made)) return made;
    const parent = yield* this.#describedParent(path);
    if (parent === undefined) return made;
    const again = yield* wait(this.#vfs.makeDirectory(SERVER, path, mode));
    if (failed(again)) return again;
    const directory = yield* wait(this.#vfs.open(SERVER, path, { access: 'directory' }));
    if (failed(directory)) return directory;
    const given = yield* this.#give(who, directory, parent);
    if (failed(given)) return given;
    given.close();
    return 0;
  }

  unlink(
    who: Credentials,
    path: string,
    isMeant?: (stat: FileStat) => boolean,
  ): MaybePromise<0 | Errno> {
    return this.#act(who, [path], (as) => this.#vfs.unlink(as, path, isMeant));
  }

  removeDirectory(who: Credentials, path: string): MaybePromise<0 | Errno> {
    return this.#act(who, [path], (as) => this.#vfs.removeDirectory(as, path));
  }

  rename(
    who: Credentials,
    from: string,
    to: string,
    options: { readonly replace: boolean },
  ): MaybePromise<0 | Errno> {
    return this.#act(who, [from, to], (as) => this.#vfs.rename(as, from, to, options));
  }

  link(who: Credentials, from: string, to: string): MaybePromise<0 | Errno> {
    return this.#act(who, [from, to], (as) => this.#vfs.link(as, from, to));
  }

  makeSymlink(who: Credentials, path: string, target: string): MaybePromise<0 | Errno> {
    return this.#vfs.makeSymlink(who, path, target);
  }

  readLink(who: Credentials, path: string): MaybePromise<string | Errno> {
    return this.#vfs.readLink(who, path);
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

  #act(
    who: Credentials,
    paths: readonly string[],
    call: (as: Credentials) => MaybePromise<0 | Errno>,
  ): MaybePromise<0 | Errno> {
    return run(this.#actOn(who, paths, call));
  }

  *#actOn(
    who: Credentials,
    paths: readonly string[],
    call: (as: Credentials) => MaybePromise<0 | Errno>,
  ): Task<0 | Errno> {
    const done = yield* wait(call(who));
    if (!isRefusal(done)) return done;
    const [from = '', to] = paths;
    if (!(yield* this.#mayAct(from))) return done;
    // A name that is made is its directory's to allow.
    if (to !== undefined && (yield* this.#describedParent(to)) === undefined) return done;
    return yield* wait(call(SERVER));
  }

  /** Whether a descriptor decides about a name: its own, or its directory's. */
  *#mayAct(path: string): Task<boolean> {
    const options = { access: 'metadata', noFollow: true } as const;
    const file = yield* wait(this.#vfs.open(SERVER, path, options));
    if (failed(file)) return false;
    const isDescribed = yield* this.#isDescribed(file);
    file.close();
    return isDescribed || (yield* this.#describedParent(path)) !== undefined;
  }

  *#describedParent(path: string): Task<FileStat | undefined> {
    if (path === '') return undefined;
    const options = { access: 'directory' } as const;
    const directory = yield* wait(this.#vfs.open(SERVER, parentOf(path), options));
    if (failed(directory)) return undefined;
    const isDescribed = yield* this.#isDescribed(directory);
    const stat = yield* wait(directory.stat());
    directory.close();
    return isDescribed && !failed(stat) ? stat : undefined;
  }

  *#isDescribed(file: VfsFile): Task<boolean> {
    const value = yield* wait(file.getXattr(this.#securityXattr));
    return !failed(value) && decodeNtAcl(value) !== undefined;
  }
}

function isRefusal(result: unknown): result is Errno {
  return result === EACCES || result === EPERM;
}

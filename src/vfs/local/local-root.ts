/** What a LocalVfs and its open files share: the root's descriptor and the process's own. */
import { assert } from '../../base/assert.ts';
import type { Clock } from '../../env/ports.ts';
import { EAGAIN, EINVAL, ENODATA, EOPNOTSUPP, type Errno, failed } from '../errno.ts';
import { Impersonation } from './impersonation.ts';
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  STATX_BASIC_STATS,
} from './linux.ts';
import { PathBuffer } from './names.ts';
import { STATFS_SIZE, StatBuffer, statfsType } from './stat.ts';
import * as sys from './syscalls.ts';
import { movesChangeTime, XattrMemory } from './xattr-memory.ts';

export interface LocalVfsOptions {
  /** False for a case-insensitive store that is not recognized as one. */
  readonly caseSensitive?: boolean;
  /** A WRITE of at least so many bytes goes to a thread; by default none does. */
  readonly threadWriteSize?: number;
  /** What is shared instead is this folder below the root, reached without following any link. */
  readonly below?: string;
  /** Without one no attributes are remembered. */
  readonly clock?: Clock;
}

/** Resolution races with a rename are tried again so often. */
const RESOLVE_TRIES_MAX = 16;

export class LocalRoot {
  readonly fd: number;
  /**
   * /proc/self/fd: opens a pinned (O_PATH) file again for data, by its number, with the kernel's
   * permission check; no name is resolved twice.
   */
  readonly procFd: number;
  readonly impersonation: Impersonation = new Impersonation();
  readonly threadWriteSize: number;
  /** Linux 6.13 has getxattrat(2), unless a sandbox hides it. */
  readonly hasGetxattrat: boolean;
  /** Undefined where the file system is none to remember attributes of. */
  readonly xattrMemory: XattrMemory | undefined;
  /** Scratch for the arguments of one synchronous call. */
  readonly path: PathBuffer = new PathBuffer();
  readonly path2: PathBuffer = new PathBuffer();
  /** A lease was taken on a file: opening another descriptor of one may break it. */
  hasLeases = false;
  #users = 1;

  private constructor(fd: number, procFd: number, options: LocalVfsOptions) {
    this.fd = fd;
    this.procFd = procFd;
    this.threadWriteSize = options.threadWriteSize ?? Number.POSITIVE_INFINITY;
    const probe = sys.getxattrat(fd, DOT, AT_SYMLINK_NOFOLLOW, PROBE_XATTR, new Uint8Array(64));
    this.hasGetxattrat = !failed(probe) || probe === ENODATA || probe === EOPNOTSUPP;
    this.xattrMemory = xattrMemoryOf(fd, options, this.hasGetxattrat);
  }

  /** Throws where the kernel lacks openat2(2) or there is no /proc; an Errno is about `root`. */
  static open(root: string, options: LocalVfsOptions): LocalRoot | Errno {
    const path = new PathBuffer();
    const named = path.set(root);
    if (failed(named)) return named;
    let fd = sys.openPath(path.bytes, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (!failed(fd) && options.below !== undefined) fd = goBelow(fd, options.below);
    if (failed(fd)) return fd;
    const probe = sys.openat2(fd, DOT, { flags: O_PATH | O_CLOEXEC, mode: 0, resolve: BENEATH });
    const procFd = sys.openPath(PROC_SELF_FD, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (failed(probe) || failed(procFd)) {
      sys.close(fd);
      if (!failed(probe)) sys.close(probe);
      if (!failed(procFd)) sys.close(procFd);
      throw new Error(
        failed(probe)
          ? `local storage needs openat2(2), Linux 5.6 or newer (errno ${-probe})`
          : `local storage needs /proc/self/fd (errno ${-(procFd as number)})`,
      );
    }
    sys.close(probe);
    return new LocalRoot(fd, procFd, options);
  }

  /** Opens `path` beneath the root; the only way in which a path of a caller is resolved. */
  resolve(path: string, flags: number, mode: number, noLinks = false): number | Errno {
    const named = this.path.set(path === '' ? '.' : path);
    if (failed(named)) return named;
    const resolve = noLinks ? BENEATH | RESOLVE_NO_SYMLINKS : BENEATH;
    const how = { flags: flags | O_CLOEXEC, mode, resolve };
    for (let tries = 1; ; tries++) {
      const fd = sys.openat2(this.fd, this.path.bytes, how);
      if (fd !== EAGAIN || tries === RESOLVE_TRIES_MAX) return fd;
    }
  }

  /**
   * Runs `call` with the directory that holds the last component of `path`, and that component
   * in `buffer`. The directory is resolved beneath the root and pinned; the *at calls then take
   * one name in it, which cannot lead anywhere else.
   */
  withParent<T extends number>(
    path: string,
    buffer: PathBuffer,
    call: (dir: number, name: Uint8Array) => T | Errno,
  ): T | Errno {
    const cut = path.lastIndexOf('/');
    const name = cut < 0 ? path : path.slice(cut + 1);
    if (!isEntryName(name) || cut === 0) return EINVAL;
    const dir = cut < 0 ? this.fd : this.resolve(path.slice(0, cut), O_PATH | O_DIRECTORY, 0);
    if (failed(dir)) return dir;
    const named = buffer.set(name);
    const result = failed(named) ? named : call(dir, buffer.bytes);
    if (dir !== this.fd) sys.close(dir);
    return result;
  }

  /** The descriptors stay until the Vfs and every file that it opened are closed. */
  hold(): void {
    this.#users++;
  }

  release(): void {
    assert(this.#users > 0, 'released more often than held');
    this.#users--;
    if (this.#users > 0) return;
    sys.close(this.fd);
    sys.close(this.procFd);
  }
}

function xattrMemoryOf(
  root: number,
  { clock }: LocalVfsOptions,
  /** Linux 6.13. */
  isRecent: boolean,
): XattrMemory | undefined {
  const statfs = new Uint8Array(STATFS_SIZE);
  if (clock === undefined || failed(sys.fstatfs(root, statfs))) return undefined;
  if (!movesChangeTime(statfsType(statfs), isRecent)) return undefined;
  const stat = new StatBuffer();
  const looked = sys.statx(root, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, stat.bytes);
  if (failed(looked)) return undefined;
  return new XattrMemory({ clock, device: stat.decode().device, isFine: isRecent });
}

/** Takes `root` over; the directory at `path` below it. */
function goBelow(root: number, path: string): number | Errno {
  const buffer = new PathBuffer();
  const named = buffer.set(path);
  const how = {
    flags: O_PATH | O_DIRECTORY | O_CLOEXEC,
    mode: 0,
    resolve: BENEATH | RESOLVE_NO_SYMLINKS,
  };
  const fd = failed(named) ? named : sys.openat2(root, buffer.bytes, how);
  sys.close(root);
  return fd;
}

/** A name that means an entry of a directory, and never another directory. */
export function isEntryName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/');
}

const BENEATH = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
const DOT = Buffer.from('.\0');
const EMPTY = new Uint8Array(1);
const PROC_SELF_FD = Buffer.from('/proc/self/fd\0');
const PROBE_XATTR = Buffer.from('user.semba.probe\0');

/** A folder of this machine as a Vfs. Linux 5.6 or newer. */
import {
  EACCES,
  EBUSY,
  EEXIST,
  EINVAL,
  EISDIR,
  ELOOP,
  ENOENT,
  ENXIO,
  type Errno,
  ESTALE,
  failed,
} from '../errno.ts';
import type {
  ChangeFeed,
  Credentials,
  DirectoryWatch,
  FileStat,
  FileSystemStat,
  OpenFor,
  OpenOptions,
  Vfs,
  VfsCapabilities,
} from '../vfs.ts';
import { openLocalFeed } from './change-feed.ts';
import {
  AT_EMPTY_PATH,
  AT_NO_AUTOMOUNT,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  BTRFS_SUPER_MAGIC,
  EXFAT_SUPER_MAGIC,
  MSDOS_SUPER_MAGIC,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_TMPFILE,
  O_WRONLY,
  PATH_MAX,
  RENAME_NOREPLACE,
  XATTR_SIZE_MAX,
} from './linux.ts';
import { LocalFile } from './local-file.ts';
import { LocalRoot, type LocalVfsOptions } from './local-root.ts';
import { decodeName } from './names.ts';
import { onSigio } from './sigio.ts';
import { decodeStatfs, STAT_MASK, STATFS_SIZE, statBuffer, statfsType } from './stat.ts';
import { syncAll } from './sync.ts';
import * as sys from './syscalls.ts';
import { Watches } from './watches.ts';

/**
 * Shares the directory `root`. An Errno says why it cannot be opened; throws where the kernel is
 * too old.
 */
export function openLocalVfs(root: string, options: LocalVfsOptions = {}): LocalVfs | Errno {
  const opened = LocalRoot.open(root, options);
  return failed(opened) ? opened : new LocalVfs(opened, options);
}

export class LocalVfs implements Vfs {
  readonly capabilities: VfsCapabilities;
  readonly #root: LocalRoot;
  readonly #watches = new Watches();
  /** Of the file that `open` is about: what its mode was; 0 where it does not matter. */
  #openedMode = 0;
  /** And what it was before it was opened for data. */
  #openedStat: FileStat | undefined;

  /** By openLocalVfs only. */
  constructor(root: LocalRoot, options: LocalVfsOptions) {
    this.#root = root;
    this.capabilities = capabilitiesOf(root, options);
  }

  open(credentials: Credentials, path: string, options: OpenOptions): LocalFile | Errno {
    this.#openedMode = 0;
    this.#openedStat = undefined;
    const fd = this.#root.impersonation.run(credentials, () => this.#openFd(path, options));
    if (failed(fd)) return fd;
    const { access } = options;
    const mode = this.#openedMode;
    return new LocalFile(this.#root, { fd, access, credentials, mode, stat: this.#openedStat });
  }

  #openFd(path: string, options: OpenOptions): number | Errno {
    const root = this.#root;
    const { access, noLinks } = options;
    const noFollow = options.noFollow === true ? O_NOFOLLOW : 0;
    if (options.createExclusive === true) {
      if (access === 'metadata' || access === 'directory') return EINVAL;
      const flags = (access === 'read' ? O_RDONLY : O_RDWR) | O_CREAT | O_EXCL | OPEN_FLAGS;
      this.#openedMode = (options.mode ?? 0o666) & 0o7777;
      return path === '' ? EEXIST : root.resolve(path, flags, this.#openedMode);
    }
    if (access === 'directory') {
      // O_DIRECTORY refuses everything else before it is touched.
      return root.resolve(path, O_RDONLY | O_DIRECTORY | OPEN_FLAGS | noFollow, 0, noLinks);
    }
    const pinned = root.resolve(path, O_PATH | noFollow, 0, noLinks);
    if (failed(pinned) || access === 'metadata') return pinned;
    const fd = this.#reopen(pinned, access);
    sys.close(pinned);
    return fd;
  }

  /** Opens a pinned file for data. Only regular files: a FIFO would block, a device would act. */
  #reopen(pinned: number, access: Exclude<OpenFor, 'metadata' | 'directory'>): number | Errno {
    const looked = statPinned(pinned);
    if (failed(looked)) return looked;
    const type = statBuffer.fileType();
    if (type === 'directory') return EISDIR;
    if (type !== 'file') return type === 'symlink' ? ELOOP : ENXIO;
    this.#openedMode = statBuffer.mode();
    this.#openedStat = statBuffer.decode();
    const { path, procFd } = this.#root;
    path.set(String(pinned));
    const flags = access === 'read' ? O_RDONLY : O_RDWR;
    const fd = sys.openAt(procFd, path.bytes, flags | OPEN_FLAGS | O_CLOEXEC);
    if (fd !== EACCES || access !== 'write') return fd;
    return sys.openAt(procFd, path.bytes, O_WRONLY | OPEN_FLAGS | O_CLOEXEC);
  }

  stat(
    credentials: Credentials,
    path: string,
    options: { readonly noFollow?: boolean } = {},
  ): FileStat | Errno {
    const root = this.#root;
    return root.impersonation.run(credentials, () => {
      const noFollow = options.noFollow === true ? O_NOFOLLOW : 0;
      const pinned = root.resolve(path, O_PATH | noFollow, 0);
      if (failed(pinned)) return pinned;
      const result = statPinned(pinned);
      sys.close(pinned);
      return failed(result) ? result : statBuffer.decode();
    });
  }

  sync(): Promise<0 | Errno> {
    return syncAll(this.#root);
  }

  makeDirectory(credentials: Credentials, path: string, mode: number): 0 | Errno {
    if (path === '') return EEXIST;
    return this.#inParent(credentials, path, (dir, name) => sys.mkdirat(dir, name, mode));
  }

  unlink(credentials: Credentials, path: string, isMeant?: (stat: FileStat) => boolean): 0 | Errno {
    if (path === '') return EISDIR;
    return this.#inParent(credentials, path, (dir, name) => {
      const looked = isMeant === undefined ? 0 : lookFor(dir, name, isMeant);
      return failed(looked) ? looked : sys.unlinkat(dir, name, 0);
    });
  }

  removeDirectory(credentials: Credentials, path: string): 0 | Errno {
    if (path === '') return EBUSY;
    return this.#inParent(credentials, path, (dir, name) => sys.unlinkat(dir, name, AT_REMOVEDIR));
  }

  rename(
    credentials: Credentials,
    from: string,
    to: string,
    options: { readonly replace: boolean },
  ): 0 | Errno {
    if (from === '' || to === '') return EBUSY;
    const rename = options.replace ? renameReplacing : renameNew;
    return this.#inParents(credentials, from, to, rename);
  }

  link(credentials: Credentials, from: string, to: string): 0 | Errno {
    if (from === '' || to === '') return EBUSY;
    return this.#inParents(credentials, from, to, sys.linkat);
  }

  makeSymlink(credentials: Credentials, path: string, target: string): 0 | Errno {
    if (path === '') return EEXIST;
    if (target === '') return ENOENT;
    return this.#inParent(credentials, path, (dir, name) => {
      const named = this.#root.path.set(target);
      return failed(named) ? named : sys.symlinkat(this.#root.path.bytes, dir, name);
    });
  }

  readLink(credentials: Credentials, path: string): string | Errno {
    if (path === '') return EINVAL;
    const target = Buffer.alloc(PATH_MAX);
    const size = this.#inParent<number>(credentials, path, (dir, name) =>
      sys.readlinkat(dir, name, target),
    );
    return failed(size) ? size : decodeName(target, 0, size);
  }

  fileSystemStat(): FileSystemStat | Errno {
    const bytes = new Uint8Array(STATFS_SIZE);
    const result = sys.fstatfs(this.#root.fd, bytes);
    return failed(result) ? result : decodeStatfs(bytes);
  }

  /** The watch stays with the directory when a folder above it is renamed. */
  watchDirectory(path: string): DirectoryWatch | undefined {
    const dir = this.#root.resolve(path, O_PATH | O_DIRECTORY, 0);
    if (failed(dir)) return undefined;
    const watch = this.#watches.add(dir);
    sys.close(dir);
    return watch;
  }

  watchLeases(listener: () => void): () => void {
    return onSigio(listener);
  }

  openChangeFeed(wake: () => void): ChangeFeed | undefined {
    return openLocalFeed(this.#root, wake);
  }

  /** Files that are still open stay usable. */
  close(): void {
    this.#watches.close();
    this.#root.release();
  }

  /** `call` finds the name in `path2`; it may use `path`. */
  #inParent<T extends number = 0>(
    credentials: Credentials,
    path: string,
    call: (dir: number, name: Uint8Array) => T | Errno,
  ): T | Errno {
    const root = this.#root;
    return root.impersonation.run(credentials, () => root.withParent(path, root.path2, call));
  }

  #inParents(
    credentials: Credentials,
    from: string,
    to: string,
    call: (fromDir: number, from: Uint8Array, toDir: number, to: Uint8Array) => 0 | Errno,
  ): 0 | Errno {
    const root = this.#root;
    return root.impersonation.run(credentials, () =>
      root.withParent<0>(from, root.path2, (fromDir, fromName) =>
        root.withParent<0>(to, root.path, (toDir, toName) =>
          call(fromDir, fromName, toDir, toName),
        ),
      ),
    );
  }
}

const OPEN_FLAGS = O_NONBLOCK | O_NOCTTY;
const EMPTY = new Uint8Array(1);
const DOT = Buffer.from('.\0');

function statPinned(pinned: number): 0 | Errno {
  const flags = AT_EMPTY_PATH | AT_NO_AUTOMOUNT;
  return sys.statx(pinned, EMPTY, flags, STAT_MASK, statBuffer.bytes);
}

/** ESTALE: the name stands for something else. */
function lookFor(dir: number, name: Uint8Array, isMeant: (stat: FileStat) => boolean): 0 | Errno {
  const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  const looked = sys.statx(dir, name, flags, STAT_MASK, statBuffer.bytes);
  if (failed(looked)) return looked;
  return isMeant(statBuffer.decode()) ? 0 : ESTALE;
}

type Rename = (fromDir: number, from: Uint8Array, toDir: number, to: Uint8Array) => 0 | Errno;

const renameReplacing: Rename = (fromDir, from, toDir, to) =>
  sys.renameat2(fromDir, from, toDir, to, 0);

/**
 * A few file systems (some FUSE, old NFS) know no RENAME_NOREPLACE and answer EINVAL. There the
 * target is looked for first, which another process can race with.
 */
const renameNew: Rename = (fromDir, from, toDir, to) => {
  const result = sys.renameat2(fromDir, from, toDir, to, RENAME_NOREPLACE);
  if (result !== EINVAL) return result;
  const target = sys.statx(toDir, to, AT_SYMLINK_NOFOLLOW, STAT_MASK, statBuffer.bytes);
  if (target === 0) return EEXIST;
  return target === ENOENT ? renameReplacing(fromDir, from, toDir, to) : target;
};

const PROBE_SIZE = 4096;

/** Whether the root's file system shares blocks: tried with two files that never have a name. */
function canClone(root: LocalRoot): boolean {
  const source = sys.openAt(root.fd, DOT, O_TMPFILE | O_RDWR | O_CLOEXEC);
  if (failed(source)) return false;
  const target = sys.openAt(root.fd, DOT, O_TMPFILE | O_RDWR | O_CLOEXEC);
  let cloned: 0 | Errno = ENXIO;
  if (!failed(target)) {
    const size = sys.pwrite(source, new Uint8Array(PROBE_SIZE), 0);
    const from = { fd: source, offset: 0 };
    if (size === PROBE_SIZE) cloned = sys.cloneRange(from, { fd: target, offset: 0 }, PROBE_SIZE);
    sys.close(target);
  }
  sys.close(source);
  return cloned === 0;
}

function capabilitiesOf(root: LocalRoot, options: LocalVfsOptions): VfsCapabilities {
  const bytes = new Uint8Array(STATFS_SIZE);
  const type = failed(sys.fstatfs(root.fd, bytes)) ? 0 : statfsType(bytes);
  const fat = type === MSDOS_SUPER_MAGIC || type === EXFAT_SUPER_MAGIC;
  return {
    caseSensitive: options.caseSensitive ?? !fat,
    xattrs: !fat,
    hardLinks: !fat,
    sparseFiles: !fat,
    sharedBlocks: !fat && canClone(root),
    answersAtOnce: true,
    checksums: type === BTRFS_SUPER_MAGIC,
    xattrSizeMax: XATTR_SIZE_MAX,
    fileSystemName: 'NTFS',
  };
}

/**
 * The system calls of local/, but for those that may block (thread-calls.ts).
 *
 * - Every function answers what the call answers, or a negative `Errno`.
 * - Paths, names and structures are `Uint8Array`s that the caller prepared (names.ts encodes them,
 *   with the NUL). A buffer is used during the call only.
 * - `syscall(2)` takes all its arguments as words, so it is declared once per call.
 */
import { type Errno, failed } from '../errno.ts';
import { addressOf, define, done, N, outcome } from './libc.ts';
import { F_OFD_SETLK, FICLONERANGE, FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, IOV_MAX } from './linux.ts';

const c = {
  close: define('int close(int)'),
  open: define('int open(void*, int, int)'),
  openat: define('int openat(int, void*, int, int)'),
  lseek: define('int64_t lseek(int, int64_t, int)'),
  read: define('int64_t read(int, void*, size_t)'),
  pread: define('int64_t pread(int, void*, size_t, int64_t)'),
  pwrite: define('int64_t pwrite(int, void*, size_t, int64_t)'),
  pwritev: define('int64_t pwritev(int, void*, int, int64_t)'),
  ftruncate: define('int ftruncate(int, int64_t)'),
  fallocate: define('int fallocate(int, int, int64_t, int64_t)'),
  ioctl: define('int ioctl(int, unsigned long, void*)'),
  futimens: define('int futimens(int, void*)'),
  utimensat: define('int utimensat(int, void*, void*, int)'),
  fchmod: define('int fchmod(int, uint32_t)'),
  fchmodat: define('int fchmodat(int, void*, uint32_t, int)'),
  fchownat: define('int fchownat(int, void*, uint32_t, uint32_t, int)'),
  mkdirat: define('int mkdirat(int, void*, uint32_t)'),
  unlinkat: define('int unlinkat(int, void*, int)'),
  linkat: define('int linkat(int, void*, int, void*, int)'),
  symlinkat: define('int symlinkat(void*, int, void*)'),
  readlinkat: define('int64_t readlinkat(int, void*, void*, size_t)'),
  fstatfs: define('int fstatfs(int, void*)'),
  fgetxattr: define('int64_t fgetxattr(int, void*, void*, size_t)'),
  fsetxattr: define('int fsetxattr(int, void*, void*, size_t, int)'),
  fremovexattr: define('int fremovexattr(int, void*)'),
  flistxattr: define('int64_t flistxattr(int, void*, size_t)'),
  getxattr: define('int64_t getxattr(void*, void*, void*, size_t)'),
  lgetxattr: define('int64_t lgetxattr(void*, void*, void*, size_t)'),
  setxattr: define('int setxattr(void*, void*, void*, size_t, int)'),
  removexattr: define('int removexattr(void*, void*)'),
  listxattr: define('int64_t listxattr(void*, void*, size_t)'),
  getpagesize: define('int getpagesize()'),
  geteuid: define('uint32_t geteuid()'),
  getegid: define('uint32_t getegid()'),
  getgroups: define('int getgroups(int, void*)'),
  fcntl: define('int fcntl(int, int, int64_t)'),
  fcntlLock: define('int fcntl(int, int, void*)'),
  inotifyInit: define('int inotify_init1(int)'),
  inotifyAdd: define('int inotify_add_watch(int, void*, uint32_t)'),
  inotifyRemove: define('int inotify_rm_watch(int, int)'),
  /* syscall(2) in the shapes of the calls that it makes. */
  getdents64: define('long syscall(long, long, void*, size_t)'),
  setid: define('long syscall(long, long)'),
  setgroups: define('long syscall(long, long, void*)'),
  openat2: define('long syscall(long, long, void*, void*, long)'),
  statx: define('long syscall(long, long, void*, long, long, void*)'),
  renameat2: define('long syscall(long, long, void*, long, void*, long)'),
  preadv2: define('long syscall(long, long, void*, long, long, long, long)'),
  getxattrat: define('long syscall(long, long, void*, long, void*, void*, long)'),
  cachestat: define('long syscall(long, long, void*, void*, long)'),
};

/* ---- descriptors ---------------------------------------------------------------------------- */

export function openPath(path: Uint8Array, flags: number): number | Errno {
  return outcome(c.open(path, flags, 0));
}

export function openAt(dir: number, name: Uint8Array, flags: number): number | Errno {
  return outcome(c.openat(dir, name, flags, 0));
}

const openHow = new Uint8Array(24);
const openHowView = new DataView(openHow.buffer);

interface OpenHow {
  readonly flags: number;
  readonly mode: number;
  readonly resolve: number;
}

export function openat2(dir: number, path: Uint8Array, how: OpenHow): number | Errno {
  openHowView.setUint32(0, how.flags, true);
  openHowView.setUint32(8, how.mode, true);
  openHowView.setUint32(16, how.resolve, true);
  return outcome(c.openat2(N.openat2, dir, path, openHow, openHow.length));
}

export function fcntl(fd: number, command: number, value: number): number | Errno {
  return outcome(c.fcntl(fd, command, value));
}

/** struct flock: 0 type, 2 whence, 8 start, 16 len, 24 pid. */
const flock = new Uint8Array(32);
const flockView = new DataView(flock.buffer);

export function setOfdLock(fd: number, type: number, start: bigint, length: bigint): 0 | Errno {
  flockView.setInt16(0, type, true);
  flockView.setBigInt64(8, start, true);
  flockView.setBigInt64(16, length, true);
  return done(c.fcntlLock(fd, F_OFD_SETLK, flock));
}

export function close(fd: number): void {
  c.close(fd);
}

export function seek(fd: number, offset: number, whence: number): number | Errno {
  return outcome(c.lseek(fd, offset, whence));
}

/* ---- data ----------------------------------------------------------------------------------- */

const iov = new Uint8Array(IOV_MAX * 16);
const iovView = new DataView(iov.buffer);

export function read(fd: number, target: Uint8Array): number | Errno {
  return outcome(c.read(fd, target, target.length));
}

export function pread(fd: number, target: Uint8Array, offset: number): number | Errno {
  return outcome(c.pread(fd, target, target.length, offset));
}

export function preadFlags(
  fd: number,
  target: Uint8Array,
  offset: number,
  flags: number,
): number | Errno {
  setIov(iovView, 0, target);
  return outcome(c.preadv2(N.preadv2, fd, iov, 1, offset, 0, flags));
}

/** struct cachestat_range: off, len; struct cachestat: nr_cache first, 40 bytes. */
const cacheRange = new BigInt64Array(2);
const cacheStat = new BigInt64Array(5);
let pageSize = 0;

/** Whether all of a range is in the page cache: cachestat(2), Linux 6.5. */
export function isCached(fd: number, offset: number, length: number): boolean | Errno {
  if (pageSize === 0) pageSize = c.getpagesize();
  cacheRange[0] = BigInt(offset);
  cacheRange[1] = BigInt(length);
  const result = done(c.cachestat(N.cachestat, fd, cacheRange, cacheStat, 0));
  if (failed(result)) return result;
  const pages = Math.ceil((offset + length) / pageSize) - Math.floor(offset / pageSize);
  return Number(cacheStat[0]) >= pages;
}

export function pwrite(fd: number, bytes: Uint8Array, offset: number): number | Errno {
  return outcome(c.pwrite(fd, bytes, bytes.length, offset));
}

/** Gathers at most IOV_MAX chunks; more are left to the next call, as in a short write. */
export function pwritev(fd: number, chunks: readonly Uint8Array[], offset: number): number | Errno {
  const count = Math.min(chunks.length, IOV_MAX);
  for (let i = 0; i < count; i++) setIov(iovView, i, chunks[i]!);
  return outcome(c.pwritev(fd, iov, count, offset));
}

function setIov(view: DataView, index: number, bytes: Uint8Array): void {
  view.setBigUint64(index * 16, addressOf(bytes), true);
  view.setUint32(index * 16 + 8, bytes.length, true);
}

export function truncate(fd: number, size: number): 0 | Errno {
  return done(c.ftruncate(fd, size));
}

export function fallocate(fd: number, mode: number, offset: number, length: number): 0 | Errno {
  return done(c.fallocate(fd, mode, offset, length));
}

/** ioctl_ficlonerange(2): the target's range shares the source's blocks. */
export function cloneRange(
  source: { readonly fd: number; readonly offset: number },
  target: { readonly fd: number; readonly offset: number },
  length: number,
): 0 | Errno {
  const range = cloneRangeArgument(source, target.offset, length);
  return done(c.ioctl(target.fd, FICLONERANGE, range));
}

/** struct file_clone_range: src_fd, src_offset, src_length, dest_offset. */
export function cloneRangeArgument(
  source: { readonly fd: number; readonly offset: number },
  targetOffset: number,
  length: number,
): BigInt64Array {
  return BigInt64Array.of(
    BigInt(source.fd),
    BigInt(source.offset),
    BigInt(length),
    BigInt(targetOffset),
  );
}

const fileFlags = new Uint32Array(2);

/** FS_*_FL of an open file or directory. */
export function getFileFlags(fd: number): number | Errno {
  const got = done(c.ioctl(fd, FS_IOC_GETFLAGS, fileFlags));
  return failed(got) ? got : fileFlags[0]! & 0x7fff_ffff;
}

export function setFileFlags(fd: number, flags: number): 0 | Errno {
  fileFlags[0] = flags;
  return done(c.ioctl(fd, FS_IOC_SETFLAGS, fileFlags));
}

/* ---- what stat, chmod and friends see ------------------------------------------------------- */

export function statx(
  dir: number,
  path: Uint8Array,
  flags: number,
  mask: number,
  target: Uint8Array,
): 0 | Errno {
  return done(c.statx(N.statx, dir, path, flags, mask, target));
}

export function fstatfs(fd: number, target: Uint8Array): 0 | Errno {
  return done(c.fstatfs(fd, target));
}

export function futimens(fd: number, times: Uint8Array): 0 | Errno {
  return done(c.futimens(fd, times));
}

export function utimensat(dir: number, name: Uint8Array, times: Uint8Array): 0 | Errno {
  return done(c.utimensat(dir, name, times, 0));
}

export function fchmod(fd: number, mode: number): 0 | Errno {
  return done(c.fchmod(fd, mode));
}

export function fchmodat(dir: number, name: Uint8Array, mode: number): 0 | Errno {
  return done(c.fchmodat(dir, name, mode, 0));
}

/** `uid` or `gid` -1 leaves it as it is. */
export function fchownat(
  dir: number,
  name: Uint8Array,
  owner: { readonly uid: number; readonly gid: number },
  flags: number,
): 0 | Errno {
  return done(c.fchownat(dir, name, owner.uid >>> 0, owner.gid >>> 0, flags));
}

/* ---- names ---------------------------------------------------------------------------------- */

export function mkdirat(dir: number, name: Uint8Array, mode: number): 0 | Errno {
  return done(c.mkdirat(dir, name, mode));
}

export function unlinkat(dir: number, name: Uint8Array, flags: number): 0 | Errno {
  return done(c.unlinkat(dir, name, flags));
}

export function renameat2(
  fromDir: number,
  from: Uint8Array,
  toDir: number,
  to: Uint8Array,
  flags: number,
): 0 | Errno {
  return done(c.renameat2(N.renameat2, fromDir, from, toDir, to, flags));
}

export function linkat(
  fromDir: number,
  from: Uint8Array,
  toDir: number,
  to: Uint8Array,
): 0 | Errno {
  return done(c.linkat(fromDir, from, toDir, to, 0));
}

export function symlinkat(target: Uint8Array, dir: number, name: Uint8Array): 0 | Errno {
  return done(c.symlinkat(target, dir, name));
}

export function readlinkat(dir: number, name: Uint8Array, target: Uint8Array): number | Errno {
  return outcome(c.readlinkat(dir, name, target, target.length));
}

export function getdents64(fd: number, target: Uint8Array): number | Errno {
  return outcome(c.getdents64(N.getdents64, fd, target, target.length));
}

/* ---- extended attributes -------------------------------------------------------------------- */

export function fgetxattr(fd: number, name: Uint8Array, target: Uint8Array): number | Errno {
  return outcome(c.fgetxattr(fd, name, target, target.length));
}

export function fsetxattr(fd: number, name: Uint8Array, value: Uint8Array): 0 | Errno {
  return done(c.fsetxattr(fd, name, value, value.length, 0));
}

export function fremovexattr(fd: number, name: Uint8Array): 0 | Errno {
  return done(c.fremovexattr(fd, name));
}

export function flistxattr(fd: number, target: Uint8Array): number | Errno {
  return outcome(c.flistxattr(fd, target, target.length));
}

export function getxattr(path: Uint8Array, name: Uint8Array, target: Uint8Array): number | Errno {
  return outcome(c.getxattr(path, name, target, target.length));
}

export function lgetxattr(path: Uint8Array, name: Uint8Array, target: Uint8Array): number | Errno {
  return outcome(c.lgetxattr(path, name, target, target.length));
}

export function setxattr(path: Uint8Array, name: Uint8Array, value: Uint8Array): 0 | Errno {
  return done(c.setxattr(path, name, value, value.length, 0));
}

export function removexattr(path: Uint8Array, name: Uint8Array): 0 | Errno {
  return done(c.removexattr(path, name));
}

export function listxattr(path: Uint8Array, target: Uint8Array): number | Errno {
  return outcome(c.listxattr(path, target, target.length));
}

const xattrArgs = new Uint8Array(16);
const xattrArgsView = new DataView(xattrArgs.buffer);

/** Linux 6.13 and later; ENOSYS before. */
export function getxattrat(
  dir: number,
  path: Uint8Array,
  flags: number,
  name: Uint8Array,
  target: Uint8Array,
): number | Errno {
  xattrArgsView.setBigUint64(0, addressOf(target), true);
  xattrArgsView.setUint32(8, target.length, true);
  return outcome(c.getxattrat(N.getxattrat, dir, path, flags, name, xattrArgs, xattrArgs.length));
}

/* ---- who this thread acts as ---------------------------------------------------------------- */

export function geteuid(): number {
  return c.geteuid();
}

export function getegid(): number {
  return c.getegid();
}

export function getgroups(): number[] | Errno {
  const groups = new Uint32Array(65_536);
  const count = outcome(c.getgroups(groups.length, groups));
  return count < 0 ? (count as Errno) : [...groups.subarray(0, count)];
}

/** This thread only (the C library's wrapper changes all threads); answers the former fsuid. */
export function setfsuid(uid: number): number {
  return c.setid(N.setfsuid, uid);
}

/** This thread only; answers the former fsgid. */
export function setfsgid(gid: number): number {
  return c.setid(N.setfsgid, gid);
}

/** This thread only. */
export function setgroups(groups: Uint32Array): 0 | Errno {
  return done(c.setgroups(N.setgroups, groups.length, groups));
}

/* ---- inotify -------------------------------------------------------------------------------- */

export function inotifyInit(flags: number): number | Errno {
  return outcome(c.inotifyInit(flags));
}

export function inotifyAdd(fd: number, path: Uint8Array, mask: number): number | Errno {
  return outcome(c.inotifyAdd(fd, path, mask));
}

export function inotifyRemove(fd: number, watch: number): void {
  c.inotifyRemove(fd, watch);
}

/**
 * Calls on a descriptor that may be pinned (O_PATH): where the kernel refuses such a one, the file
 * is named by its number in /proc/self/fd.
 */
import { LE } from '../../base/bytes.ts';
import type { Errno } from '../errno.ts';
import type { OpenFor } from '../vfs.ts';
import type { FlagsHandle } from './checksums.ts';
import { UTIME_OMIT } from './linux.ts';
import type { LocalRoot } from './local-root.ts';
import * as sys from './syscalls.ts';
import { getXattr, getXattrAt, withoutXattrs, type XattrHandle } from './xattrs.ts';

export interface Descriptor {
  readonly root: LocalRoot;
  readonly fd: number;
  /** Pinned when it is 'metadata'. */
  readonly access: OpenFor;
}

/** Nanoseconds since 1970; an undefined time stays. */
export function setTimes(
  file: Descriptor,
  accessNs: bigint | undefined,
  modifyNs: bigint | undefined,
): 0 | Errno {
  putTime(0, accessNs);
  putTime(16, modifyNs);
  if (file.access !== 'metadata') return sys.futimens(file.fd, times);
  return sys.utimensat(file.root.procFd, procName(file), times);
}

/** struct timespec[2]: access, modify. */
const times = new Uint8Array(32);
const timesView = new DataView(times.buffer);
const NS = 1_000_000_000n;

function putTime(at: number, ns: bigint | undefined): void {
  if (ns === undefined) {
    timesView.setBigInt64(at + 8, BigInt(UTIME_OMIT), LE);
    return;
  }
  const rest = ((ns % NS) + NS) % NS;
  timesView.setBigInt64(at, (ns - rest) / NS, LE);
  timesView.setBigInt64(at + 8, rest, LE);
}

export function chmod(file: Descriptor, mode: number): 0 | Errno {
  if (file.access !== 'metadata') return sys.fchmod(file.fd, mode);
  return sys.fchmodat(file.root.procFd, procName(file), mode);
}

export function readXattr(file: Descriptor, name: string): Uint8Array | Errno {
  const { root } = file;
  if (file.access === 'metadata' && root.hasGetxattrat) {
    return getXattrAt(root.procFd, procName(file), 0, name);
  }
  return withoutXattrs(getXattr(xattrHandle(file), name));
}

export function xattrHandle(file: Descriptor): XattrHandle {
  if (file.access !== 'metadata') return file.fd;
  file.root.path.set(`/proc/self/fd/${file.fd}`);
  return file.root.path.bytes;
}

export function flagsHandle(file: Descriptor): FlagsHandle {
  if (file.access !== 'metadata') return file.fd;
  return { dir: file.root.procFd, name: procName(file) };
}

/** A pinned file by its number below `procFd`. */
function procName({ root, fd }: Descriptor): Uint8Array {
  root.path.set(String(fd));
  return root.path.bytes;
}

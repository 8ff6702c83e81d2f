/** Leases of the kernel on an open file (fcntl(2)); SIGIO tells when one breaks. */
import { type Errno, failed } from '../errno.ts';
import type { LeaseKind } from '../vfs.ts';
import { F_GETLEASE, F_RDLCK, F_SETLEASE, F_SETOWN, F_UNLCK, F_WRLCK } from './linux.ts';
import * as sys from './syscalls.ts';

const LEASES = { read: F_RDLCK, write: F_WRLCK, none: F_UNLCK } as const;

export function setLease(fd: number, kind: LeaseKind): 0 | Errno {
  // SIGIO goes to the process as a whole: its event loop waits for it (sigio.ts).
  const owned = sys.fcntl(fd, F_SETOWN, process.pid);
  if (failed(owned)) return owned;
  const taken = sys.fcntl(fd, F_SETLEASE, LEASES[kind]);
  return failed(taken) ? taken : 0;
}

export function leaseOf(fd: number): LeaseKind {
  const left = sys.fcntl(fd, F_GETLEASE, 0);
  if (left === F_WRLCK) return 'write';
  return left === F_RDLCK ? 'read' : 'none';
}

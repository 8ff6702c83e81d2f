/**
 * SIGIO: how the kernel wakes an event loop about descriptors that the loop itself cannot wait for
 * (inotify instances, leases). One signal may stand for many events, so every listener looks at
 * what is its own. A signal handler does not keep the process alive.
 */
import type { Errno } from '../errno.ts';
import { F_GETFL, F_SETFL, F_SETOWN, O_ASYNC } from './linux.ts';
import * as sys from './syscalls.ts';

const listeners = new Set<() => void>();

function tellAll(): void {
  for (const listener of listeners) listener();
}

/** Calls `listener` in a later turn after each signal; answers how to stop. */
export function onSigio(listener: () => void): () => void {
  if (listeners.size === 0) process.on('SIGIO', tellAll);
  listeners.add(listener);
  return () => {
    if (listeners.delete(listener) && listeners.size === 0) process.off('SIGIO', tellAll);
  };
}

/** Whether a descriptor that gets something to read raises the signal. */
export function setAsync(fd: number, isOn: boolean): 0 | Errno {
  const flags = sys.fcntl(fd, F_GETFL, 0);
  if (flags < 0) return flags as Errno;
  const owned = isOn ? sys.fcntl(fd, F_SETOWN, process.pid) : 0;
  if (owned < 0) return owned as Errno;
  const set = sys.fcntl(fd, F_SETFL, isOn ? flags | O_ASYNC : flags & ~O_ASYNC);
  return set < 0 ? (set as Errno) : 0;
}

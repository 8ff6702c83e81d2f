/** Checksums of files on btrfs: those that are rewritten in place (chattr +C) have none. */
import { type Errno, failed } from '../errno.ts';
import { FS_NOCOW_FL, O_CLOEXEC, O_NOCTTY, O_NONBLOCK, O_RDONLY } from './linux.ts';
import * as sys from './syscalls.ts';

/** A descriptor, or, of a pinned file, its name below `dir`. */
export type FlagsHandle = number | { readonly dir: number; readonly name: Uint8Array };

export function hasChecksums(handle: FlagsHandle): boolean | Errno {
  return withDescriptor(handle, (fd) => {
    const flags = sys.getFileFlags(fd);
    return failed(flags) ? flags : (flags & FS_NOCOW_FL) === 0;
  });
}

/** Without effect on files that have content. */
export function setChecksums(handle: FlagsHandle, isOn: boolean): 0 | Errno {
  return withDescriptor(handle, (fd) => {
    const flags = sys.getFileFlags(fd);
    if (failed(flags)) return flags;
    return sys.setFileFlags(fd, isOn ? flags & ~FS_NOCOW_FL : flags | FS_NOCOW_FL);
  });
}

function withDescriptor<T>(handle: FlagsHandle, use: (fd: number) => T): T | Errno {
  if (typeof handle === 'number') return use(handle);
  const fd = sys.openAt(handle.dir, handle.name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (failed(fd)) return fd;
  const result = use(fd);
  sys.close(fd);
  return result;
}

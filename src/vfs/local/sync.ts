/** What writes to the disk without a descriptor that was opened for data. */
import { EACCES, EAGAIN, type Errno, failed } from '../errno.ts';
import { O_CLOEXEC, O_DIRECTORY, O_NONBLOCK, O_RDONLY } from './linux.ts';
import type { LocalRoot } from './local-root.ts';
import * as sys from './syscalls.ts';
import { syncfsThread, syncThread } from './thread-calls.ts';

/** syncfs(2): everything on the file system that the root is on. */
export async function syncAll(root: LocalRoot): Promise<0 | Errno> {
  return await syncAndClose(root.resolve('', O_RDONLY | O_DIRECTORY, 0), syncfsThread);
}

/**
 * A regular file or directory that is pinned (O_PATH): its content, attributes and extended
 * attributes. Opening it would break a lease of this very server, then all is written instead.
 */
export async function syncPinned(
  root: LocalRoot,
  pinned: number,
  isDirectory: boolean,
): Promise<0 | Errno> {
  if (root.hasLeases && !isDirectory) return await syncAll(root);
  const { path, procFd } = root;
  path.set(String(pinned));
  const fd = sys.openAt(procFd, path.bytes, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  // Somebody else's lease, or a file that the server may not read.
  if (fd === EAGAIN || fd === EACCES) return await syncAll(root);
  return await syncAndClose(fd, (opened) => syncThread(opened, false));
}

async function syncAndClose(
  fd: number | Errno,
  sync: (fd: number) => Promise<number | Errno>,
): Promise<0 | Errno> {
  if (failed(fd)) return fd;
  const synced = await sync(fd);
  sys.close(fd);
  return failed(synced) ? synced : 0;
}

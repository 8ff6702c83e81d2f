import { type Task, wait } from '../base/task.ts';
import { type NtStatus, STATUS_SUCCESS } from '../erref/ntstatus.ts';
import { EOPNOTSUPP, failed } from '../vfs/errno.ts';
import type { VfsFile } from '../vfs/vfs.ts';
import { statusOf } from './errno-to-ntstatus.ts';

/**
 * [MS-FSA] 2.1.1.5 Per Stream, AllocationSize: sets storage aside up to `size` bytes.
 * STATUS_DISK_FULL. A store that cannot, such as NFS, is asked for room when data comes.
 */
export function* reserveStorage(file: VfsFile, size: number): Task<NtStatus> {
  const reserved = yield* wait(file.allocate(size));
  return failed(reserved) && reserved !== EOPNOTSUPP ? statusOf(reserved) : STATUS_SUCCESS;
}

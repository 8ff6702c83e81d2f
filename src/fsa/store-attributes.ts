import { type Task, wait } from '../base/task.ts';
import { type NtStatus, STATUS_SUCCESS } from '../erref/ntstatus.ts';
import { EOPNOTSUPP, failed } from '../vfs/errno.ts';
import type { VfsFile } from '../vfs/vfs.ts';
import { DOSATTRIB_XATTR, encodeDosAttributes } from './dos-attributes.ts';
import { statusOf } from './errno-to-ntstatus.ts';

/** Keeps attributes and creation time; a store without extended attributes forgets them. */
export function* storeAttributes(
  file: VfsFile,
  attributes: number,
  creationTime: bigint,
): Task<NtStatus> {
  const value = encodeDosAttributes(attributes, creationTime);
  const stored = yield* wait(file.setXattr(DOSATTRIB_XATTR, value));
  return failed(stored) && stored !== EOPNOTSUPP ? statusOf(stored) : STATUS_SUCCESS;
}

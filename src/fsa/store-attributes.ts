import { type Task, wait } from '../base/task.ts';
import { type NtStatus, STATUS_SUCCESS } from '../erref/ntstatus.ts';
import { EOPNOTSUPP, failed } from '../vfs/errno.ts';
import type { VfsFile } from '../vfs/vfs.ts';
import {
  CHANGE_MARK_WINDOW_NS,
  DOSATTRIB_XATTR,
  encodeDosAttributes,
  type StoredAttributes,
} from './dos-attributes.ts';
import { statusOf } from './errno-to-ntstatus.ts';

/** Keeps attributes and creation time; a store without extended attributes forgets them. */
export function* storeAttributes(file: VfsFile, keep: StoredAttributes): Task<NtStatus> {
  const value = encodeDosAttributes(keep);
  const stored = yield* wait(file.setXattr(DOSATTRIB_XATTR, value));
  return failed(stored) && stored !== EOPNOTSUPP ? statusOf(stored) : STATUS_SUCCESS;
}

/**
 * As `storeAttributes`, with a ChangeTime that holds until something else moves the file's ctime.
 *
 * Storing it moves the ctime as well, to a time that is not known before. So it is stored for a
 * ctime of up to a moment after the one that stands, and again, with a longer moment, when that was
 * too short. A change by others within the moment, as a rule the first, goes unnoticed.
 */
export function* storeChangeTime(
  file: VfsFile,
  keep: StoredAttributes,
  changeTime: bigint,
): Task<NtStatus> {
  let stat = yield* wait(file.stat());
  for (let momentNs = MOMENT_NS; momentNs < CHANGE_MARK_WINDOW_NS; momentNs *= 2n) {
    if (failed(stat)) return statusOf(stat);
    const mark = { changeTime, untilNs: stat.changeTimeNs + momentNs };
    const value = encodeDosAttributes(keep, mark);
    const stored = yield* wait(file.setXattr(DOSATTRIB_XATTR, value));
    if (failed(stored)) return stored === EOPNOTSUPP ? STATUS_SUCCESS : statusOf(stored);
    stat = yield* wait(file.stat());
    if (!failed(stat) && stat.changeTimeNs <= mark.untilNs) break;
  }
  return STATUS_SUCCESS;
}

/** Kernels count ctime in steps of 1 to 10 ms, or, newer ones, exactly. */
const MOMENT_NS = 1_000_000n;

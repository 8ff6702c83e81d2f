import { type Task, wait } from '../base/task.ts';
import { FILE_EXECUTE, FILE_READ_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import { EINVAL, EOPNOTSUPP, EXDEV, failed } from '../vfs/errno.ts';
import { breakReadCaching, mayDisturb } from './break-caching.ts';
import { statusOf } from './errno-to-ntstatus.ts';
import { hasSparseAttribute } from './fs-control.ts';
import { settleTimes, timesToKeep } from './kept-times.ts';
import type { LocalOpen } from './local-open.ts';
import { CLUSTER_SIZE } from './metadata.ts';
import { CONTENT_WRITTEN, reportContent } from './notify-report.ts';
import { sizeOf } from './read-write.ts';
import type { CopyRange } from './surface.ts';

/**
 * Makes a range of `target` share the storage of one of `source`.
 *
 * [MS-FSA] 2.1.5.10.4 FSCTL_DUPLICATE_EXTENTS_TO_FILE and .5 its _EX form: here it always succeeds
 * or fails as a whole. STATUS_INVALID_DEVICE_REQUEST: the store shares no storage, or a directory.
 * STATUS_INVALID_PARAMETER: another volume; offsets that are no multiples of a cluster.
 * STATUS_ACCESS_DENIED: the source is not opened for reading or the target not for writing.
 * STATUS_NOT_SUPPORTED: beyond the source's end; ranges of one file that overlap; a sparse source
 * for a target that is not; a named stream. Byte-range locks do not matter, and what would lie
 * behind the target's end is left out, as on Windows (smbtorture smb2.ioctl.dup_extents_*).
 */
export function* duplicateExtents(
  source: LocalOpen,
  target: LocalOpen,
  range: CopyRange,
): Task<NtStatus> {
  const refused = check(source, target, range);
  if (refused !== STATUS_SUCCESS) return refused;
  const { sourceOffset: from, targetOffset: to } = range;
  const sourceSize = yield* sizeOf(source);
  if (failed(sourceSize)) return statusOf(sourceSize);
  if (from + range.length > sourceSize) return STATUS_NOT_SUPPORTED;
  const targetSize = yield* sizeOf(target);
  if (failed(targetSize)) return statusOf(targetSize);
  if ((yield* hasSparseAttribute(source)) && !(yield* hasSparseAttribute(target))) {
    return STATUS_NOT_SUPPORTED;
  }
  const length = Math.min(range.length, Math.max(0, targetSize - to));
  if (length === 0) return STATUS_SUCCESS;
  if (mayDisturb(target)) yield* breakReadCaching(target);
  const kept = yield* timesToKeep(target);
  if (source.closed || target.closed) return STATUS_FILE_CLOSED;
  const cloned = yield* wait(target.file.cloneFrom(source.file, { from, to, length }));
  // As in `writeFile`: it may have taken its time.
  if (mayDisturb(target)) yield* breakReadCaching(target);
  if (cloned === EINVAL) return STATUS_INVALID_PARAMETER;
  if (cloned === EXDEV || cloned === EOPNOTSUPP) return STATUS_NOT_SUPPORTED;
  if (failed(cloned)) return statusOf(cloned);
  if (target.closed) return STATUS_FILE_CLOSED;
  yield* settleTimes(target, kept);
  target.contentChanged = true;
  reportContent(target, CONTENT_WRITTEN);
  return STATUS_SUCCESS;
}

function check(source: LocalOpen, target: LocalOpen, range: CopyRange): NtStatus {
  if (source.closed || target.closed) return STATUS_FILE_CLOSED;
  const { vfs } = target.volume;
  if (!vfs.capabilities.sharedBlocks) return STATUS_INVALID_DEVICE_REQUEST;
  if (source.isDirectory || target.isDirectory) return STATUS_INVALID_DEVICE_REQUEST;
  if (source.volume.vfs !== vfs) return STATUS_INVALID_PARAMETER;
  if ((source.grantedAccess & (FILE_READ_DATA | FILE_EXECUTE)) === 0) return STATUS_ACCESS_DENIED;
  if ((target.grantedAccess & FILE_WRITE_DATA) === 0) return STATUS_ACCESS_DENIED;
  if (source.backing !== undefined || target.backing !== undefined) return STATUS_NOT_SUPPORTED;
  const { sourceOffset: from, targetOffset: to, length } = range;
  if (from % CLUSTER_SIZE !== 0 || to % CLUSTER_SIZE !== 0) return STATUS_INVALID_PARAMETER;
  if (Math.max(from, to) + length > Number.MAX_SAFE_INTEGER) return STATUS_INVALID_PARAMETER;
  const overlaps = source.fileKey === target.fileKey && from < to + length && to < from + length;
  return overlaps ? STATUS_NOT_SUPPORTED : STATUS_SUCCESS;
}

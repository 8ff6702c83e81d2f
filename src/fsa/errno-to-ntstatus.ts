import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_ALLOTTED_SPACE_EXCEEDED,
  STATUS_DIRECTORY_NOT_EMPTY,
  STATUS_DISK_FULL,
  STATUS_FILE_CLOSED,
  STATUS_FILE_IS_A_DIRECTORY,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_IO_DEVICE_ERROR,
  STATUS_MEDIA_WRITE_PROTECTED,
  STATUS_NOT_A_DIRECTORY,
  STATUS_NOT_SAME_DEVICE,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_SHARING_VIOLATION,
  STATUS_TOO_MANY_LINKS,
  STATUS_TOO_MANY_OPENED_FILES,
  STATUS_UNSUCCESSFUL,
} from '../erref/ntstatus.ts';
import * as errno from '../vfs/errno.ts';

/** A status that is not STATUS_SUCCESS. */
export type NtError = Exclude<NtStatus, 0>;

/**
 * The one table from storage failures to NTSTATUS (style.md 16). The values are Windows' for the
 * same situation on NTFS where there is one, Samba's where there is none.
 */
const TABLE: ReadonlyMap<errno.Errno, NtError> = new Map<errno.Errno, NtError>([
  [errno.EPERM, STATUS_ACCESS_DENIED],
  [errno.ENOENT, STATUS_OBJECT_NAME_NOT_FOUND],
  [errno.EIO, STATUS_IO_DEVICE_ERROR],
  [errno.ENXIO, STATUS_ACCESS_DENIED],
  [errno.E2BIG, STATUS_DISK_FULL],
  [errno.EBADF, STATUS_FILE_CLOSED],
  // A local process has a lease on the file.
  [errno.EAGAIN, STATUS_SHARING_VIOLATION],
  [errno.ENOMEM, STATUS_INSUFFICIENT_RESOURCES],
  [errno.EACCES, STATUS_ACCESS_DENIED],
  [errno.EBUSY, STATUS_SHARING_VIOLATION],
  [errno.EEXIST, STATUS_OBJECT_NAME_COLLISION],
  // A link that leads out of the share: nobody may know what is there.
  [errno.EXDEV, STATUS_NOT_SAME_DEVICE],
  [errno.ENOTDIR, STATUS_NOT_A_DIRECTORY],
  [errno.EISDIR, STATUS_FILE_IS_A_DIRECTORY],
  [errno.EINVAL, STATUS_INVALID_PARAMETER],
  [errno.ENFILE, STATUS_TOO_MANY_OPENED_FILES],
  [errno.EMFILE, STATUS_TOO_MANY_OPENED_FILES],
  [errno.ETXTBSY, STATUS_SHARING_VIOLATION],
  [errno.EFBIG, STATUS_DISK_FULL],
  [errno.ENOSPC, STATUS_DISK_FULL],
  [errno.EDQUOT, STATUS_DISK_FULL],
  [errno.EROFS, STATUS_MEDIA_WRITE_PROTECTED],
  [errno.EMLINK, STATUS_TOO_MANY_LINKS],
  [errno.ERANGE, STATUS_DISK_FULL],
  [errno.ENAMETOOLONG, STATUS_OBJECT_NAME_INVALID],
  [errno.ENOSYS, STATUS_NOT_SUPPORTED],
  // A stream of one size only, beyond which it cannot go.
  [errno.EOVERFLOW, STATUS_ALLOTTED_SPACE_EXCEEDED],
  [errno.EOPNOTSUPP, STATUS_NOT_SUPPORTED],
  [errno.ENOTEMPTY, STATUS_DIRECTORY_NOT_EMPTY],
  [errno.ELOOP, STATUS_OBJECT_PATH_NOT_FOUND],
  [errno.ENODATA, STATUS_OBJECT_NAME_NOT_FOUND],
  [errno.ESTALE, STATUS_OBJECT_NAME_NOT_FOUND],
]);

/** The status for a storage failure; STATUS_UNSUCCESSFUL for one that nobody foresaw. */
export function statusOf(failure: errno.Errno): NtError {
  return TABLE.get(failure) ?? STATUS_UNSUCCESSFUL;
}

/** What statuses mean to a program that knows Node's errors, and to a person. */
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BAD_NETWORK_NAME,
  STATUS_CANCELLED,
  STATUS_CANNOT_DELETE,
  STATUS_CONNECTION_DISCONNECTED,
  STATUS_DELETE_PENDING,
  STATUS_DIRECTORY_NOT_EMPTY,
  STATUS_DISK_FULL,
  STATUS_FILE_CLOSED,
  STATUS_FILE_IS_A_DIRECTORY,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INVALID_PARAMETER,
  STATUS_IO_TIMEOUT,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_LOGON_FAILURE,
  STATUS_MEDIA_WRITE_PROTECTED,
  STATUS_NETWORK_NAME_DELETED,
  STATUS_NOT_A_DIRECTORY,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_SHARING_VIOLATION,
  STATUS_USER_SESSION_DELETED,
} from '../../erref/ntstatus.ts';

interface Meaning {
  /** As `code` of the errors of `node:fs` and `node:net`. */
  readonly code: string;
  readonly text: string;
}

const MEANINGS: ReadonlyMap<NtStatus, Meaning> = new Map([
  [STATUS_ACCESS_DENIED, { code: 'EACCES', text: 'not allowed' }],
  [STATUS_BAD_NETWORK_NAME, { code: 'ENOENT', text: 'no such share' }],
  [STATUS_CANCELLED, { code: 'ECANCELED', text: 'cancelled' }],
  [STATUS_CANNOT_DELETE, { code: 'EPERM', text: 'read-only, or in use' }],
  [STATUS_CONNECTION_DISCONNECTED, { code: 'ECONNRESET', text: 'the connection broke' }],
  [STATUS_DELETE_PENDING, { code: 'EBUSY', text: 'being deleted' }],
  [STATUS_DIRECTORY_NOT_EMPTY, { code: 'ENOTEMPTY', text: 'the folder is not empty' }],
  [STATUS_DISK_FULL, { code: 'ENOSPC', text: 'no space left' }],
  [STATUS_FILE_CLOSED, { code: 'EBADF', text: 'the file is not open any more' }],
  [STATUS_FILE_IS_A_DIRECTORY, { code: 'EISDIR', text: 'a folder' }],
  [STATUS_FILE_LOCK_CONFLICT, { code: 'EAGAIN', text: 'somebody else has these bytes locked' }],
  [STATUS_INVALID_PARAMETER, { code: 'EINVAL', text: 'the server does not take this' }],
  [STATUS_IO_TIMEOUT, { code: 'ETIMEDOUT', text: 'no answer' }],
  [STATUS_LOCK_NOT_GRANTED, { code: 'EAGAIN', text: 'somebody else has these bytes locked' }],
  [STATUS_LOGON_FAILURE, { code: 'EACCES', text: 'unknown user or wrong password' }],
  [STATUS_MEDIA_WRITE_PROTECTED, { code: 'EROFS', text: 'the share is read-only' }],
  [STATUS_NETWORK_NAME_DELETED, { code: 'ESTALE', text: 'the server ended the share' }],
  [STATUS_NOT_A_DIRECTORY, { code: 'ENOTDIR', text: 'not a folder' }],
  [STATUS_NOT_SUPPORTED, { code: 'ENOTSUP', text: 'the server cannot do this' }],
  [STATUS_OBJECT_NAME_COLLISION, { code: 'EEXIST', text: 'it exists' }],
  [STATUS_OBJECT_NAME_INVALID, { code: 'EINVAL', text: 'no valid name' }],
  [STATUS_OBJECT_NAME_NOT_FOUND, { code: 'ENOENT', text: 'it does not exist' }],
  [STATUS_OBJECT_PATH_NOT_FOUND, { code: 'ENOENT', text: 'its folder does not exist' }],
  [STATUS_SHARING_VIOLATION, { code: 'EBUSY', text: 'somebody has it open' }],
  [STATUS_USER_SESSION_DELETED, { code: 'ESTALE', text: 'the server ended the session' }],
]);

/** 'EIO' and no text for what nobody has to expect. */
export function meaningOf(status: NtStatus): Meaning {
  return MEANINGS.get(status) ?? { code: 'EIO', text: '' };
}

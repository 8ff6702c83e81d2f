import type { FileRange } from '../base/io-buffer.ts';
import { isPromise, type Task, wait } from '../base/task.ts';
import {
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
} from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_DISK_FULL,
  STATUS_END_OF_FILE,
  STATUS_FILE_CLOSED,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import { EBADF, EINVAL, type Errno, failed } from '../vfs/errno.ts';
import { breakReadCaching, mayDisturb } from './break-caching.ts';
import { accessConflicts } from './decide-lock.ts';
import { statusOf } from './errno-to-ntstatus.ts';
import { settleTimes, timesToKeep } from './kept-times.ts';
import type { LocalOpen } from './local-open.ts';
import { parentOf } from './names.ts';
import { CONTENT_WRITTEN, reportContent } from './notify-report.ts';
import { syncFolder } from './stream-store.ts';
import type { CountOutcome } from './surface.ts';

export interface ReadOptions {
  /** Fewer bytes than this are STATUS_END_OF_FILE. */
  readonly minimumCount?: number;
  readonly unbuffered?: boolean;
}

export interface WriteOptions {
  /** The bytes are safe before the answer. */
  readonly writeThrough?: boolean;
  readonly unbuffered?: boolean;
}

/**
 * Fills `target` from `offset`, as far as the file goes.
 *
 * [MS-FSA] 2.1.5.3 Server Requests a Read. STATUS_INVALID_DEVICE_REQUEST: a directory.
 * STATUS_ACCESS_DENIED: opened for neither reading nor executing. STATUS_FILE_LOCK_CONFLICT:
 * another open holds a byte exclusively. STATUS_END_OF_FILE: nothing, or less than the minimum, is
 * there.
 */
export function* readFile(
  open: LocalOpen,
  target: Uint8Array,
  offset: number,
  options: ReadOptions,
): Task<CountOutcome> {
  if (open.closed) return { status: STATUS_FILE_CLOSED, count: 0 };
  if (open.isDirectory) return { status: STATUS_INVALID_DEVICE_REQUEST, count: 0 };
  if ((open.grantedAccess & (FILE_READ_DATA | FILE_EXECUTE)) === 0) {
    return { status: STATUS_ACCESS_DENIED, count: 0 };
  }
  const { length } = target;
  const locked = yield* isLocked(open, offset, length, 'read');
  if (locked) return { status: STATUS_FILE_LOCK_CONFLICT, count: 0 };
  let count = 0;
  if (length > 0) {
    const before = open.userSetAccessTime ? yield* wait(open.file.stat()) : undefined;
    const reading = (open.backing ?? open.file).read(target, offset);
    const result = isPromise(reading) ? yield* wait(reading) : reading;
    if (failed(result)) return { status: statusOf(result), count: 0 };
    count = result;
    if (before !== undefined && !failed(before) && !open.closed) {
      yield* wait(open.file.setTimes(before.accessTimeNs, undefined));
    }
  }
  if ((count === 0 && length > 0) || count < (options.minimumCount ?? 0)) {
    return { status: STATUS_END_OF_FILE, count: 0 };
  }
  open.position = BigInt(offset + count);
  return { status: STATUS_SUCCESS, count };
}

/**
 * What `readFile` would read, where nothing forbids it and all of it is in memory: not read.
 * Undefined: only `readFile` can tell.
 */
export function rangeToRead(
  open: LocalOpen,
  offset: number,
  length: number,
): FileRange | undefined {
  const isOrdinary = !open.closed && !open.isDirectory && open.backing === undefined;
  if (!isOrdinary || open.userSetAccessTime) return undefined;
  if ((open.grantedAccess & (FILE_READ_DATA | FILE_EXECUTE)) === 0) return undefined;
  const record = open.volume.files.get(open.fileKey);
  if (isPromise(record) || (record !== undefined && record.locks.length > 0)) return undefined;
  const range = open.file.range?.(offset, length);
  if (range !== undefined) open.position = BigInt(offset + length);
  return range;
}

/**
 * Writes all chunks from `offset`, or at the end of the file when `offset` is -1.
 *
 * [MS-FSA] 2.1.5.4 Server Requests a Write. STATUS_INVALID_DEVICE_REQUEST: a directory.
 * STATUS_ACCESS_DENIED: not opened for writing. STATUS_FILE_LOCK_CONFLICT: a lock covers a byte.
 * STATUS_DISK_FULL: the store is full, or a named stream larger than the store allows; what fitted
 * stays written.
 */
export function* writeFile(
  open: LocalOpen,
  chunks: readonly Uint8Array[],
  offset: number,
  options: WriteOptions,
): Task<CountOutcome> {
  if (open.closed) return { status: STATUS_FILE_CLOSED, count: 0 };
  if (open.isDirectory) return { status: STATUS_INVALID_DEVICE_REQUEST, count: 0 };
  if ((open.grantedAccess & (FILE_WRITE_DATA | FILE_APPEND_DATA)) === 0) {
    return { status: STATUS_ACCESS_DENIED, count: 0 };
  }
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  let start = offset;
  if (offset < 0) {
    const size = yield* sizeOf(open);
    if (failed(size)) return { status: statusOf(size), count: 0 };
    start = size;
  }
  if (start + length > Number.MAX_SAFE_INTEGER) {
    return { status: STATUS_INVALID_PARAMETER, count: 0 };
  }
  const locked = yield* isLocked(open, start, length, 'write');
  if (locked) return { status: STATUS_FILE_LOCK_CONFLICT, count: 0 };
  if (length === 0) return { status: STATUS_SUCCESS, count: 0 };
  if (mayDisturb(open)) yield* breakReadCaching(open);

  const isKeeping = open.userSetModificationTime || open.userSetChangeTime;
  const kept = isKeeping ? yield* timesToKeep(open) : undefined;
  const writing = (open.backing ?? open.file).write(chunks, start);
  const count = isPromise(writing) ? yield* wait(writing) : writing;
  // Who was let cache while a thread wrote may have read what stood there before.
  if (isPromise(writing) && mayDisturb(open)) yield* breakReadCaching(open);
  if (failed(count)) return { status: statusOf(count), count: 0 };
  if (open.closed) return { status: STATUS_FILE_CLOSED, count: 0 };
  if (kept !== undefined || open.backing !== undefined) yield* settleTimes(open, kept);
  open.position = BigInt(start + count);
  open.contentChanged = true;
  reportContent(open, CONTENT_WRITTEN);
  if (count < length) return { status: STATUS_DISK_FULL, count: 0 };
  if (options.writeThrough === true && open.volume.options.strictSync) {
    const synced = yield* wait((open.backing ?? open.file).sync(true));
    if (failed(synced)) return { status: statusOf(synced), count: 0 };
  }
  return { status: STATUS_SUCCESS, count };
}

/**
 * Makes what was written safe against power loss.
 *
 * [MS-FSA] 2.1.5.7 Server Requests Flushing Cached Data, which also makes the directory structure
 * safe: after the first one, a file that was made or renamed has its name on the disk. The root
 * stands for the whole volume. STATUS_ACCESS_DENIED: not opened for writing. A directory is flushed
 * as well, when it was opened for adding entries.
 */
export function* flushFile(open: LocalOpen): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  if ((open.grantedAccess & (FILE_WRITE_DATA | FILE_APPEND_DATA)) === 0) {
    return STATUS_ACCESS_DENIED;
  }
  if (!open.volume.options.strictSync) return STATUS_SUCCESS;
  const { vfs } = open.volume;
  const isAll = open.isDirectory && open.path === '' && vfs.sync !== undefined;
  const synced = yield* wait(isAll ? vfs.sync?.() : (open.backing ?? open.file).sync(false));
  // A descriptor that cannot sync has nothing written through it.
  if (failed(synced) && synced !== EBADF && synced !== EINVAL) return statusOf(synced);
  return open.isNameNew && !open.closed ? yield* flushName(open) : STATUS_SUCCESS;
}

/** The folder that the open's name is in. */
function* flushName(open: LocalOpen): Task<NtStatus> {
  const { volume, path } = open;
  const synced = yield* syncFolder(volume.vfs, parentOf(path));
  if (failed(synced)) return statusOf(synced);
  // It may have been renamed meanwhile.
  if (open.path === path) open.isNameNew = false;
  return STATUS_SUCCESS;
}

/** Bytes in the stream that an open is of. */
export function* sizeOf(open: LocalOpen): Task<number | Errno> {
  if (open.backing !== undefined) return yield* wait(open.backing.size());
  const stat = yield* wait(open.file.stat());
  return failed(stat) ? stat : stat.size;
}

/** Whether a byte-range lock forbids an access. One look at the record, no more without locks. */
export function* isLocked(
  open: LocalOpen,
  offset: number,
  length: number,
  kind: 'read' | 'write',
): Task<boolean> {
  const getting = open.volume.files.get(open.fileKey);
  const record = isPromise(getting) ? yield* wait(getting) : getting;
  if (record === undefined || record.locks.length === 0) return false;
  const { openId, streamKey } = open;
  return accessConflicts(record, { openId, streamKey, offset, length, write: kind === 'write' });
}

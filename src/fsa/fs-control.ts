/** [MS-FSA] 2.1.5.10 Server Requests an FsControl Request. */
import { type Task, wait } from '../base/task.ts';
import {
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_READ_DATA,
  FILE_WRITE_ATTRIBUTES,
  FILE_WRITE_DATA,
} from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_DISK_FULL,
  STATUS_FILE_CLOSED,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_INVALID_VIEW_SIZE,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import { FILE_ATTRIBUTE_SPARSE_FILE } from '../fscc/file-attributes.ts';
import {
  FILE_NOTIFY_CHANGE_ATTRIBUTES,
  FILE_NOTIFY_CHANGE_LAST_WRITE,
} from '../fscc/notify-filter.ts';
import { EBADF, EINVAL, ENXIO, EOPNOTSUPP, type Errno, EXDEV, failed } from '../vfs/errno.ts';
import { breakReadCaching, mayDisturb } from './break-caching.ts';
import { breakParentOf } from './break-parent.ts';
import { DOSATTRIB_XATTR } from './dos-attributes.ts';
import { statusOf } from './errno-to-ntstatus.ts';
import { settleTimes, timesToKeep } from './kept-times.ts';
import { contentFileOf, type LocalOpen } from './local-open.ts';
import { creationTimeOf, storedAttributes } from './metadata.ts';
import { CONTENT_WRITTEN, reportContent, reportModified } from './notify-report.ts';
import { isLocked, sizeOf } from './read-write.ts';
import { storeAttributes } from './store-attributes.ts';
import type {
  AllocatedRange,
  CompressionOutcome,
  CopyRange,
  CountOutcome,
  RangesOutcome,
} from './surface.ts';

/** Ranges that one trim does: each is a call to the store. */
const TRIM_RANGES_MAX = 256;
const COMPRESSION_FORMAT_NONE = 0;
/** Bytes that a copy holds at once where the store cannot copy by itself. */
const COPY_STEP_SIZE = 1024 * 1024;

/**
 * [MS-FSA] 2.1.5.10.36 FSCTL_SET_SPARSE. STATUS_INVALID_PARAMETER: a directory.
 * STATUS_ACCESS_DENIED: opened for neither writing nor changing attributes. Taking the attribute
 * away leaves holes as they are.
 */
export function* setSparse(open: LocalOpen, sparse: boolean): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  if (open.isDirectory) return STATUS_INVALID_PARAMETER;
  const rights = FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_WRITE_ATTRIBUTES;
  if ((open.grantedAccess & rights) === 0) return STATUS_ACCESS_DENIED;
  if (!open.volume.vfs.capabilities.sparseFiles) return STATUS_NOT_SUPPORTED;
  const { file } = open;
  const stat = yield* wait(file.stat());
  if (failed(stat)) return statusOf(stat);
  const stored = storedAttributes(yield* wait(file.getXattr(DOSATTRIB_XATTR)), stat);
  const attributes = sparse
    ? stored.attributes | FILE_ATTRIBUTE_SPARSE_FILE
    : stored.attributes & ~FILE_ATTRIBUTE_SPARSE_FILE;
  if (attributes === stored.attributes) return STATUS_SUCCESS;
  const kept = yield* timesToKeep(open);
  const status = yield* storeAttributes(file, {
    ...stored,
    attributes,
    creationTime: creationTimeOf(stored, stat),
  });
  yield* settleTimes(open, kept);
  if (status !== STATUS_SUCCESS) return status;
  reportModified(open, FILE_NOTIFY_CHANGE_ATTRIBUTES);
  yield* breakParentOf(open);
  return STATUS_SUCCESS;
}

/**
 * Makes `[from, beyond)` read as zeroes; a sparse file gives the storage back.
 *
 * [MS-FSA] 2.1.5.10.40 FSCTL_SET_ZERO_DATA. STATUS_INVALID_PARAMETER: `from` beyond `beyond`, or a
 * directory. STATUS_ACCESS_DENIED: not opened for FILE_WRITE_DATA. STATUS_FILE_LOCK_CONFLICT.
 */
export function* setZeroData(open: LocalOpen, from: number, beyond: number): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  if (open.isDirectory || from < 0 || from > beyond) return STATUS_INVALID_PARAMETER;
  if ((open.grantedAccess & FILE_WRITE_DATA) === 0) return STATUS_ACCESS_DENIED;
  if (yield* isLocked(open, from, beyond - from, 'write')) return STATUS_FILE_LOCK_CONFLICT;
  const size = yield* sizeOf(open);
  if (failed(size)) return statusOf(size);
  // Beyond the end there is nothing to zero, and the file does not grow.
  const end = Math.min(beyond, size);
  if (from >= end) return STATUS_SUCCESS;
  if (mayDisturb(open)) yield* breakReadCaching(open);
  const kept = yield* timesToKeep(open);
  const zeroed = yield* zero(open, from, end - from);
  // As in `writeFile`: it may have taken its time.
  if (mayDisturb(open)) yield* breakReadCaching(open);
  if (failed(zeroed)) return statusOf(zeroed);
  yield* settleTimes(open, kept);
  open.contentChanged = true;
  reportContent(open, FILE_NOTIFY_CHANGE_LAST_WRITE);
  return STATUS_SUCCESS;
}

/**
 * The parts of `[offset, offset + length)` that have storage.
 *
 * [MS-FSA] 2.1.5.10.22 FSCTL_QUERY_ALLOCATED_RANGES. STATUS_INVALID_PARAMETER: a directory, or a
 * range beyond 2^53. STATUS_ACCESS_DENIED: not opened for FILE_READ_DATA. A file that is not sparse
 * has all of it.
 */
export function* queryAllocatedRanges(
  open: LocalOpen,
  offset: number,
  length: number,
  maxRanges: number,
): Task<RangesOutcome> {
  const refused = checkRanges(open, offset, length);
  if (refused !== STATUS_SUCCESS) return { status: refused, ranges: [], more: false };
  const size = yield* sizeOf(open);
  if (failed(size)) return { status: statusOf(size), ranges: [], more: false };
  const end = Math.min(offset + length, size);
  const ranges: AllocatedRange[] = [];
  const file = yield* contentFileOf(open);
  const isSparse = file !== undefined && (yield* hasSparseAttribute(open));
  let at = offset;
  while (at < end) {
    const data = isSparse ? yield* wait(file.seekData(at)) : at;
    if (data === ENXIO) break;
    if (failed(data)) return { status: statusOf(data), ranges: [], more: false };
    if (data >= end) break;
    const hole = isSparse ? yield* wait(file.seekHole(data)) : end;
    const stop = failed(hole) ? end : Math.min(hole, end);
    if (ranges.length >= maxRanges) return { status: STATUS_SUCCESS, ranges, more: true };
    ranges.push({ offset: data, length: stop - data });
    at = stop;
  }
  return { status: STATUS_SUCCESS, ranges, more: false };
}

/**
 * Copies a range inside the store, with reflinks where it can.
 *
 * [MS-SMB2] 3.3.5.15.6 Handling a Server-Side Data Copy Request, one chunk.
 * STATUS_INVALID_DEVICE_REQUEST: a directory. STATUS_ACCESS_DENIED: the source is not opened for
 * reading or the target not for writing. STATUS_INVALID_VIEW_SIZE: the source ends before.
 * STATUS_FILE_LOCK_CONFLICT; STATUS_DISK_FULL.
 */
export function* copyRange(
  source: LocalOpen,
  target: LocalOpen,
  range: CopyRange,
): Task<CountOutcome> {
  const refused = yield* checkCopy(source, target, range);
  if (refused !== STATUS_SUCCESS) return { status: refused, count: 0 };
  if (mayDisturb(target)) yield* breakReadCaching(target);
  const kept = yield* timesToKeep(target);
  let done = 0;
  while (done < range.length) {
    if (source.closed || target.closed) return { status: STATUS_FILE_CLOSED, count: 0 };
    const count = yield* copySome(source, target, {
      sourceOffset: range.sourceOffset + done,
      targetOffset: range.targetOffset + done,
      length: range.length - done,
    });
    // As in `writeFile`: it may have taken its time.
    if (mayDisturb(target)) yield* breakReadCaching(target);
    if (failed(count)) return { status: statusOf(count), count: 0 };
    if (count === 0) return { status: STATUS_DISK_FULL, count: 0 };
    done += count;
  }
  yield* settleTimes(target, kept);
  target.contentChanged = true;
  reportContent(target, CONTENT_WRITTEN);
  return { status: STATUS_SUCCESS, count: done };
}

/**
 * Gives back the storage of ranges whose content no longer matters; here they read as zeroes.
 *
 * [MS-FSA] 2.1.5.10.7 FSCTL_FILE_LEVEL_TRIM. STATUS_INVALID_DEVICE_REQUEST: a directory, a named
 * stream, or a store that cannot. STATUS_INVALID_PARAMETER: no range. STATUS_ACCESS_DENIED: not
 * opened for FILE_WRITE_DATA. STATUS_FILE_LOCK_CONFLICT. Beyond TRIM_RANGES_MAX ranges, and from
 * the first that fails on, none is done: `count` says how many were.
 */
export function* trim(open: LocalOpen, ranges: readonly AllocatedRange[]): Task<CountOutcome> {
  const refused = checkTrim(open, ranges);
  if (refused !== STATUS_SUCCESS) return { status: refused, count: 0 };
  const size = yield* sizeOf(open);
  if (failed(size)) return { status: statusOf(size), count: 0 };
  if (mayDisturb(open)) yield* breakReadCaching(open);
  const kept = yield* timesToKeep(open);
  let status: NtStatus = STATUS_SUCCESS;
  let count = 0;
  for (const { offset, length } of ranges.slice(0, TRIM_RANGES_MAX)) {
    status = yield* trimOne(open, offset, Math.min(offset + length, size));
    if (status !== STATUS_SUCCESS) break;
    count++;
  }
  if (mayDisturb(open)) yield* breakReadCaching(open);
  if (count === 0) return { status, count };
  yield* settleTimes(open, kept);
  open.contentChanged = true;
  reportContent(open, FILE_NOTIFY_CHANGE_LAST_WRITE);
  return { status: STATUS_SUCCESS, count };
}

/**
 * The parts of `[offset, offset + length)` that were ever written: all of a file, as POSIX has no
 * valid data length.
 *
 * [MS-FSA] 2.1.5.10.25 FSCTL_QUERY_FILE_REGIONS. STATUS_INVALID_PARAMETER: a directory.
 * STATUS_ACCESS_DENIED: not opened for FILE_READ_DATA.
 */
export function* queryFileRegions(
  open: LocalOpen,
  offset: number,
  length: number,
): Task<RangesOutcome> {
  const refused = checkRanges(open, offset, length);
  if (refused !== STATUS_SUCCESS) return { status: refused, ranges: [], more: false };
  const size = yield* sizeOf(open);
  if (failed(size)) return { status: statusOf(size), ranges: [], more: false };
  const end = Math.min(offset + length, size);
  const ranges = end > offset ? [{ offset, length: end - offset }] : [];
  return { status: STATUS_SUCCESS, ranges, more: false };
}

/** [MS-FSA] 2.1.5.10.9 FSCTL_GET_COMPRESSION: nothing is ever compressed. */
export function* getCompression(open: LocalOpen): Task<CompressionOutcome> {
  const status = open.closed ? STATUS_FILE_CLOSED : STATUS_SUCCESS;
  return { status, format: COMPRESSION_FORMAT_NONE };
}

/** [MS-FSA] 2.1.5.10.30 FSCTL_SET_COMPRESSION: only 'none' is taken. */
export function* setCompression(open: LocalOpen, format: number): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  if ((open.grantedAccess & FILE_WRITE_DATA) === 0) return STATUS_ACCESS_DENIED;
  return format === COMPRESSION_FORMAT_NONE ? STATUS_SUCCESS : STATUS_NOT_SUPPORTED;
}

function* zero(open: LocalOpen, from: number, length: number): Task<0 | Errno> {
  const content = yield* contentFileOf(open);
  if (content !== undefined) {
    const punch = yield* hasSparseAttribute(open);
    const zeroed = yield* wait(content.zero(from, length, punch));
    if (zeroed !== EOPNOTSUPP) return zeroed;
  }
  const file = open.backing ?? open.file;
  for (let at = from; at < from + length; ) {
    const step = Math.min(COPY_STEP_SIZE, from + length - at);
    const count = yield* wait(file.write([new Uint8Array(step)], at));
    if (failed(count)) return count;
    at += step;
  }
  return 0;
}

function checkTrim(open: LocalOpen, ranges: readonly AllocatedRange[]): NtStatus {
  if (open.closed) return STATUS_FILE_CLOSED;
  const { capabilities } = open.volume.vfs;
  const isFile = !open.isDirectory && open.backing === undefined;
  if (!isFile || !capabilities.sparseFiles) return STATUS_INVALID_DEVICE_REQUEST;
  if ((open.grantedAccess & FILE_WRITE_DATA) === 0) return STATUS_ACCESS_DENIED;
  return ranges.length === 0 ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

function* trimOne(open: LocalOpen, from: number, end: number): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  if (from >= end) return STATUS_SUCCESS;
  if (yield* isLocked(open, from, end - from, 'write')) return STATUS_FILE_LOCK_CONFLICT;
  const zeroed = yield* wait(open.file.zero(from, end - from, true));
  return failed(zeroed) ? statusOf(zeroed) : STATUS_SUCCESS;
}

function checkRanges(open: LocalOpen, offset: number, length: number): NtStatus {
  if (open.closed) return STATUS_FILE_CLOSED;
  if (open.isDirectory || offset < 0 || length < 0) return STATUS_INVALID_PARAMETER;
  if (offset + length > Number.MAX_SAFE_INTEGER) return STATUS_INVALID_PARAMETER;
  return (open.grantedAccess & FILE_READ_DATA) === 0 ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

export function* hasSparseAttribute(open: LocalOpen): Task<boolean> {
  const stat = yield* wait(open.file.stat());
  if (failed(stat)) return false;
  const stored = storedAttributes(yield* wait(open.file.getXattr(DOSATTRIB_XATTR)), stat);
  return (stored.attributes & FILE_ATTRIBUTE_SPARSE_FILE) !== 0;
}

function* checkCopy(source: LocalOpen, target: LocalOpen, range: CopyRange): Task<NtStatus> {
  if (source.closed || target.closed) return STATUS_FILE_CLOSED;
  if (source.isDirectory || target.isDirectory) return STATUS_INVALID_DEVICE_REQUEST;
  const { sourceOffset, targetOffset, length } = range;
  if ((source.grantedAccess & (FILE_READ_DATA | FILE_EXECUTE)) === 0) return STATUS_ACCESS_DENIED;
  if ((target.grantedAccess & (FILE_WRITE_DATA | FILE_APPEND_DATA)) === 0) {
    return STATUS_ACCESS_DENIED;
  }
  const size = yield* sizeOf(source);
  if (failed(size)) return statusOf(size);
  if (sourceOffset + length > size) return STATUS_INVALID_VIEW_SIZE;
  if (yield* isLocked(source, sourceOffset, length, 'read')) return STATUS_FILE_LOCK_CONFLICT;
  if (yield* isLocked(target, targetOffset, length, 'write')) return STATUS_FILE_LOCK_CONFLICT;
  return STATUS_SUCCESS;
}

/** A step of a copy: in the store, or through memory where it cannot or would overlap. */
function* copySome(source: LocalOpen, target: LocalOpen, range: CopyRange): Task<number | Errno> {
  const { sourceOffset: from, targetOffset: to, length } = range;
  const overlaps = source.fileKey === target.fileKey && from < to + length && to < from + length;
  const sourceFile = yield* contentFileOf(source);
  const targetFile = yield* contentFileOf(target);
  if (sourceFile !== undefined && targetFile !== undefined && !overlaps) {
    const copied = yield* wait(targetFile.copyFrom(sourceFile, { from, to, length }));
    if (!CANNOT_COPY.has(copied)) return copied;
  }
  const buffer = new Uint8Array(Math.min(length, overlaps ? length : COPY_STEP_SIZE));
  const count = yield* wait((source.backing ?? source.file).read(buffer, from));
  if (failed(count) || count === 0) return count;
  return yield* wait((target.backing ?? target.file).write([buffer.subarray(0, count)], to));
}

const CANNOT_COPY: ReadonlySet<number> = new Set([EXDEV, EOPNOTSUPP, EINVAL, EBADF]);

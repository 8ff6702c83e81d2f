/** [MS-FSA] 2.1.5.12 and 2.1.5.15: query and setting of file information that is no name. */
import { type Task, wait } from '../base/task.ts';
import { DELETE, FILE_WRITE_ATTRIBUTES, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  FILE_TIME_FREEZE,
  FILE_TIME_THAW,
  isSettableFileTime,
  nsOfFileTime,
} from '../dtyp/file-time.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_CANNOT_DELETE,
  STATUS_DIRECTORY_NOT_EMPTY,
  STATUS_FILE_CLOSED,
  STATUS_FILE_DELETED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_MEDIA_WRITE_PROTECTED,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import {
  FILE_NO_INTERMEDIATE_BUFFERING,
  FILE_SEQUENTIAL_ONLY,
  FILE_SYNCHRONOUS_IO_ALERT,
  FILE_SYNCHRONOUS_IO_NONALERT,
  FILE_WRITE_THROUGH,
} from '../fscc/create-parameters.ts';
import {
  FILE_ATTRIBUTE_DIRECTORY,
  FILE_ATTRIBUTE_READONLY,
  FILE_ATTRIBUTE_TEMPORARY,
} from '../fscc/file-attributes.ts';
import {
  FILE_NOTIFY_CHANGE_ATTRIBUTES,
  FILE_NOTIFY_CHANGE_CREATION,
  FILE_NOTIFY_CHANGE_LAST_ACCESS,
  FILE_NOTIFY_CHANGE_LAST_WRITE,
  FILE_NOTIFY_CHANGE_SIZE,
} from '../fscc/notify-filter.ts';
import { failed } from '../vfs/errno.ts';
import type { FileStat } from '../vfs/vfs.ts';
import { breakHandleCaching, breakReadCaching, mayDisturb } from './break-caching.ts';
import { breakParentOf } from './break-parent.ts';
import { type Disposition, decideDisposition, decideUndisposed } from './decide-delete.ts';
import { isPersistent } from './decide-persistent.ts';
import { DOSATTRIB_XATTR, type DosAttributes } from './dos-attributes.ts';
import { eaSizeOf } from './ea-store.ts';
import { type NtError, statusOf } from './errno-to-ntstatus.ts';
import { type FileRecord, pendingDeleteOf } from './file-record.ts';
import { settleTimes, timesToKeep } from './kept-times.ts';
import { isLinkGone } from './link-gone.ts';
import { contentFileOf, type LocalOpen } from './local-open.ts';
import { changeTimeOf, creationTimeOf, metadataOf, storedAttributes } from './metadata.ts';
import { lastOf } from './names.ts';
import { endIfDeletePending } from './notify.ts';
import { reportContent, reportModified } from './notify-report.ts';
import { STORED_ATTRIBUTES } from './open-request.ts';
import { isStored } from './persist.ts';
import { withPosix } from './posix.ts';
import { sizeOf } from './read-write.ts';
import { isReparsePoint, reparseTag } from './reparse-xattr.ts';
import { reserveStorage } from './reserve-storage.ts';
import { storeAttributes, storeChangeTime } from './store-attributes.ts';
import type { BasicChange, DispositionChange, MetadataOutcome } from './surface.ts';
import { SECTOR_SIZE } from './volume-information.ts';

/**
 * What QUERY_INFO and CLOSE tell about the file.
 *
 * [MS-FSA] 2.1.5.12 Server Requests a Query of File Information. `withEaSize` reads every EA, so it
 * is asked for only where EaSize is answered.
 */
export function* queryMetadata(
  open: LocalOpen,
  options: { readonly withEaSize?: boolean } = {},
): Task<MetadataOutcome> {
  if (open.closed) return { status: STATUS_FILE_CLOSED };
  const { file, volume, path, streamKey } = open;
  const stat = yield* wait(file.stat());
  if (failed(stat)) return { status: statusOf(stat) };
  const stored = storedAttributes(yield* wait(file.getXattr(DOSATTRIB_XATTR, stat)), stat);
  const record = yield* wait(volume.files.get(open.fileKey));
  const link = { volumeId: volume.id, path, streamKey };
  const deletePending =
    stat.links === 0 || (record !== undefined && pendingDeleteOf(record, link) !== undefined);
  let streamSize: number | undefined;
  if (open.backing !== undefined) {
    const size = yield* wait(open.backing.size());
    if (failed(size)) return { status: statusOf(size) };
    streamSize = size;
  }
  const eaSize = options.withEaSize === true ? yield* eaSizeOf(file) : 0;
  const extras = {
    name: lastOf(path),
    deletePending,
    streamSize,
    eaSize,
    reparseTag: isReparsePoint(open, stored) ? yield* reparseTag(open) : 0,
    isDirectoryLink: open.link?.isDirectory === true,
  };
  const metadata = metadataOf(volume.options, stat, stored, extras);
  return { status: 0, metadata: yield* withPosix(open, metadata, stat) };
}

/**
 * Sets times and attributes.
 *
 * [MS-FSA] 2.1.5.15.2 FileBasicInformation. A time of 0 stays; -1 keeps operations through this
 * open from moving it, -2 lets them again; an explicit time also sticks for this open.
 * STATUS_ACCESS_DENIED: not opened for FILE_WRITE_ATTRIBUTES. STATUS_INVALID_PARAMETER: a time
 * below -2, DIRECTORY on a file, TEMPORARY on a directory.
 */
export function* setBasic(open: LocalOpen, change: BasicChange): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  if ((open.grantedAccess & FILE_WRITE_ATTRIBUTES) === 0) return STATUS_ACCESS_DENIED;
  const { file } = open;
  const stat = yield* wait(file.stat());
  if (failed(stat)) return statusOf(stat);
  const invalid = checkBasic(change, stat);
  if (invalid !== STATUS_SUCCESS) return invalid;
  const status = yield* applyBasic(open, change, stat);
  if (status !== STATUS_SUCCESS) return status;
  open.userSetAccessTime = isUserSet(open.userSetAccessTime, change.lastAccessTime);
  open.userSetModificationTime = isUserSet(open.userSetModificationTime, change.lastWriteTime);
  open.userSetChangeTime = isUserSet(open.userSetChangeTime, change.changeTime);
  reportModified(open, changedBy(change));
  if (changesListing(change)) yield* breakParentOf(open);
  return STATUS_SUCCESS;
}

/**
 * Cuts or extends the stream.
 *
 * [MS-FSA] 2.1.5.15.4 FileEndOfFileInformation. STATUS_INVALID_PARAMETER: a directory.
 * STATUS_ACCESS_DENIED: not opened for FILE_WRITE_DATA. STATUS_DISK_FULL.
 */
export function* setEndOfFile(open: LocalOpen, size: number): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  if (open.isDirectory) return STATUS_INVALID_PARAMETER;
  if ((open.grantedAccess & FILE_WRITE_DATA) === 0) return STATUS_ACCESS_DENIED;
  if (mayDisturb(open)) yield* breakReadCaching(open);
  return yield* truncate(open, size);
}

/**
 * Reserves storage, and cuts the stream when less than its size is asked for.
 *
 * [MS-FSA] 2.1.5.15.1 FileAllocationInformation; statuses as `setEndOfFile`. Reserving moves the
 * change time and not the write time (smbtorture smb2.timestamps.modern_write_time_update).
 */
export function* setAllocation(open: LocalOpen, size: number): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  if (open.isDirectory) return STATUS_INVALID_PARAMETER;
  if ((open.grantedAccess & FILE_WRITE_DATA) === 0) return STATUS_ACCESS_DENIED;
  const current = yield* sizeOf(open);
  if (failed(current)) return statusOf(current);
  if (mayDisturb(open)) yield* breakReadCaching(open);
  if (size < current) return yield* truncate(open, size);
  const file = yield* contentFileOf(open);
  // A named stream in an attribute takes what it holds, no more.
  if (file === undefined) return STATUS_SUCCESS;
  const stat = yield* wait(file.stat());
  if (failed(stat)) return statusOf(stat);
  if (size < stat.allocated) {
    // Gives back what was reserved beyond the end.
    const cut = yield* wait(file.truncate(stat.size));
    if (failed(cut)) return statusOf(cut);
  }
  if (size > stat.size) {
    const reserved = yield* reserveStorage(file, size);
    if (reserved !== STATUS_SUCCESS) return reserved;
  }
  const kept = yield* wait(file.setTimes(undefined, stat.modifyTimeNs));
  if (failed(kept)) return statusOf(kept);
  yield* breakParentOf(open);
  return STATUS_SUCCESS;
}

/**
 * Marks the file, or the named stream, as to be deleted when its last open closes, or not.
 *
 * [MS-FSA] 2.1.5.15.3 FileDispositionInformation and FileDispositionInformationEx.
 * STATUS_ACCESS_DENIED: not opened for DELETE, or the root. STATUS_CANNOT_DELETE: the READONLY
 * attribute is set. STATUS_DIRECTORY_NOT_EMPTY. STATUS_FILE_DELETED: the name is gone.
 * STATUS_INSUFFICIENT_RESOURCES: an open of the file outlives the server, and the store takes
 * nothing. New opens fail with STATUS_DELETE_PENDING.
 */
export function* setDisposition(open: LocalOpen, change: DispositionChange): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  if ((open.grantedAccess & DELETE) === 0) return STATUS_ACCESS_DENIED;
  const { openId, streamName } = open;
  if (yield* isLinkGone(open)) return STATUS_FILE_DELETED;
  if (change.delete) {
    const refused = yield* checkDelete(open, change.ignoreReadOnly === true);
    if (refused !== STATUS_SUCCESS) return refused;
    const broken = yield* breakHandleCaching(open, change.cancel);
    if (broken !== STATUS_SUCCESS) return broken;
    if (open.closed) return STATUS_FILE_CLOSED;
  }
  const disposition = {
    openId,
    streamName,
    credentials: open.security.credentials,
    parentOplockKey: open.parentOplockKey,
    isDeleted: change.delete,
    isPosix: change.posixSemantics === true,
    isOnClose: change.onClose === true,
  };
  const status = yield* decide(open, disposition);
  yield* endIfDeletePending(open);
  return status;
}

/** What the store does not take is not so: a file is deleted, or stays, after a restart, too. */
function* decide(open: LocalOpen, disposition: Disposition): Task<NtStatus> {
  const { volume, fileKey } = open;
  let before: FileRecord | undefined;
  const status = yield* wait(
    volume.files.update(fileKey, (current) => {
      before = current;
      return decideDisposition(current, disposition);
    }),
  );
  const isKept = before?.opens.some(isPersistent) === true;
  if (status !== STATUS_SUCCESS || !isKept || isStored(open)) return status;
  yield* wait(
    volume.files.update(fileKey, (current) => decideUndisposed(current, before, disposition)),
  );
  return STATUS_INSUFFICIENT_RESOURCES;
}

/**
 * Keeps a position for whoever asks.
 *
 * [MS-FSA] 2.1.5.15.9 FilePositionInformation. STATUS_INVALID_PARAMETER: below 0, or within a
 * sector of an open that is not buffered.
 */
export function* setPosition(open: LocalOpen, position: bigint): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  const isUnbuffered = (open.mode & FILE_NO_INTERMEDIATE_BUFFERING) !== 0;
  if (position < 0n || (isUnbuffered && position % SECTOR !== 0n)) return STATUS_INVALID_PARAMETER;
  open.position = position;
  return STATUS_SUCCESS;
}

/**
 * [MS-FSA] 2.1.5.15.7 FileModeInformation. STATUS_INVALID_PARAMETER: a bit that is no mode, or an
 * open that is synchronous is none then, or the other way round.
 */
export function* setMode(open: LocalOpen, mode: number): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  const synchronous = mode & BOTH_SYNCHRONOUS;
  if ((mode & ~SETTABLE_MODE) !== 0 || synchronous === BOTH_SYNCHRONOUS) {
    return STATUS_INVALID_PARAMETER;
  }
  const wasSynchronous = (open.mode & BOTH_SYNCHRONOUS) !== 0;
  if (wasSynchronous !== (synchronous !== 0)) return STATUS_INVALID_PARAMETER;
  const isUnbuffered = (open.mode & FILE_NO_INTERMEDIATE_BUFFERING) !== 0;
  const settable = isUnbuffered ? SETTABLE_MODE & ~FILE_WRITE_THROUGH : SETTABLE_MODE;
  open.mode = (open.mode & ~settable) | (mode & settable);
  return STATUS_SUCCESS;
}

const SECTOR = BigInt(SECTOR_SIZE);

const BOTH_SYNCHRONOUS = FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT;
const SETTABLE_MODE = FILE_WRITE_THROUGH | FILE_SEQUENTIAL_ONLY | BOTH_SYNCHRONOUS;

function checkBasic(change: BasicChange, stat: FileStat): NtStatus {
  const times = [
    change.creationTime,
    change.lastAccessTime,
    change.lastWriteTime,
    change.changeTime,
  ];
  if (!times.every(isSettableFileTime)) return STATUS_INVALID_PARAMETER;
  const wrong = stat.type === 'directory' ? FILE_ATTRIBUTE_TEMPORARY : FILE_ATTRIBUTE_DIRECTORY;
  return (change.attributes & wrong) !== 0 ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

/** What changes is stored, and last the ChangeTime, because all the rest moves it. */
function* applyBasic(open: LocalOpen, change: BasicChange, stat: FileStat): Task<NtStatus> {
  const { file } = open;
  // A link has no place to keep attributes, nor a change time of ours.
  const isFile = open.link === undefined;
  const storesAttributes = isFile && (change.attributes !== 0 || change.creationTime > 0n);
  const accessNs = change.lastAccessTime > 0n ? nsOfFileTime(change.lastAccessTime) : undefined;
  const modifyNs = change.lastWriteTime > 0n ? nsOfFileTime(change.lastWriteTime) : undefined;
  const setsTimes = accessNs !== undefined || modifyNs !== undefined;
  const isChangeTimeSet = isUserSet(open.userSetChangeTime, change.changeTime);
  const keepsChangeTime = isFile && isChangeTimeSet && (storesAttributes || setsTimes);
  let changeTime = isFile && change.changeTime > 0n ? change.changeTime : undefined;
  let attributes = 0;
  let creationTime = 0n;
  let eaSize = 0;
  if (storesAttributes || keepsChangeTime || changeTime !== undefined) {
    const stored = storedAttributes(yield* wait(file.getXattr(DOSATTRIB_XATTR)), stat);
    attributes = nextAttributes(stored, change.attributes);
    creationTime = change.creationTime > 0n ? change.creationTime : creationTimeOf(stored, stat);
    eaSize = stored.eaSize;
    if (keepsChangeTime) changeTime ??= changeTimeOf(stored, stat);
  }
  if (storesAttributes && changeTime === undefined) {
    const status = yield* storeAttributes(file, { attributes, creationTime, eaSize });
    if (status !== STATUS_SUCCESS) return status;
  }
  if (setsTimes) {
    const set = yield* wait(file.setTimes(accessNs, modifyNs));
    if (failed(set)) return statusOf(set);
  }
  if (changeTime === undefined) return STATUS_SUCCESS;
  return yield* storeChangeTime(file, { attributes, creationTime, eaSize }, changeTime);
}

/** Attributes that are not settable (SPARSE_FILE …) stay; 0 changes nothing. */
function nextAttributes(stored: DosAttributes, attributes: number): number {
  if (attributes === 0) return stored.attributes;
  return (stored.attributes & ~STORED_ATTRIBUTES) | (attributes & STORED_ATTRIBUTES);
}

/** FILE_NOTIFY_CHANGE_* of what FileBasicInformation sets. */
function changedBy(change: BasicChange): number {
  return (
    (change.attributes !== 0 ? FILE_NOTIFY_CHANGE_ATTRIBUTES : 0) |
    (change.creationTime > 0n ? FILE_NOTIFY_CHANGE_CREATION : 0) |
    (change.lastAccessTime > 0n ? FILE_NOTIFY_CHANGE_LAST_ACCESS : 0) |
    (change.lastWriteTime > 0n ? FILE_NOTIFY_CHANGE_LAST_WRITE : 0)
  );
}

/** Whether a listing of the directory could show it: a change time, too, which no watcher hears. */
function changesListing(change: BasicChange): boolean {
  return changedBy(change) !== 0 || change.changeTime > 0n;
}

function isUserSet(current: boolean, change: bigint): boolean {
  if (change > 0n || change === FILE_TIME_FREEZE) return true;
  return change === FILE_TIME_THAW ? false : current;
}

function* truncate(open: LocalOpen, size: number): Task<NtStatus> {
  const kept = yield* timesToKeep(open);
  const cut = yield* wait((open.backing ?? open.file).truncate(size));
  if (failed(cut)) return statusOf(cut);
  if (open.closed) return STATUS_FILE_CLOSED;
  yield* settleTimes(open, kept);
  reportContent(open, FILE_NOTIFY_CHANGE_SIZE);
  yield* breakParentOf(open);
  return STATUS_SUCCESS;
}

/** Whether a file may be marked at all. */
function* checkDelete(open: LocalOpen, ignoreReadOnly: boolean): Task<NtStatus | NtError> {
  if (open.path === '' && open.streamName === '') return STATUS_ACCESS_DENIED;
  if (open.volume.options.readOnly) return STATUS_MEDIA_WRITE_PROTECTED;
  const stat = yield* wait(open.file.stat());
  if (failed(stat)) return statusOf(stat);
  const stored = storedAttributes(yield* wait(open.file.getXattr(DOSATTRIB_XATTR)), stat);
  if (!ignoreReadOnly && !open.isPosix && (stored.attributes & FILE_ATTRIBUTE_READONLY) !== 0) {
    return STATUS_CANNOT_DELETE;
  }
  if (open.isDirectory && (yield* hasEntries(open))) return STATUS_DIRECTORY_NOT_EMPTY;
  return STATUS_SUCCESS;
}

/** With a descriptor of its own: a listing that is under way does not lose its place. */
export function* hasEntries(open: LocalOpen): Task<boolean> {
  const { vfs } = open.volume;
  const { credentials } = open.security;
  const directory = yield* wait(vfs.open(credentials, open.path, { access: 'directory' }));
  // What cannot be read is left to the removal itself.
  if (failed(directory)) return false;
  const entries = yield* wait(directory.readDirectory(true));
  directory.close();
  return !failed(entries) && entries.length > 0;
}

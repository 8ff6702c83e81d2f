/**
 * [MS-FSA] 2.1.5.10 Server Requests an FsControl Request: reparse points.
 *
 * A symbolic link that a POSIX one can stand for is one on disk, so that programs of this machine
 * follow it, too (`link-target.ts`); every other reparse point is kept in an extended attribute.
 */
import { viewOf } from '../base/bytes.ts';
import { type Task, wait } from '../base/task.ts';
import { FILE_WRITE_ATTRIBUTES, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_DIRECTORY_NOT_EMPTY,
  STATUS_FILE_CLOSED,
  STATUS_FILE_DELETED,
  STATUS_INVALID_PARAMETER,
  STATUS_IO_REPARSE_DATA_INVALID,
  STATUS_IO_REPARSE_TAG_INVALID,
  STATUS_IO_REPARSE_TAG_MISMATCH,
  STATUS_NOT_A_REPARSE_POINT,
  STATUS_NOT_SUPPORTED,
  STATUS_REPARSE_ATTRIBUTE_CONFLICT,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import { FILE_ATTRIBUTE_REPARSE_POINT } from '../fscc/file-attributes.ts';
import { FILE_NOTIFY_CHANGE_ATTRIBUTES } from '../fscc/notify-filter.ts';
import {
  decodeReparseData,
  decodeSymlinkReparseData,
  encodeSymlinkReparseData,
  IO_REPARSE_TAG_SYMLINK,
  type ReparseData,
  symlinkReparseDataSize,
} from '../fscc/reparse-data.ts';
import { failed } from '../vfs/errno.ts';
import { breakParentOf } from './break-parent.ts';
import { DOSATTRIB_XATTR } from './dos-attributes.ts';
import { statusOf } from './errno-to-ntstatus.ts';
import { hasEntries } from './information.ts';
import { isLinkGone } from './link-gone.ts';
import { type LinkNames, linkDataOf, targetOfLinkData } from './link-target.ts';
import type { LocalOpen } from './local-open.ts';
import { creationTimeOf, storedAttributes } from './metadata.ts';
import { parentOf } from './names.ts';
import { reportModified } from './notify-report.ts';
import { REPARSE_XATTR } from './reparse-xattr.ts';
import { becomeFile, becomeLink } from './replace-object.ts';
import { storeAttributes } from './store-attributes.ts';
import type { ReparseOutcome } from './surface.ts';

const NO_DATA = new Uint8Array(0);
/** Tags that mean nothing, or an object that is no file. */
const RESERVED_TAGS: ReadonlySet<number> = new Set([0, 1]);

/**
 * The whole REPARSE_DATA_BUFFER.
 *
 * [MS-FSA] 2.1.5.10.15 FSCTL_GET_REPARSE_POINT. STATUS_NOT_A_REPARSE_POINT. STATUS_FILE_DELETED:
 * the symbolic link is gone.
 */
export function* getReparsePoint(open: LocalOpen): Task<ReparseOutcome> {
  if (open.closed) return { status: STATUS_FILE_CLOSED, data: NO_DATA };
  if (open.link !== undefined) {
    if (yield* isLinkGone(open)) return { status: STATUS_FILE_DELETED, data: NO_DATA };
    return yield* readLink(open);
  }
  const stat = yield* wait(open.file.stat());
  if (failed(stat)) return { status: statusOf(stat), data: NO_DATA };
  const stored = storedAttributes(yield* wait(open.file.getXattr(DOSATTRIB_XATTR)), stat);
  const data =
    (stored.attributes & FILE_ATTRIBUTE_REPARSE_POINT) === 0
      ? undefined
      : yield* wait(open.file.getXattr(REPARSE_XATTR));
  if (data === undefined || failed(data)) {
    return { status: STATUS_NOT_A_REPARSE_POINT, data: NO_DATA };
  }
  return { status: STATUS_SUCCESS, data };
}

/**
 * Makes the file or the empty directory a reparse point, or changes its data.
 *
 * [MS-FSA] 2.1.5.10.38 FSCTL_SET_REPARSE_POINT. STATUS_ACCESS_DENIED: opened for neither writing
 * nor changing attributes, or the root. STATUS_IO_REPARSE_DATA_INVALID;
 * STATUS_IO_REPARSE_TAG_INVALID. STATUS_IO_REPARSE_TAG_MISMATCH: it is one with another tag.
 * STATUS_REPARSE_ATTRIBUTE_CONFLICT: one of somebody else's. STATUS_DIRECTORY_NOT_EMPTY.
 * STATUS_FILE_DELETED: the name is gone.
 */
export function* setReparsePoint(open: LocalOpen, input: Uint8Array): Task<NtStatus> {
  const refused = yield* checkChange(open);
  if (refused !== STATUS_SUCCESS) return refused;
  const wanted = decodeReparseData(viewOf(input), 0, input.length);
  if (wanted === undefined) return STATUS_IO_REPARSE_DATA_INVALID;
  if (RESERVED_TAGS.has(wanted.tag)) return STATUS_IO_REPARSE_TAG_INVALID;
  const conflict = yield* checkPresent(open, wanted);
  if (conflict !== STATUS_SUCCESS && conflict !== STATUS_NOT_A_REPARSE_POINT) return conflict;
  if (open.isDirectory && (yield* hasEntries(open))) return STATUS_DIRECTORY_NOT_EMPTY;
  const status =
    wanted.tag === IO_REPARSE_TAG_SYMLINK
      ? yield* setSymlink(open, input)
      : yield* storeReparseData(open, input);
  if (status === STATUS_SUCCESS) yield* tellChange(open);
  return status;
}

/**
 * Makes a reparse point an ordinary file or directory again.
 *
 * [MS-FSA] 2.1.5.10.5 FSCTL_DELETE_REPARSE_POINT. STATUS_NOT_A_REPARSE_POINT;
 * STATUS_IO_REPARSE_DATA_INVALID: the input has data. Others as `setReparsePoint`.
 */
export function* deleteReparsePoint(open: LocalOpen, input: Uint8Array): Task<NtStatus> {
  const refused = yield* checkChange(open);
  if (refused !== STATUS_SUCCESS) return refused;
  const wanted = decodeReparseData(viewOf(input), 0, input.length);
  if (wanted === undefined || wanted.data.length > 0) return STATUS_IO_REPARSE_DATA_INVALID;
  const conflict = yield* checkPresent(open, wanted);
  if (conflict !== STATUS_SUCCESS) return conflict;
  const status = open.link !== undefined ? yield* becomeFile(open) : yield* removeReparseData(open);
  if (status === STATUS_SUCCESS) yield* tellChange(open);
  return status;
}

function* removeReparseData(open: LocalOpen): Task<NtStatus> {
  const removed = yield* wait(open.file.removeXattr(REPARSE_XATTR));
  if (failed(removed)) return statusOf(removed);
  return yield* setReparseAttribute(open, false);
}

function* tellChange(open: LocalOpen): Task<void> {
  reportModified(open, FILE_NOTIFY_CHANGE_ATTRIBUTES);
  yield* breakParentOf(open);
}

function* checkChange(open: LocalOpen): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  if (yield* isLinkGone(open)) return STATUS_FILE_DELETED;
  const rights = FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES;
  if ((open.grantedAccess & rights) === 0 || open.path === '') return STATUS_ACCESS_DENIED;
  return open.streamName === '' ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/** How what stands goes with what is wanted; STATUS_NOT_A_REPARSE_POINT: nothing stands. */
function* checkPresent(open: LocalOpen, wanted: ReparseData): Task<NtStatus> {
  const { status, data } = yield* getReparsePoint(open);
  if (status !== STATUS_SUCCESS) return status;
  const present = decodeReparseData(viewOf(data), 0, data.length);
  if (present === undefined) return STATUS_SUCCESS;
  if (present.tag !== wanted.tag) return STATUS_IO_REPARSE_TAG_MISMATCH;
  return present.guid === wanted.guid ? STATUS_SUCCESS : STATUS_REPARSE_ATTRIBUTE_CONFLICT;
}

function namesOf({ isPosix }: LocalOpen): LinkNames {
  return isPosix ? 'posix' : 'windows';
}

function* readLink(open: LocalOpen): Task<ReparseOutcome> {
  const { vfs } = open.volume;
  const text = yield* wait(vfs.readLink(open.security.credentials, open.path));
  if (failed(text)) return { status: statusOf(text), data: NO_DATA };
  const link = linkDataOf(text, namesOf(open));
  const data = new Uint8Array(symlinkReparseDataSize(link));
  encodeSymlinkReparseData(viewOf(data), 0, link);
  return { status: STATUS_SUCCESS, data };
}

/** A link on disk where one can stand for it, and the file be replaced by it; else beside it. */
function* setSymlink(open: LocalOpen, input: Uint8Array): Task<NtStatus> {
  const link = decodeSymlinkReparseData(viewOf(input), 0, input.length);
  if (link === undefined) return STATUS_IO_REPARSE_DATA_INVALID;
  const isDirectory = open.isDirectory || open.link?.isDirectory === true;
  const parent = parentOf(open.path);
  const target = targetOfLinkData(link, { parent, isDirectory, names: namesOf(open) });
  if (target !== undefined) {
    const status = yield* becomeLink(open, { target, isDirectory });
    if (status !== 'cannot') return status;
  }
  if (open.link !== undefined) {
    const status = yield* becomeFile(open);
    if (status !== STATUS_SUCCESS) return status;
  }
  return yield* storeReparseData(open, input);
}

function* storeReparseData(open: LocalOpen, data: Uint8Array): Task<NtStatus> {
  if (!open.volume.vfs.capabilities.xattrs) return STATUS_NOT_SUPPORTED;
  const stored = yield* wait(open.file.setXattr(REPARSE_XATTR, data));
  return failed(stored) ? statusOf(stored) : yield* setReparseAttribute(open, true);
}

function* setReparseAttribute(open: LocalOpen, isSet: boolean): Task<NtStatus> {
  const { file } = open;
  const stat = yield* wait(file.stat());
  if (failed(stat)) return statusOf(stat);
  const stored = storedAttributes(yield* wait(file.getXattr(DOSATTRIB_XATTR)), stat);
  const others = stored.attributes & ~FILE_ATTRIBUTE_REPARSE_POINT;
  const attributes = isSet ? others | FILE_ATTRIBUTE_REPARSE_POINT : others;
  return yield* storeAttributes(file, {
    ...stored,
    attributes,
    creationTime: creationTimeOf(stored, stat),
  });
}

/**
 * [MS-FSA] 2.1.5.10 Server Requests an FsControl Request: object ids, by which link tracking finds
 * files that moved. An FILE_OBJECTID_BUFFER in an extended attribute; nothing finds a file by it.
 */
import { viewOf } from '../base/bytes.ts';
import { type Task, wait } from '../base/task.ts';
import { FILE_WRITE_ATTRIBUTES, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import { SE_RESTORE_PRIVILEGE } from '../dtyp/privileges.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_FILE_CLOSED,
  STATUS_MEDIA_WRITE_PROTECTED,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECTID_NOT_FOUND,
  STATUS_SUCCESS,
  STATUS_VOLUME_NOT_UPGRADED,
} from '../erref/ntstatus.ts';
import { FILE_OPEN_FOR_BACKUP_INTENT } from '../fscc/create-parameters.ts';
import {
  decodeObjectId,
  encodeObjectId,
  OBJECT_ID_BUFFER_SIZE,
  type ObjectId,
} from '../fscc/fsctl-object-id.ts';
import { ENODATA, failed } from '../vfs/errno.ts';
import { statusOf } from './errno-to-ntstatus.ts';
import type { LocalOpen } from './local-open.ts';
import type { ObjectIdOutcome } from './surface.ts';

const OBJECT_ID_XATTR = 'user.semba.objectid';
const ID_SIZE = 16;

/**
 * [MS-FSA] 2.1.5.10.14 FSCTL_GET_OBJECT_ID. STATUS_OBJECTID_NOT_FOUND: the file has none.
 * STATUS_VOLUME_NOT_UPGRADED: the store keeps none.
 */
export function* getObjectId(open: LocalOpen): Task<ObjectIdOutcome> {
  if (open.closed) return { status: STATUS_FILE_CLOSED };
  if (!open.volume.vfs.capabilities.xattrs) return { status: STATUS_VOLUME_NOT_UPGRADED };
  const value = yield* wait(open.file.getXattr(OBJECT_ID_XATTR));
  const id = failed(value) ? undefined : decodeObjectId(viewOf(value), 0, value.length);
  return id === undefined ? { status: STATUS_OBJECTID_NOT_FOUND } : { status: 0, id };
}

/**
 * The file's id, a new one where it has none.
 *
 * [MS-FSA] 2.1.5.10.1 FSCTL_CREATE_OR_GET_OBJECT_ID. STATUS_MEDIA_WRITE_PROTECTED: it has none,
 * and the volume takes no changes. Others as `getObjectId`.
 */
export function* createOrGetObjectId(open: LocalOpen): Task<ObjectIdOutcome> {
  const present = yield* getObjectId(open);
  if (present.status !== STATUS_OBJECTID_NOT_FOUND) return present;
  const { volume } = open;
  if (volume.options.readOnly) return { status: STATUS_MEDIA_WRITE_PROTECTED };
  const objectId = volume.env.random.bytes(ID_SIZE);
  const birthVolumeId = new Uint8Array(ID_SIZE);
  viewOf(birthVolumeId).setUint32(0, volume.options.serialNumber, true);
  const id = { objectId, birthVolumeId, birthObjectId: objectId, domainId: NO_ID };
  const status = yield* store(open, id);
  return status === STATUS_SUCCESS ? { status, id } : { status };
}

/**
 * [MS-FSA] 2.1.5.10.35 FSCTL_SET_OBJECT_ID. STATUS_ACCESS_DENIED: not opened to restore a backup.
 * STATUS_OBJECT_NAME_COLLISION: the file has one already.
 */
export function* setObjectId(open: LocalOpen, id: ObjectId): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  const restores =
    (open.createOptions & FILE_OPEN_FOR_BACKUP_INTENT) !== 0 &&
    open.security.privileges.includes(SE_RESTORE_PRIVILEGE);
  if (!restores) return STATUS_ACCESS_DENIED;
  const { status } = yield* getObjectId(open);
  if (status === STATUS_SUCCESS) return STATUS_OBJECT_NAME_COLLISION;
  return status === STATUS_OBJECTID_NOT_FOUND ? yield* store(open, id) : status;
}

/**
 * Changes all but the id itself.
 *
 * [MS-FSA] 2.1.5.10.36 FSCTL_SET_OBJECT_ID_EXTENDED. STATUS_ACCESS_DENIED: opened for neither
 * writing nor changing attributes. STATUS_OBJECTID_NOT_FOUND.
 */
export function* setObjectIdExtended(open: LocalOpen, extended: ObjectId): Task<NtStatus> {
  if (!mayChange(open)) return open.closed ? STATUS_FILE_CLOSED : STATUS_ACCESS_DENIED;
  const { status, id } = yield* getObjectId(open);
  if (id === undefined) return status;
  return yield* store(open, { ...extended, objectId: id.objectId });
}

/** [MS-FSA] 2.1.5.10.3 FSCTL_DELETE_OBJECT_ID: succeeds where there is none. */
export function* deleteObjectId(open: LocalOpen): Task<NtStatus> {
  if (!mayChange(open)) return open.closed ? STATUS_FILE_CLOSED : STATUS_ACCESS_DENIED;
  if (!open.volume.vfs.capabilities.xattrs) return STATUS_VOLUME_NOT_UPGRADED;
  const removed = yield* wait(open.file.removeXattr(OBJECT_ID_XATTR));
  return failed(removed) && removed !== ENODATA ? statusOf(removed) : STATUS_SUCCESS;
}

const NO_ID = new Uint8Array(ID_SIZE);

function mayChange(open: LocalOpen): boolean {
  return !open.closed && (open.grantedAccess & (FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES)) !== 0;
}

function* store(open: LocalOpen, id: ObjectId): Task<NtStatus> {
  const value = new Uint8Array(OBJECT_ID_BUFFER_SIZE);
  encodeObjectId(viewOf(value), 0, id);
  const stored = yield* wait(open.file.setXattr(OBJECT_ID_XATTR, value));
  return failed(stored) ? statusOf(stored) : STATUS_SUCCESS;
}

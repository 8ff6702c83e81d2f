/** [MS-FSA] 2.1.5.1.1 Creation of a New File. */
import { type Task, taskOf, wait } from '../base/task.ts';
import {
  ACCESS_SYSTEM_SECURITY,
  FILE_ADD_FILE,
  FILE_ADD_SUBDIRECTORY,
  FILE_ALL_ACCESS,
} from '../dtyp/access-mask.ts';
import { createSecurityDescriptor } from '../dtyp/inherit.ts';
import { SE_SECURITY_PRIVILEGE } from '../dtyp/privileges.ts';
import type { SecurityDescriptor } from '../dtyp/security-descriptor.ts';
import { unixGroupSid, unixUserSid } from '../dtyp/sid.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_CANNOT_DELETE,
  STATUS_DELETE_PENDING,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_PRIVILEGE_NOT_HELD,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import { FILE_CREATED, FILE_DELETE_ON_CLOSE } from '../fscc/create-parameters.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_READONLY,
  FILE_ATTRIBUTE_TEMPORARY,
} from '../fscc/file-attributes.ts';
import { EEXIST, ENOENT, ENOTDIR, type Errno, failed } from '../vfs/errno.ts';
import type { FileStat, VfsFile } from '../vfs/vfs.ts';
import { type DirectoryRights, directoryRights, tokenOf } from './access.ts';
import { appleBacking } from './apple-streams.ts';
import { breakDirectory } from './break-parent.ts';
import { abandonOpen } from './close.ts';
import { storeEaSize, storeEas } from './ea-store.ts';
import { enterOpen } from './enter-open.ts';
import { type NtError, statusOf } from './errno-to-ntstatus.ts';
import { fileKeyOf, pendingDeleteOf } from './file-record.ts';
import type { LocalOpen } from './local-open.ts';
import { creationTimeOf, metadataOf } from './metadata.ts';
import { lastOf } from './names.ts';
import { reportAdded, reportStreamAdded } from './notify-report.ts';
import type { OpenRequest } from './open-request.ts';
import { creationAccess } from './open-storage.ts';
import { noteIdentity } from './persistent-open.ts';
import { withPosix } from './posix.ts';
import { reserveStorage } from './reserve-storage.ts';
import { setModeByDescriptor } from './security.ts';
import { checkCreatorDescriptor } from './security-rights.ts';
import { storeAttributes } from './store-attributes.ts';
import { putDescriptor } from './stored-security.ts';
import { createStream, NamedStream, streamXattr } from './stream-backing.ts';
import type { OpenOutcome } from './surface.ts';

/** Where something is to be made: the resolver found the directory, not the name. */
export interface NewPlace {
  readonly path: string;
  readonly parent: string;
}

/** Makes a file or directory and opens it; 'exists' when another was faster. */
export function* createNew(request: OpenRequest, place: NewPlace): Task<OpenOutcome | 'exists'> {
  const makesDirectory = request.mustBeDirectory;
  const invalid = checkNew(request, makesDirectory) || checkPrivileges(request);
  if (invalid !== STATUS_SUCCESS) return { status: invalid };
  const parent = yield* checkParent(request, place, makesDirectory);
  if (typeof parent === 'number') return { status: parent };
  const { makings } = request.volume;
  const getsDescriptor = parent.descriptor !== undefined || request.creatorDescriptor !== undefined;
  const making = makeAndOpen(request, place.path, parent);
  const outcome =
    makings !== undefined && getsDescriptor
      ? yield* makings.during(parent.stat, making)
      : yield* making;
  if (outcome === 'exists' || outcome.open === undefined) return outcome;
  const { open } = outcome;
  reportAdded(open.volume, open);
  if (open.streamName !== '') reportStreamAdded(open, open.streamName);
  yield* breakDirectory(open.volume, fileKeyOf(parent.stat), open.parentOplockKey);
  return outcome;
}

/** What is made has everything that it is to have, or is gone again. */
function* makeAndOpen(
  request: OpenRequest,
  path: string,
  parent: DirectoryRights,
): Task<OpenOutcome | 'exists'> {
  const makesDirectory = request.mustBeDirectory;
  const file = yield* make(request, path, makesDirectory);
  if (file === EEXIST) return 'exists';
  if (failed(file)) return { status: statusOf(file) };
  const { forceCreateMode, forceDirectoryMode } = request.volume.options;
  const isSettled = request.posix === undefined && (forceCreateMode | forceDirectoryMode) === 0;
  const stat = isSettled ? yield* wait(file.stat()) : yield* settleMode(request, file);
  if (failed(stat)) {
    file.close();
    return { status: statusOf(stat) };
  }
  const { maximalAccess } = request.security;
  const granted = request.desired | (request.maximum ? FILE_ALL_ACCESS & maximalAccess : 0);
  const entrance = {
    file,
    fileKey: fileKeyOf(stat),
    path,
    isDirectory: makesDirectory,
    granted,
    implied: 0,
    streamName: request.name.streamName,
    isNew: true,
    fileSize: 0,
  };
  const open = yield* taskOf(enterOpen(request, entrance));
  if (open === 'again' || typeof open === 'number') {
    file.close();
    return open === 'again' ? 'exists' : { status: open };
  }
  const outcome = yield* finish(request, open, stat, parent);
  if (outcome.status !== STATUS_SUCCESS) {
    yield* unmake(open);
    yield* abandonOpen(open);
  }
  return outcome;
}

/** 2.1.5.1.1: the checks of the parameters. */
function checkNew(request: OpenRequest, isDirectory: boolean): NtStatus {
  if (isDirectory && (request.attributes & FILE_ATTRIBUTE_TEMPORARY) !== 0) {
    return STATUS_INVALID_PARAMETER;
  }
  const deletes = (request.options & FILE_DELETE_ON_CLOSE) !== 0;
  const isReadOnly = (request.attributes & FILE_ATTRIBUTE_READONLY) !== 0;
  return deletes && isReadOnly ? STATUS_CANNOT_DELETE : STATUS_SUCCESS;
}

/** A new file's creator gets all it asks for, short of what takes a privilege. */
function checkPrivileges(request: OpenRequest): NtStatus {
  const token = tokenOf(request.security);
  const audits = (request.desired & ACCESS_SYSTEM_SECURITY) !== 0;
  if (audits && !token.privileges.has(SE_SECURITY_PRIVILEGE)) return STATUS_PRIVILEGE_NOT_HELD;
  return checkCreatorDescriptor(token, request.creatorDescriptor);
}

/** The directory has to stand, to stay, and to let the caller add to it. */
function* checkParent(
  request: OpenRequest,
  place: NewPlace,
  makesDirectory: boolean,
): Task<DirectoryRights | NtError> {
  const { volume, security } = request;
  const right = makesDirectory ? FILE_ADD_SUBDIRECTORY : FILE_ADD_FILE;
  if ((security.maximalAccess & right) === 0) return STATUS_ACCESS_DENIED;
  const parent = yield* directoryRights(volume, security, place.parent, request.options);
  if (parent === undefined) {
    const stat = yield* wait(volume.vfs.stat(security.credentials, place.parent));
    // Who may not look there is not told what is not there, either.
    const isGone = !failed(stat) || stat === ENOENT || stat === ENOTDIR;
    return isGone ? STATUS_OBJECT_PATH_NOT_FOUND : statusOf(stat);
  }
  // Without a stored descriptor the store itself checks, ACLs included.
  if (parent.descriptor !== undefined && (parent.allowed & right) === 0) {
    return STATUS_ACCESS_DENIED;
  }
  const record = yield* wait(volume.files.get(fileKeyOf(parent.stat)));
  const link = { volumeId: volume.id, path: place.parent, streamKey: '' };
  if (record !== undefined && pendingDeleteOf(record, link) !== undefined) {
    return STATUS_DELETE_PENDING;
  }
  return parent;
}

function* make(request: OpenRequest, path: string, makesDirectory: boolean): Task<VfsFile | Errno> {
  const { vfs, options } = request.volume;
  const { credentials } = request.security;
  if (!makesDirectory) {
    return yield* wait(
      vfs.open(credentials, path, {
        access: creationAccess(request),
        createExclusive: true,
        mode: modeToMake(request, options.createMask),
      }),
    );
  }
  const mode = modeToMake(request, options.directoryMask);
  const made = yield* wait(vfs.makeDirectory(credentials, path, mode));
  if (failed(made)) return made;
  return yield* wait(vfs.open(credentials, path, { access: 'directory' }));
}

/** A descriptor that becomes the mode right after may give others less than the share's mask. */
function modeToMake({ posix, volume, creatorDescriptor }: OpenRequest, mask: number): number {
  if (posix?.mode !== undefined) return posix.mode;
  const narrows = volume.options.access === 'posix' && creatorDescriptor?.dacl !== undefined;
  return narrows ? mask & OWNER_MODE : mask;
}

/**
 * The mode that POSIX clients ask for is theirs, and the bits that the share forces are there,
 * whatever the server's own umask.
 */
function* settleMode(request: OpenRequest, file: VfsFile): Task<FileStat | Errno> {
  const stat = yield* wait(file.stat());
  if (failed(stat)) return stat;
  const { forceCreateMode, forceDirectoryMode } = request.volume.options;
  const isDirectory = stat.type === 'directory';
  const mode = request.posix?.mode ?? stat.mode;
  // A directory takes its set-group-id from the one above it.
  const kept = isDirectory ? (stat.mode & SET_GROUP_ID) | forceDirectoryMode : forceCreateMode;
  const wanted = mode | kept;
  if (stat.mode === wanted) return stat;
  const set = yield* wait(file.setMode(wanted));
  return failed(set) ? set : yield* wait(file.stat());
}

const SET_GROUP_ID = 0o2000;
const OWNER_MODE = 0o700;

/** Takes back what could not be finished. */
function* unmake(open: LocalOpen): Task<void> {
  const { vfs } = open.volume;
  const { credentials } = open.security;
  if (open.isDirectory) yield* wait(vfs.removeDirectory(credentials, open.path));
  else yield* wait(vfs.unlink(credentials, open.path));
}

function* finish(
  request: OpenRequest,
  open: LocalOpen,
  created: FileStat,
  parent: DirectoryRights,
): Task<OpenOutcome> {
  const { volume, file, isDirectory } = open;
  const attributes = request.attributes | (isDirectory ? 0 : FILE_ATTRIBUTE_ARCHIVE);
  // What a file without the attribute has anyway is not stored (`storedAttributes`).
  const isDefault = attributes === (isDirectory ? 0 : FILE_ATTRIBUTE_ARCHIVE);
  if (!isDefault || created.birthTimeNs === undefined) {
    const creationTime = creationTimeOf(NOTHING_STORED, created);
    const set = yield* storeAttributes(file, { attributes, creationTime, eaSize: 0 });
    if (set !== STATUS_SUCCESS) return { status: set };
  }
  const secured = yield* storeDescriptor(request, open, created, parent.descriptor);
  if (secured !== STATUS_SUCCESS) return { status: secured };
  const added = yield* storeEas(volume, file, request.eas);
  if (added !== STATUS_SUCCESS) return { status: added };
  if (request.eas.length > 0) yield* storeEaSize(file);
  let stat = created;
  let streamSize: number | undefined;
  if (open.streamName !== '') {
    const made = yield* wait(createStream(file, open.streamName));
    if (failed(made)) return { status: statusOf(made) };
    const at = { path: open.path, xattr: streamXattr(open.streamName) };
    const backing = appleBacking(open, new NamedStream(volume.streams, file, at));
    open.backing = backing;
    const size = yield* wait(backing.size());
    if (failed(size)) return { status: statusOf(size) };
    streamSize = size;
  } else if (request.allocationSize > 0 && !isDirectory) {
    const status = yield* reserve(request, open);
    if (status !== STATUS_SUCCESS) return { status };
    const now = yield* wait(file.stat());
    if (!failed(now)) stat = now;
  }
  noteIdentity(open, stat);
  const metadata = metadataOf(
    volume.options,
    stat,
    { attributes, creationTime: undefined, changeMark: undefined, eaSize: 0 },
    {
      name: lastOf(open.path),
      deletePending: false,
      streamSize,
      eaSize: 0,
    },
  );
  return {
    status: 0,
    open,
    createAction: FILE_CREATED,
    metadata: yield* withPosix(open, metadata, stat),
  };
}

const NOTHING_STORED = { attributes: 0, creationTime: undefined, changeMark: undefined, eaSize: 0 };

/** An open that may not write has a descriptor that cannot reserve: then nothing is reserved. */
function* reserve(request: OpenRequest, open: LocalOpen): Task<NtStatus> {
  if (creationAccess(request) !== 'readwrite') return STATUS_SUCCESS;
  return yield* reserveStorage(open.file, request.allocationSize);
}

/**
 * [MS-FSA] 2.1.5.1.1: the descriptor that the creator gave, or what the directory's stored one
 * hands down. Under a directory that has none, POSIX permissions go on to rule.
 */
function* storeDescriptor(
  request: OpenRequest,
  open: LocalOpen,
  created: FileStat,
  parent: SecurityDescriptor | undefined,
): Task<NtStatus> {
  const creator = request.creatorDescriptor;
  if (parent === undefined && creator === undefined) return STATUS_SUCCESS;
  if (open.volume.options.access === 'posix') {
    return creator?.dacl === undefined
      ? STATUS_SUCCESS
      : yield* setModeByDescriptor(open, created, creator);
  }
  const { credentials } = request.security;
  const descriptor = createSecurityDescriptor({
    parent,
    creator,
    isDirectory: open.isDirectory,
    owner: unixUserSid(credentials.uid),
    group: unixGroupSid(credentials.gid),
  });
  const stored = yield* putDescriptor(open.volume, open.file, created, descriptor);
  return failed(stored) ? statusOf(stored) : STATUS_SUCCESS;
}

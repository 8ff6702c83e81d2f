import { type Task, wait } from '../base/task.ts';
import {
  DELETE,
  FILE_ADD_FILE,
  FILE_ADD_SUBDIRECTORY,
  FILE_WRITE_DATA,
} from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_DELETE_PENDING,
  STATUS_FILE_CLOSED,
  STATUS_FILE_DELETED,
  STATUS_FILE_IS_A_DIRECTORY,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SAME_DEVICE,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import { FILE_ATTRIBUTE_READONLY } from '../fscc/file-attributes.ts';
import { failed } from '../vfs/errno.ts';
import type { FileStat } from '../vfs/vfs.ts';
import { checkAccess, directoryRights } from './access.ts';
import { breakHandleCaching, breakHandlesBelow } from './break-caching.ts';
import { breakParent } from './break-parent.ts';
import { decideDirectoryChange } from './decide-open.ts';
import {
  decideMovedBelow,
  decideRenamed,
  holdsName,
  type Link,
  mayRename,
  opensBelow,
  pathMovedBelow,
} from './decide-rename.ts';
import { decideUnlinked } from './decide-unlinked.ts';
import { DOSATTRIB_XATTR } from './dos-attributes.ts';
import { type NtError, statusOf } from './errno-to-ntstatus.ts';
import { type FileRecord, fileKeyOf, isUnlinked, pendingDeleteOf } from './file-record.ts';
import type { LocalOpen } from './local-open.ts';
import { storedAttributes } from './metadata.ts';
import { joinPath, lastOf, parentOf, parseName, parsePosixName } from './names.ts';
import { reportAdded, reportRemoved, reportRenamed } from './notify-report.ts';
import { renameStream } from './rename-stream.ts';
import { descriptorOf, getSecurity, statToJudge } from './stored-security.ts';
import { storedIds } from './stream-backing.ts';
import type { CancelSignal, NewName } from './surface.ts';
import type { Volume } from './volume.ts';
import { followLink } from './volume-peers.ts';

/**
 * Gives a file, a directory or (':name') a named stream a new name.
 *
 * [MS-FSA] 2.1.5.15.11 FileRenameInformation. All opens of the old name follow.
 * STATUS_ACCESS_DENIED: not opened for DELETE; the root; something is open below a directory, or a
 * stream of a file; the target is a directory, read-only or open. STATUS_OBJECT_NAME_COLLISION: the
 * target stands and must not be replaced. STATUS_FILE_DELETED: the old name is gone.
 * STATUS_SHARING_VIOLATION: an open of the target's
 * directory does not admit it. STATUS_OBJECT_PATH_NOT_FOUND, STATUS_OBJECT_NAME_INVALID: as in an
 * open. STATUS_NOT_SAME_DEVICE: the directory is on another file system.
 */
export function* renameFile(open: LocalOpen, target: NewName): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  if ((open.grantedAccess & DELETE) === 0) return STATUS_ACCESS_DENIED;
  if (target.newName.startsWith(':') && !open.isPosix) return yield* renameStream(open, target);
  // Windows: a stream cannot leave its file (smbtorture smb2.streams.rename2).
  if (open.streamName !== '') return STATUS_SHARING_VIOLATION;
  if (open.volume.isSnapshot) return STATUS_NOT_SAME_DEVICE;
  if (open.path === '') return STATUS_ACCESS_DENIED;
  const { volume } = open;
  if (open.isDirectory) {
    const below = yield* breakHandlesBelow(open, target.cancel);
    if (below !== STATUS_SUCCESS) return below;
    if (open.closed) return STATUS_FILE_CLOSED;
  }
  const broken = yield* breakHandleCaching(open, target.cancel);
  if (broken !== STATUS_SUCCESS) return broken;
  if (open.closed) return STATUS_FILE_CLOSED;
  const { openId } = open;
  const own = mayRename(yield* wait(volume.files.get(open.fileKey)), {
    openId,
    volumeId: volume.id,
    path: open.path,
  });
  if (own !== STATUS_SUCCESS) return own;
  const place = yield* findPlace(open, target);
  if (typeof place === 'number') return place;
  if (place.path === open.path) return STATUS_SUCCESS;
  // Finding the place may have waited for its holder.
  if (open.closed) return STATUS_FILE_CLOSED;
  const link = { volumeId: volume.id, path: open.path };
  const { credentials } = open.security;
  const replace = place.replaced !== undefined;
  const renamed = isOwnLink(open, place)
    ? yield* wait(volume.vfs.unlink(credentials, open.path))
    : yield* wait(volume.vfs.rename(credentials, open.path, place.path, { replace }));
  if (failed(renamed)) return statusOf(renamed);
  if (place.replaced !== undefined && !isOwnLink(open, place)) {
    yield* forgetReplaced(volume, place.path, place.replaced);
  }
  yield* wait(
    volume.files.update(open.fileKey, (current) => decideRenamed(current, link, place.path)),
  );
  // Opens of a name that is gone take no harm: their path is not looked at.
  const { fileKey } = open;
  followLink(volume, fileKey, link.path, place.path);
  open.isNameNew = true;
  const [from, to] = [link.path, place.path];
  volume.peers?.tell(volume.id, { kind: 'renamed', fileKey, from, to });
  if (open.isDirectory && open.isPosix) yield* moveBelow(volume, link, place.path);
  volume.tunnel?.remember(link.path);
  const names = { from: link.path, to: place.path, isDirectory: open.isDirectory };
  reportRenamed(volume, names, replace && !isOwnLink(open, place));
  yield* breakParents(open, link.path, place.path);
  return STATUS_SUCCESS;
}

/**
 * Gives a file one more name.
 *
 * [MS-FSA] 2.1.5.15.6 FileLinkInformation. STATUS_FILE_IS_A_DIRECTORY: directories have one name.
 * STATUS_INVALID_PARAMETER: a named stream. STATUS_DELETE_PENDING, STATUS_FILE_DELETED: the name
 * goes, or is gone. STATUS_NOT_SUPPORTED: the store has no hard links.
 * Others as `renameFile`.
 */
export function* linkFile(open: LocalOpen, target: NewName): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  if (open.isDirectory) return STATUS_FILE_IS_A_DIRECTORY;
  if (open.streamName !== '') return STATUS_INVALID_PARAMETER;
  const { volume } = open;
  if (volume.isSnapshot) return STATUS_NOT_SAME_DEVICE;
  if (!volume.vfs.capabilities.hardLinks) return STATUS_NOT_SUPPORTED;
  const record = yield* wait(volume.files.get(open.fileKey));
  if (isUnlinked(record, open.openId)) return STATUS_FILE_DELETED;
  const link = { volumeId: volume.id, path: open.path, streamKey: '' };
  if (record !== undefined && pendingDeleteOf(record, link) !== undefined) {
    return STATUS_DELETE_PENDING;
  }
  const place = yield* findPlace(open, target);
  if (typeof place === 'number') return place;
  // A name that leads to this very file is the link that is asked for.
  if (place.path === open.path || isOwnLink(open, place)) return STATUS_SUCCESS;
  const { credentials } = open.security;
  if (place.replaced !== undefined) {
    const removed = yield* wait(volume.vfs.unlink(credentials, place.path));
    if (failed(removed)) return statusOf(removed);
    yield* forgetReplaced(volume, place.path, place.replaced);
    reportRemoved(volume, { path: place.path, isDirectory: false });
  }
  const linked = yield* wait(volume.vfs.link(credentials, open.path, place.path));
  if (failed(linked)) return statusOf(linked);
  reportAdded(volume, { path: place.path, isDirectory: false });
  const { parentOplockKey } = open;
  yield* breakParent({ volume, path: place.path, credentials, parentOplockKey });
  return STATUS_SUCCESS;
}

/** Who has a replaced file open keeps it with its streams, without a name. */
function* forgetReplaced(volume: Volume, path: string, { stat, stored }: Replaced): Task<void> {
  const link = { volumeId: volume.id, path, isLast: stat.links <= 1 };
  const isHeld = yield* wait(
    volume.files.update(fileKeyOf(stat), (current) => decideUnlinked(current, link)),
  );
  if (isHeld) return;
  for (const id of stored) yield* volume.streams.remove(id);
}

/** Both directories of a rename list something else now; mostly they are one. */
function* breakParents(open: LocalOpen, from: string, to: string): Task<void> {
  const { volume, parentOplockKey } = open;
  const { credentials } = open.security;
  yield* breakParent({ volume, path: from, credentials, parentOplockKey });
  if (parentOf(from) === parentOf(to)) return;
  yield* breakParent({ volume, path: to, credentials, parentOplockKey });
}

/** Opens that keep to POSIX stay open below a directory that moves. */
function* moveBelow(volume: Volume, directory: Link, path: string): Task<void> {
  const below = opensBelow(yield* wait(volume.files.scan('')), directory);
  for (const fileKey of new Set(below.map((open) => open.fileKey))) {
    yield* wait(
      volume.files.update(fileKey, (current) => decideMovedBelow(current, directory, path)),
    );
    for (const open of volume.opens.ofFile(fileKey)) {
      if (open.volume !== volume) continue;
      open.path = pathMovedBelow(open.path, directory.path, path) ?? open.path;
    }
  }
  volume.peers?.tell(volume.id, { kind: 'moved-below', from: directory.path, to: path });
}

/** Where a file goes, and what it replaces there. */
interface Place {
  readonly path: string;
  readonly replaced: Replaced | undefined;
}

/** A file that loses its name, and what the side store has of it if that is the last one. */
interface Replaced {
  readonly stat: FileStat;
  readonly stored: readonly string[];
}

const NO_IDS: readonly string[] = [];

/** 2.1.5.15.11: finds the target and asks everybody who has a say. */
function* findPlace(open: LocalOpen, target: NewName): Task<Place | NtError> {
  const { volume, security } = open;
  const parse = open.isPosix ? parsePosixName : parseName;
  const name = parse(target.newName, volume.options);
  if (typeof name === 'number') return name;
  if (name.streamName !== '' || name.isData || name.path === '') return STATUS_OBJECT_NAME_INVALID;
  if (name.isDirectory && !open.isDirectory) return STATUS_OBJECT_NAME_INVALID;
  const names = open.isPosix ? volume.exactNames : volume.names;
  const found = yield* names.resolve(security.credentials, name.path);
  if (found.kind === 'failed') return statusOf(found.errno);
  if (found.kind === 'path-missing') return STATUS_OBJECT_PATH_NOT_FOUND;
  const directory = parentOf(found.path);
  const admitted = yield* checkDirectory(open, directory, target.cancel);
  if (admitted !== STATUS_SUCCESS) return admitted;
  if (found.kind === 'name-missing') return { path: found.path, replaced: undefined };
  // The same name in another case: only its spelling changes.
  if (found.path === open.path) {
    return { path: joinPath(directory, lastOf(name.path)), replaced: undefined };
  }
  if (!target.replaceIfExists) return STATUS_OBJECT_NAME_COLLISION;
  const replaced = yield* checkReplace(open, found.path, target.cancel);
  return typeof replaced === 'number' ? replaced : { path: found.path, replaced };
}

/**
 * The directory has to stay, and to let the caller add to it. Who keeps it open in a cache only is
 * asked to close it when that open does not share (smbtorture smb2.dirlease.rename_dst_parent).
 */
function* checkDirectory(
  open: LocalOpen,
  path: string,
  cancel: CancelSignal | undefined,
): Task<NtStatus> {
  const { volume, security } = open;
  const right = open.isDirectory ? FILE_ADD_SUBDIRECTORY : FILE_ADD_FILE;
  if ((security.maximalAccess & FILE_WRITE_DATA) === 0) return STATUS_ACCESS_DENIED;
  const rights = yield* directoryRights(volume, security, path);
  if (rights === undefined) return STATUS_OBJECT_PATH_NOT_FOUND;
  if (rights.descriptor !== undefined && (rights.allowed & right) === 0) {
    return STATUS_ACCESS_DENIED;
  }
  const fileKey = fileKeyOf(rights.stat);
  const link = { volumeId: volume.id, path };
  const admitted = mayChange(yield* wait(volume.files.get(fileKey)), link);
  if (admitted !== STATUS_SHARING_VIOLATION) return admitted;
  const holders = { volume, fileKey, oplockKey: '', streamKey: '' };
  const broken = yield* breakHandleCaching(holders, cancel);
  if (broken !== STATUS_SUCCESS) return broken;
  return mayChange(yield* wait(volume.files.get(fileKey)), link);
}

function mayChange(directory: FileRecord | undefined, link: Link): NtStatus {
  if (directory === undefined) return STATUS_SUCCESS;
  if (pendingDeleteOf(directory, { ...link, streamKey: '' }) !== undefined) {
    return STATUS_DELETE_PENDING;
  }
  return decideDirectoryChange(directory);
}

/** A file may be replaced when it could be deleted now. */
function* checkReplace(
  open: LocalOpen,
  path: string,
  cancel: CancelSignal | undefined,
): Task<Replaced | NtError> {
  const { volume, security } = open;
  const { credentials } = security;
  const options = { access: 'metadata', noFollow: open.isPosix } as const;
  const file = yield* wait(volume.vfs.open(credentials, path, options));
  if (failed(file)) return statusOf(file);
  const stat = yield* statToJudge(volume, file, yield* wait(file.stat()));
  const value = yield* wait(file.getXattr(DOSATTRIB_XATTR));
  const isLast = !failed(stat) && stat.links === 1;
  const stored = isLast ? yield* storedIds(volume.streams, file) : NO_IDS;
  const acl = yield* wait(getSecurity(volume, file));
  const descriptor = failed(stat)
    ? undefined
    : yield* descriptorOf(volume, { source: file, stat, path, value: acl });
  file.close();
  if (failed(stat)) return statusOf(stat);
  if (fileKeyOf(stat) === open.fileKey) return { stat, stored: NO_IDS };
  if (open.isDirectory || stat.type === 'directory') return STATUS_ACCESS_DENIED;
  const { attributes } = storedAttributes(value, stat);
  if ((attributes & FILE_ATTRIBUTE_READONLY) !== 0 && !open.isPosix) return STATUS_ACCESS_DENIED;
  const fileKey = fileKeyOf(stat);
  if ((yield* wait(volume.files.get(fileKey))) !== undefined) {
    const replaced = { volume, fileKey, oplockKey: open.oplockKey, streamKey: '' };
    const broken = yield* breakHandleCaching(replaced, cancel);
    if (broken !== STATUS_SUCCESS) return broken;
    if (holdsName(yield* wait(volume.files.get(fileKey)))) return STATUS_ACCESS_DENIED;
  }
  const access = yield* checkAccess(
    { volume, security, path, stat, descriptor, attributes, createOptions: 0, opened: 'metadata' },
    { desired: DELETE, implied: 0, maximum: false },
  );
  return typeof access === 'number' ? access : { stat, stored };
}

/** rename(2) does nothing between two names of one file: then the old one just goes. */
function isOwnLink(open: LocalOpen, { replaced }: Place): boolean {
  return replaced !== undefined && fileKeyOf(replaced.stat) === open.fileKey;
}

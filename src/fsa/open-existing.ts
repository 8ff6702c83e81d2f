/** [MS-FSA] 2.1.5.1.2 Open of an Existing File, and of the streams in it. */
import { type Task, wait } from '../base/task.ts';
import { FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_CANNOT_DELETE,
  STATUS_FILE_IS_A_DIRECTORY,
  STATUS_NOT_A_DIRECTORY,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_STOPPED_ON_SYMLINK,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import {
  FILE_CREATED,
  FILE_DELETE_ON_CLOSE,
  FILE_OPENED,
  FILE_OVERWRITTEN,
  FILE_SUPERSEDE,
  FILE_SUPERSEDED,
} from '../fscc/create-parameters.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_READONLY,
  FILE_ATTRIBUTE_REPARSE_POINT,
  FILE_ATTRIBUTE_SYSTEM,
} from '../fscc/file-attributes.ts';
import { ENODATA, type Errno, failed } from '../vfs/errno.ts';
import type { FileStat } from '../vfs/vfs.ts';
import { checkAccess } from './access.ts';
import { appleBacking, isStanding } from './apple-streams.ts';
import { breakParentOf } from './break-parent.ts';
import { abandonOpen } from './close.ts';
import { DOSATTRIB_XATTR, type DosAttributes } from './dos-attributes.ts';
import { removeAllEas, storeEaSize, storeEas } from './ea-store.ts';
import { enterOpen } from './enter-open.ts';
import { type NtError, statusOf } from './errno-to-ntstatus.ts';
import { fileKeyOf } from './file-record.ts';
import { isDirectoryTarget } from './link-target.ts';
import type { LocalOpen, OpenedLink } from './local-open.ts';
import { creationTimeOf, metadataOf, storedAttributes } from './metadata.ts';
import { lastOf } from './names.ts';
import { reportOverwritten, reportStreamAdded } from './notify-report.ts';
import { type OpenRequest, refusesExisting } from './open-request.ts';
import type { Opened } from './open-storage.ts';
import { noteIdentity } from './persistent-open.ts';
import { withPosix } from './posix.ts';
import { isReparsePoint, REPARSE_XATTR, reparseTag } from './reparse-xattr.ts';
import { reserveStorage } from './reserve-storage.ts';
import { stoppedOnFile } from './stopped-on-link.ts';
import { storeAttributes } from './store-attributes.ts';
import { descriptorOf, getSecurity, statToJudge } from './stored-security.ts';
import {
  createStream,
  findStream,
  NamedStream,
  removeStreams,
  streamOfXattr,
  streamXattr,
} from './stream-backing.ts';
import { isOfStore } from './stream-store.ts';
import type { OpenOutcome } from './surface.ts';

/** What there is to know about the file before anything changes. */
interface Examined {
  readonly stat: FileStat;
  readonly stored: DosAttributes;
  readonly granted: number;
  readonly implied: number;
  readonly link: OpenedLink | undefined;
  /** Extended attribute of the stream to open; undefined when it has to be made, or is unnamed. */
  readonly xattr: string | undefined;
}

/** Takes `opened` over: it belongs to the open, or is closed. 'again': start over, it waited. */
export function* openExisting(
  request: OpenRequest,
  path: string,
  opened: Opened,
): Task<OpenOutcome | 'again'> {
  const { file } = opened;
  const examined = yield* examine(request, path, opened);
  if (typeof examined === 'number') {
    const outcome =
      examined === STATUS_STOPPED_ON_SYMLINK ? yield* stoppedOnFile(request, file) : undefined;
    file.close();
    return outcome ?? { status: examined };
  }
  const { stat, xattr } = examined;
  const open = yield* enterOpen(request, {
    file,
    fileKey: fileKeyOf(stat),
    path,
    isDirectory: stat.type === 'directory' && request.name.streamName === '',
    link: examined.link,
    granted: examined.granted,
    implied: examined.implied,
    streamName: xattr === undefined ? request.name.streamName : streamOfXattr(xattr)!,
    isNew: xattr === undefined && request.name.streamName !== '',
    // A stream's size is not known yet: any lock counts.
    fileSize: request.name.streamName === '' ? stat.size : Number.MAX_SAFE_INTEGER,
  });
  if (open === 'again' || typeof open === 'number') {
    file.close();
    return open === 'again' ? open : { status: open };
  }
  const outcome = yield* finish(request, open, examined);
  if (outcome.open === undefined) yield* abandonOpen(open);
  else if (outcome.createAction === FILE_CREATED) reportStreamAdded(open, open.streamName);
  else if (request.overwrites) reportOverwritten(open);
  if (outcome.open !== undefined && outcome.createAction !== FILE_OPENED) {
    yield* breakParentOf(open);
  }
  return outcome;
}

/** The checks of 2.1.5.1.2 up to the sharing check. */
function* examine(request: OpenRequest, path: string, opened: Opened): Task<Examined | NtError> {
  const { volume, security, name } = request;
  const { file } = opened;
  const found = yield* wait(file.statOpened?.() ?? file.stat());
  const stat = volume.makings === undefined ? found : yield* statToJudge(volume, file, found);
  if (failed(stat)) return statusOf(stat);
  if (yield* isOfStore(file, stat)) return STATUS_OBJECT_NAME_NOT_FOUND;
  const link = stat.type === 'symlink' ? yield* lookAtLink(request, path) : undefined;
  if (failed(link)) return statusOf(link);
  const type = checkType(request, stat, link);
  if (type !== STATUS_SUCCESS) return type;
  const stored = storedAttributes(yield* wait(file.getXattr(DOSATTRIB_XATTR, stat)), stat);
  const reparses = (stored.attributes & FILE_ATTRIBUTE_REPARSE_POINT) !== 0;
  if (reparses && !request.opensReparsePoint) return STATUS_STOPPED_ON_SYMLINK;
  const isStream = name.streamName !== '';
  const stream = isStream ? yield* findStream(volume.streams, file, name.streamName) : undefined;
  if (failed(stream) && stream !== ENODATA) return statusOf(stream);
  const isThere = !failed(stream);
  const exists = !failed(stream) && (yield* isStanding(volume, file, stream));
  if (!exists && !request.mayCreate) return STATUS_OBJECT_NAME_NOT_FOUND;
  if (exists && refusesExisting(request)) return STATUS_OBJECT_NAME_COLLISION;
  if (
    request.overwrites &&
    !isStream &&
    !matchesAttributes(stored.attributes, request.attributes)
  ) {
    return STATUS_ACCESS_DENIED;
  }
  const acl = yield* wait(getSecurity(volume, file, stat));
  // Most files have none: those pay for nothing.
  const descriptor =
    acl === ENODATA
      ? undefined
      : yield* descriptorOf(volume, { source: file, stat, path, value: acl });
  const implied = request.overwrites || !exists ? FILE_WRITE_DATA : 0;
  const access = yield* checkAccess(
    {
      volume,
      security,
      path,
      stat,
      descriptor,
      attributes: stored.attributes,
      createOptions: request.options,
      opened: opened.access,
    },
    { desired: request.desired, implied, maximum: request.maximum },
  );
  if (typeof access === 'number') return access;
  const deletes = (request.options & FILE_DELETE_ON_CLOSE) !== 0;
  if (deletes && ((stored.attributes & FILE_ATTRIBUTE_READONLY) !== 0 || path === '')) {
    return STATUS_CANNOT_DELETE;
  }
  const { granted } = access;
  return {
    stat,
    stored,
    granted,
    // What counts for nothing is taken over, not made.
    implied: request.overwrites || !isThere ? FILE_WRITE_DATA : 0,
    link,
    xattr: exists && !failed(stream) ? stream : undefined,
  };
}

/** A link that is opened itself: whether it is a directory's. */
function* lookAtLink(request: OpenRequest, path: string): Task<OpenedLink | Errno> {
  const { vfs } = request.volume;
  const { credentials } = request.security;
  const target = yield* wait(vfs.stat(credentials, path));
  if (!failed(target)) return { isDirectory: target.type === 'directory' };
  const text = yield* wait(vfs.readLink(credentials, path));
  return failed(text) ? text : { isDirectory: isDirectoryTarget(text) };
}

/** Whether the request is for a thing of this kind at all. */
function checkType(request: OpenRequest, stat: FileStat, link: OpenedLink | undefined): NtStatus {
  if (link !== undefined) {
    if (request.mustBeDirectory && !link.isDirectory) return STATUS_NOT_A_DIRECTORY;
    if (request.mustBeFile && link.isDirectory) return STATUS_FILE_IS_A_DIRECTORY;
    // There is nothing in a link that could be replaced, nor a place for a stream.
    const isPlain = request.name.streamName === '' && !request.overwrites;
    return isPlain ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
  }
  if (stat.type !== 'directory') {
    if (request.mustBeDirectory) return STATUS_NOT_A_DIRECTORY;
    return stat.type === 'file' ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
  }
  if (request.name.streamName !== '') return STATUS_SUCCESS;
  if (request.mustBeFile) return STATUS_FILE_IS_A_DIRECTORY;
  // Windows: a directory can be opened, not overwritten.
  return request.overwrites ? STATUS_OBJECT_NAME_COLLISION : STATUS_SUCCESS;
}

/** [MS-FSA] 2.1.5.1.2: who overwrites a hidden or system file must know that it is one. */
function matchesAttributes(existing: number, requested: number): boolean {
  const needed = existing & (FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM);
  return (needed & ~requested) === 0;
}

/** What the disposition does once the open stands. */
function* finish(request: OpenRequest, open: LocalOpen, examined: Examined): Task<OpenOutcome> {
  const createAction = actionOf(request, examined);
  let { stat, stored } = examined;
  let streamSize: number | undefined;
  if (open.streamName !== '') {
    const size = yield* openStream(request, open, examined);
    if (typeof size !== 'number') return size;
    streamSize = size;
  } else if (request.overwrites) {
    const status = yield* overwrite(request, open, examined);
    if (status !== STATUS_SUCCESS) return { status };
  }
  if (createAction !== FILE_OPENED) {
    const now = yield* wait(open.file.stat());
    if (failed(now)) return { status: statusOf(now) };
    stat = now;
    stored = storedAttributes(yield* wait(open.file.getXattr(DOSATTRIB_XATTR)), now);
  }
  const extras = {
    name: lastOf(open.path),
    deletePending: false,
    streamSize,
    eaSize: 0,
    reparseTag: isReparsePoint(open, stored) ? yield* reparseTag(open) : 0,
    isDirectoryLink: open.link?.isDirectory === true,
  };
  noteIdentity(open, stat);
  const metadata = metadataOf(open.volume.options, stat, stored, extras);
  return { status: 0, open, createAction, metadata: yield* withPosix(open, metadata, stat) };
}

function actionOf(request: OpenRequest, examined: Examined): number {
  if (request.name.streamName !== '' && examined.xattr === undefined) return FILE_CREATED;
  if (!request.overwrites) return FILE_OPENED;
  return request.disposition === FILE_SUPERSEDE ? FILE_SUPERSEDED : FILE_OVERWRITTEN;
}

/** Makes the named stream where it has to, empties it where asked to; its size. */
function* openStream(
  request: OpenRequest,
  open: LocalOpen,
  examined: Examined,
): Task<number | { readonly status: NtError }> {
  const { file, volume } = open;
  let { xattr } = examined;
  if (xattr === undefined) {
    // Another open may have made it since we looked, or it is there and counts for nothing.
    const again = yield* findStream(volume.streams, file, open.streamName);
    if (failed(again)) {
      const made = yield* wait(createStream(file, open.streamName));
      if (failed(made)) return { status: statusOf(made) };
    }
    xattr = failed(again) ? streamXattr(open.streamName) : again;
  }
  const stream = new NamedStream(volume.streams, file, { path: open.path, xattr });
  const backing = appleBacking(open, stream);
  open.backing = backing;
  if (request.overwrites) {
    const emptied = yield* wait(stream.truncate(0));
    if (failed(emptied)) return { status: statusOf(emptied) };
  }
  const size = yield* wait(backing.size());
  return failed(size) ? { status: statusOf(size) } : size;
}

/**
 * FILE_SUPERSEDE, FILE_OVERWRITE and FILE_OVERWRITE_IF of the unnamed stream: content, named
 * streams and EAs go, attributes are the requested ones and ARCHIVE.
 */
function* overwrite(request: OpenRequest, open: LocalOpen, examined: Examined): Task<NtStatus> {
  const { file } = open;
  const { stat, stored } = examined;
  const emptied = yield* wait(file.truncate(0));
  if (failed(emptied)) return statusOf(emptied);
  const xattrs = yield* wait(file.listXattrs());
  if (!failed(xattrs)) {
    yield* removeStreams(open.volume.streams, file, xattrs);
    yield* removeAllEas(file, xattrs);
  }
  if ((stored.attributes & FILE_ATTRIBUTE_REPARSE_POINT) !== 0) {
    yield* wait(file.removeXattr(REPARSE_XATTR));
  }
  const added = yield* storeEas(open.volume, file, request.eas);
  if (added !== STATUS_SUCCESS) return added;
  const attributes = request.attributes | FILE_ATTRIBUTE_ARCHIVE;
  if (attributes !== stored.attributes || stored.eaSize !== 0) {
    const creationTime = creationTimeOf(stored, stat);
    const set = yield* storeAttributes(file, { attributes, creationTime, eaSize: 0 });
    if (set !== STATUS_SUCCESS) return set;
  }
  if (request.eas.length > 0) yield* storeEaSize(file);
  if (request.allocationSize === 0) return STATUS_SUCCESS;
  return yield* reserveStorage(file, request.allocationSize);
}

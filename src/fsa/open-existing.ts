/** [MS-FSA] 2.1.5.1.2 Open of an Existing File, and of the streams in it. */
import { after, type Now, type Task, wait } from '../base/task.ts';
import { type NtStatus, STATUS_STOPPED_ON_SYMLINK, STATUS_SUCCESS } from '../erref/ntstatus.ts';
import {
  FILE_CREATED,
  FILE_OPENED,
  FILE_OVERWRITTEN,
  FILE_SUPERSEDE,
  FILE_SUPERSEDED,
} from '../fscc/create-parameters.ts';
import { FILE_ATTRIBUTE_ARCHIVE, FILE_ATTRIBUTE_REPARSE_POINT } from '../fscc/file-attributes.ts';
import { failed } from '../vfs/errno.ts';
import type { VfsFile } from '../vfs/vfs.ts';
import { appleBacking } from './apple-streams.ts';
import { breakParentOf } from './break-parent.ts';
import { abandonOpen } from './close.ts';
import { DOSATTRIB_XATTR } from './dos-attributes.ts';
import { removeAllEas, storeEaSize, storeEas } from './ea-store.ts';
import { type Entrance, enterOpen } from './enter-open.ts';
import { type NtError, statusOf } from './errno-to-ntstatus.ts';
import { type Examined, examine } from './examine-existing.ts';
import { fileKeyOf } from './file-record.ts';
import type { LocalOpen } from './local-open.ts';
import { creationTimeOf, metadataOf, storedAttributes } from './metadata.ts';
import { lastOf } from './names.ts';
import { reportOverwritten, reportStreamAdded } from './notify-report.ts';
import type { OpenRequest } from './open-request.ts';
import type { Opened } from './open-storage.ts';
import { noteIdentity } from './persistent-open.ts';
import { withPosix } from './posix.ts';
import { isReparsePoint, REPARSE_XATTR, reparseTag } from './reparse-xattr.ts';
import { reserveStorage } from './reserve-storage.ts';
import { stoppedOnFile } from './stopped-on-link.ts';
import { storeAttributes } from './store-attributes.ts';
import {
  createStream,
  findStream,
  NamedStream,
  removeStreams,
  streamOfXattr,
  streamXattr,
} from './stream-backing.ts';
import type { OpenOutcome } from './surface.ts';

/** Takes `opened` over: it belongs to the open, or is closed. 'again': start over, it waited. */
export function openExisting(
  request: OpenRequest,
  path: string,
  opened: Opened,
): Now<OpenOutcome | 'again'> {
  const { file } = opened;
  return after(examine(request, path, opened), (examined): Now<OpenOutcome | 'again'> => {
    if (typeof examined === 'number') return refuse(request, file, examined);
    return after(enterOpen(request, entranceOf(request, path, file, examined)), (open) => {
      if (open === 'again' || typeof open === 'number') {
        file.close();
        return open === 'again' ? open : { status: open };
      }
      return finish(request, open, examined);
    });
  });
}

function refuse(request: OpenRequest, file: VfsFile, status: NtError): Now<OpenOutcome> {
  const isStopped = status === STATUS_STOPPED_ON_SYMLINK;
  return after(isStopped ? stoppedOnFile(request, file) : undefined, (outcome) => {
    file.close();
    return outcome ?? { status };
  });
}

function entranceOf(
  request: OpenRequest,
  path: string,
  file: VfsFile,
  { stat, link, granted, implied, xattr }: Examined,
): Entrance {
  const { streamName } = request.name;
  return {
    file,
    fileKey: fileKeyOf(stat),
    path,
    isDirectory: stat.type === 'directory' && streamName === '',
    link,
    granted,
    implied,
    streamName: xattr === undefined ? streamName : streamOfXattr(xattr)!,
    isNew: xattr === undefined && streamName !== '',
    // A stream's size is not known yet: any lock counts.
    fileSize: streamName === '' ? stat.size : Number.MAX_SAFE_INTEGER,
  };
}

/** What the disposition does once the open stands. */
function finish(request: OpenRequest, open: LocalOpen, examined: Examined): Now<OpenOutcome> {
  const { stat, stored } = examined;
  const isPlain = open.streamName === '' && !request.overwrites && !open.isPosix;
  if (!isPlain || isReparsePoint(open, stored)) return finishSpecial(request, open, examined);
  noteIdentity(open, stat);
  const metadata = metadataOf(open.volume.options, stat, stored, {
    name: lastOf(open.path),
    deletePending: false,
    streamSize: undefined,
    eaSize: 0,
  });
  return { status: 0, open, createAction: FILE_OPENED, metadata };
}

function* finishSpecial(
  request: OpenRequest,
  open: LocalOpen,
  examined: Examined,
): Task<OpenOutcome> {
  const outcome = yield* change(request, open, examined);
  if (outcome.open === undefined) yield* abandonOpen(open);
  else if (outcome.createAction === FILE_CREATED) reportStreamAdded(open, open.streamName);
  else if (request.overwrites) reportOverwritten(open);
  if (outcome.open !== undefined && outcome.createAction !== FILE_OPENED) {
    yield* breakParentOf(open);
  }
  return outcome;
}

function* change(request: OpenRequest, open: LocalOpen, examined: Examined): Task<OpenOutcome> {
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

/** How an open comes into being once it is decided: its entry in the record and its local half. */
import { type Task, wait } from '../base/task.ts';
import { STATUS_SUCCESS } from '../erref/ntstatus.ts';
import { FILE_DELETE_ON_CLOSE } from '../fscc/create-parameters.ts';
import { upcase } from '../fscc/upcase.ts';
import type { VfsFile } from '../vfs/vfs.ts';
import { decideOpen, type OpenProposal } from './decide-open.ts';
import { oplockKeyOf } from './decide-oplock.ts';
import type { NtError } from './errno-to-ntstatus.ts';
import type { OpenEntry } from './file-record.ts';
import { LINK_BACKING } from './link-backing.ts';
import type { LocalOpen, OpenedLink } from './local-open.ts';
import type { OpenRequest } from './open-request.ts';
import { waitForRemoval } from './wait-for-removal.ts';

export interface Entrance {
  readonly file: VfsFile;
  readonly fileKey: string;
  readonly path: string;
  readonly isDirectory: boolean;
  readonly link?: OpenedLink | undefined;
  readonly granted: number;
  /** What the disposition does besides: part of the sharing check. */
  readonly implied: number;
  readonly streamName: string;
  /** The file, or the stream, was made for this open. */
  readonly isNew: boolean;
  /** Bytes in the stream. */
  readonly fileSize: number;
}

/**
 * The open, entered into the file's record.
 *
 * STATUS_DELETE_PENDING and STATUS_SHARING_VIOLATION as in `decideOpen`; STATUS_CANCELLED: it was
 * cancelled while it waited. 'again': it waited for others' oplocks to break, or for the file to
 * go, so that nothing that is known of the file may be true any more. But for a LocalOpen `file` is
 * still the caller's to close.
 */
export function* enterOpen(
  request: OpenRequest,
  entrance: Entrance,
): Task<LocalOpen | NtError | 'again'> {
  const { volume, security } = request;
  const { fileKey, path, granted, isDirectory, streamName } = entrance;
  const openId = volume.opens.nextId(volume.id);
  const streamKey = streamName === '' ? '' : upcase(streamName);
  const deletesOnClose = (request.options & FILE_DELETE_ON_CLOSE) !== 0;
  const plain: OpenEntry = {
    openId,
    serverId: volume.serverId,
    volumeId: volume.id,
    path,
    streamKey,
    oplockKey: oplockKeyOf(openId, request.oplock),
    grantedAccess: granted,
    shareAccess: request.shareAccess,
    deleteOnClose: deletesOnClose,
    isPosix: request.posix !== undefined,
  };
  const entry = deletesOnClose ? { ...plain, deletesAs: security.credentials } : plain;
  const mayLeaseDirectory =
    isDirectory &&
    volume.options.directoryLeases &&
    request.oplock?.lease?.coversDirectories === true &&
    (volume.localLeaseBreaks?.begin(fileKey, path) ?? true);
  if (mayLeaseDirectory) yield* wait(volume.directoryLeases.add());
  const proposal: OpenProposal = {
    entry,
    isDirectory,
    effectiveAccess: granted | entrance.implied,
    oplock: isDirectory && !mayLeaseDirectory ? undefined : request.oplock,
    isNew: entrance.isNew,
    overwrites: request.overwrites,
    fileSize: entrance.fileSize,
    queuedAt: request.queuedAt,
    isContended: volume.oplockBreaks.isAwaited(fileKey),
  };
  const { status, grant, breaks, awaited, conflicts, isGoing } = yield* wait(
    volume.files.update(fileKey, (current) => decideOpen(current, proposal)),
  );
  if (mayLeaseDirectory && grant === undefined) {
    volume.localLeaseBreaks?.end(fileKey);
    yield* wait(volume.directoryLeases.remove());
  }
  if (breaks.length > 0) volume.oplockBreaks.indicate(volume, fileKey, breaks);
  if (awaited.length > 0) {
    request.cancel.waitsForSharing = conflicts;
    request.queuedAt ??= awaited.reduce((newest, { since }) => Math.max(newest, since), 0);
    const breaksOf = { fileKey, awaited };
    const waited = yield* volume.oplockBreaks.waitToOpen(volume, breaksOf, request.cancel);
    return waited === STATUS_SUCCESS ? 'again' : waited;
  }
  if (isGoing === true) {
    return (yield* waitForRemoval(volume, fileKey, request.cancel)) ? 'again' : status;
  }
  if (status !== STATUS_SUCCESS) return status;
  const open: LocalOpen = {
    volume,
    security,
    openId,
    fileKey,
    file: entrance.file,
    isDirectory,
    link: entrance.link,
    streamName,
    streamKey,
    oplockKey: entry.oplockKey,
    oplock: grant,
    parentOplockKey: request.oplock?.lease?.parentLeaseKey ?? '',
    backing: entrance.link === undefined ? undefined : LINK_BACKING,
    grantedAccess: granted,
    shareAccess: request.shareAccess,
    createOptions: request.options,
    isPosix: request.posix !== undefined,
    path,
    mode: request.options & MODE_OPTIONS,
    position: 0n,
    nextEaEntry: 0,
    cursor: undefined,
    identity: undefined,
    userSetModificationTime: false,
    userSetAccessTime: false,
    userSetChangeTime: false,
    contentChanged: false,
    isNameNew: entrance.isNew,
    closed: false,
  };
  volume.opens.add(open);
  if (volume.kernelLeases !== undefined && grant !== undefined) {
    open.oplock = yield* volume.kernelLeases.cover(open, grant);
  }
  return open;
}

/** [MS-FSCC] 2.4.31 FileModeInformation: the create options that stay with an open. */
const MODE_OPTIONS = 0x0000_103e;

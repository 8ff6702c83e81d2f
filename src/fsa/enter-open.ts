/** How an open comes into being once it is decided: its entry in the record and its local half. */
import { after, afterAnswer, type Now, type Task, taskOf, wait } from '../base/task.ts';
import { STATUS_SUCCESS } from '../erref/ntstatus.ts';
import { FILE_DELETE_ON_CLOSE } from '../fscc/create-parameters.ts';
import { upcase } from '../fscc/upcase.ts';
import type { VfsFile } from '../vfs/vfs.ts';
import { decideOpen, type OpenDecision, type OpenProposal } from './decide-open.ts';
import { oplockKeyOf } from './decide-oplock.ts';
import type { NtError } from './errno-to-ntstatus.ts';
import type { OpenEntry } from './file-record.ts';
import { LINK_BACKING } from './link-backing.ts';
import type { LocalOpen, OpenedLink } from './local-open.ts';
import type { OpenRequest } from './open-request.ts';
import type { OplockGrant, OplockRequest } from './oplock.ts';
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
export function enterOpen(
  request: OpenRequest,
  entrance: Entrance,
): Now<LocalOpen | NtError | 'again'> {
  const entry = entryOf(request, entrance);
  if (mayLeaseDirectory(request, entrance)) return enterLeased(request, entrance, entry);
  const oplock = entrance.isDirectory ? undefined : request.oplock;
  return after(decide(request, entrance, entry, oplock), (decision) =>
    settle(request, entrance, entry, decision),
  );
}

function entryOf(request: OpenRequest, { path, granted, streamName }: Entrance): OpenEntry {
  const { volume, security } = request;
  const openId = volume.opens.nextId(volume.id);
  const deletesOnClose = (request.options & FILE_DELETE_ON_CLOSE) !== 0;
  const plain: OpenEntry = {
    openId,
    serverId: volume.serverId,
    volumeId: volume.id,
    path,
    streamKey: streamName === '' ? '' : upcase(streamName),
    oplockKey: oplockKeyOf(openId, request.oplock),
    grantedAccess: granted,
    shareAccess: request.shareAccess,
    deleteOnClose: deletesOnClose,
    isPosix: request.posix !== undefined,
  };
  return deletesOnClose ? { ...plain, deletesAs: security.credentials } : plain;
}

function mayLeaseDirectory({ volume, oplock }: OpenRequest, entrance: Entrance): boolean {
  return (
    entrance.isDirectory &&
    volume.options.directoryLeases &&
    oplock?.lease?.coversDirectories === true &&
    (volume.localLeaseBreaks?.begin(entrance.fileKey, entrance.path) ?? true)
  );
}

function* enterLeased(
  request: OpenRequest,
  entrance: Entrance,
  entry: OpenEntry,
): Task<LocalOpen | NtError | 'again'> {
  const { volume } = request;
  yield* wait(volume.directoryLeases.add());
  const decision = yield* taskOf(decide(request, entrance, entry, request.oplock));
  if (decision.grant === undefined) {
    volume.localLeaseBreaks?.end(entrance.fileKey);
    yield* wait(volume.directoryLeases.remove());
  }
  return yield* taskOf(settle(request, entrance, entry, decision));
}

function decide(
  request: OpenRequest,
  entrance: Entrance,
  entry: OpenEntry,
  oplock: OplockRequest | undefined,
): Now<OpenDecision> {
  const { volume } = request;
  const { fileKey, granted } = entrance;
  const proposal: OpenProposal = {
    entry,
    isDirectory: entrance.isDirectory,
    effectiveAccess: granted | entrance.implied,
    oplock,
    isNew: entrance.isNew,
    overwrites: request.overwrites,
    fileSize: entrance.fileSize,
    queuedAt: request.queuedAt,
    isContended: volume.oplockBreaks.isAwaited(fileKey),
  };
  const decided = volume.files.update(fileKey, (current) => decideOpen(current, proposal));
  return afterAnswer(decided, (decision) => decision);
}

/** What comes of the decision: the open, why there is none, or a wait. */
function settle(
  request: OpenRequest,
  entrance: Entrance,
  entry: OpenEntry,
  decision: OpenDecision,
): Now<LocalOpen | NtError | 'again'> {
  const { volume } = request;
  const { fileKey } = entrance;
  const { status, grant, breaks } = decision;
  if (breaks.length > 0) volume.oplockBreaks.indicate(volume, fileKey, breaks);
  if (decision.awaited.length > 0 || decision.isGoing === true) {
    return waitToEnter(request, fileKey, decision);
  }
  if (status !== STATUS_SUCCESS) return status;
  const open = localOpenOf(request, entrance, entry, grant);
  volume.opens.add(open);
  if (volume.kernelLeases === undefined || grant === undefined) return open;
  return after(volume.kernelLeases.cover(open, grant), (covered) => {
    open.oplock = covered;
    return open;
  });
}

function* waitToEnter(
  request: OpenRequest,
  fileKey: string,
  { status, awaited, conflicts }: OpenDecision,
): Task<NtError | 'again'> {
  const { volume, cancel } = request;
  if (awaited.length > 0) {
    cancel.waitsForSharing = conflicts;
    request.queuedAt ??= awaited.reduce((newest, { since }) => Math.max(newest, since), 0);
    const waited = yield* volume.oplockBreaks.waitToOpen(volume, { fileKey, awaited }, cancel);
    return waited === STATUS_SUCCESS ? 'again' : waited;
  }
  return (yield* waitForRemoval(volume, fileKey, cancel)) ? 'again' : (status as NtError);
}

function localOpenOf(
  request: OpenRequest,
  entrance: Entrance,
  { openId, streamKey, oplockKey }: OpenEntry,
  oplock: OplockGrant | undefined,
): LocalOpen {
  return {
    volume: request.volume,
    security: request.security,
    openId,
    fileKey: entrance.fileKey,
    file: entrance.file,
    isDirectory: entrance.isDirectory,
    link: entrance.link,
    streamName: entrance.streamName,
    streamKey,
    oplockKey,
    oplock,
    parentOplockKey: request.oplock?.lease?.parentLeaseKey ?? '',
    backing: entrance.link === undefined ? undefined : LINK_BACKING,
    grantedAccess: entrance.granted,
    shareAccess: request.shareAccess,
    createOptions: request.options,
    isPosix: request.posix !== undefined,
    path: entrance.path,
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
}

/** [MS-FSCC] 2.4.31 FileModeInformation: the create options that stay with an open. */
const MODE_OPTIONS = 0x0000_103e;

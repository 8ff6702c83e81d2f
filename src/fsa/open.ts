import { after, type Now, type Task, taskOf, wait } from '../base/task.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_CANCELLED,
  STATUS_DELETE_PENDING,
  STATUS_NOT_A_DIRECTORY,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
} from '../erref/ntstatus.ts';
import { EACCES, ELOOP, ENOENT, ENOTDIR, type Errno, EXDEV, failed } from '../vfs/errno.ts';
import { type NtError, statusOf } from './errno-to-ntstatus.ts';
import { fileKeyOf, pendingDeleteOf } from './file-record.ts';
import type { NameResolver } from './name-resolver.ts';
import { parentOf } from './names.ts';
import { createNew } from './open-create.ts';
import { openExisting } from './open-existing.ts';
import { type OpenRequest, parseOpen, refusesExisting } from './open-request.ts';
import { beginStorage, isOpened, openStorage, type StorageOpening } from './open-storage.ts';
import type { SecurityContext } from './security-context.ts';
import { stoppedOnPath } from './stopped-on-link.ts';
import type { OpenOutcome, OpenParams } from './surface.ts';
import { openInPast } from './timewarp.ts';
import type { Volume } from './volume.ts';

/** Times that an open starts over because a name came or went under it. */
const OPEN_ATTEMPTS_MAX = 6;

/**
 * Opens, or makes, a file, a directory or a named stream.
 *
 * [MS-FSA] 2.1.5.1 Server Requests an Open of a File. The path is tried as it is; only when the
 * store does not know it are its components looked for without regard to case. Cost for a file that
 * exists: one open, one stat, two extended attributes, one record update.
 *
 * STATUS_STOPPED_ON_SYMLINK: the name leads through a link that this volume does not follow, or
 * that leads out of it or to nothing; the client goes on by itself.
 */
export function* openFile(
  volume: Volume,
  security: SecurityContext,
  params: OpenParams,
): Task<OpenOutcome> {
  return yield* taskOf(openFileNow(volume, security, params));
}

/** The same, without a task where a file that exists is opened, and nobody has to be waited for. */
export function openFileNow(
  volume: Volume,
  security: SecurityContext,
  params: OpenParams,
): Now<OpenOutcome> {
  if (volume.snapshots === undefined) return openPresent(volume, security, params);
  return after(openInPast(volume, params), (past) => {
    if (typeof past === 'number') return { status: past };
    if (past !== undefined) return openPresent(past.volume, security, past.params);
    return openPresent(volume, security, params);
  });
}

function openPresent(
  volume: Volume,
  security: SecurityContext,
  params: OpenParams,
): Now<OpenOutcome> {
  const request = parseOpen(volume, security, params);
  if (typeof request === 'number') return { status: request };
  const { path } = request.name;
  if (isSeldomThere(request)) return openByName(request, undefined);
  const begun = beginStorage(request, path);
  if (!isOpened(begun)) return openByName(request, begun);
  return after(openExisting(request, path, begun), (outcome) =>
    outcome === 'again' ? openByName(request, beginStorage(request, path)) : outcome,
  );
}

/**
 * A file that is to be made is looked for by the resolver first, and one that may be, while others
 * are made beside it: a client that copies files into a folder.
 */
function isSeldomThere(request: OpenRequest): boolean {
  const { path, streamName } = request.name;
  if (streamName !== '' || !request.mayCreate) return false;
  return refusesExisting(request) || namesOf(request).filled === parentOf(path);
}

function namesOf({ volume, posix }: OpenRequest): NameResolver {
  return posix === undefined ? volume.names : volume.exactNames;
}

/** `begun` is the first try of the name as it is; undefined: it is looked for first. */
function* openByName(request: OpenRequest, begun: StorageOpening | undefined): Task<OpenOutcome> {
  const { volume, security } = request;
  let { path } = request.name;
  const names = namesOf(request);
  let isTried = begun !== undefined;
  let opening = begun;
  let errno: Errno = ENOENT;
  for (let attempt = 0; attempt < OPEN_ATTEMPTS_MAX; attempt++) {
    if (isTried) {
      const opened = yield* openStorage(request, path, opening);
      opening = undefined;
      if (opened === 'cancelled') return { status: STATUS_CANCELLED };
      if (!failed(opened)) {
        const outcome = yield* taskOf(openExisting(request, path, opened));
        if (outcome !== 'again') return outcome;
        // It waited, which is no fault of the name; how often is limited there.
        attempt = 0;
        continue;
      }
      if (opened === EXDEV || opened === ELOOP) return yield* stopOr(request, statusOf(opened));
      if (opened !== ENOENT && opened !== ENOTDIR) return { status: statusOf(opened) };
      errno = opened;
    }
    const found = yield* names.resolve(security.credentials, path);
    if (!isTried && !refusesExisting(request) && found.kind !== 'name-missing') {
      // It was seldom there, and now it is: as if it had been tried first.
      names.filled = undefined;
      isTried = true;
      continue;
    }
    switch (found.kind) {
      case 'failed':
        return yield* stopOr(request, statusOf(found.errno));
      case 'path-missing':
        if (yield* isHidden(request, found.path, isTried ? path : undefined)) {
          return { status: STATUS_ACCESS_DENIED };
        }
        return yield* stopOr(request, STATUS_OBJECT_PATH_NOT_FOUND);
      case 'found':
        if (isTried && found.path === path) {
          if (errno === ENOTDIR) return { status: STATUS_NOT_A_DIRECTORY };
          // The name stands, and what is there does not: a link to nothing, or just gone.
          const stopped = yield* stoppedOnPath(request);
          if (stopped !== undefined) return stopped;
        }
        path = found.path;
        if (!isTried && refusesExisting(request)) return yield* refuseExisting(request, path);
        isTried = true;
        break;
      case 'name-missing': {
        if (!request.followsLinks) {
          const stopped = yield* stoppedOnPath(request);
          if (stopped !== undefined) return stopped;
        }
        if (!request.mayCreate) {
          const hidden = yield* isHidden(request, found.path, isTried ? path : undefined);
          return { status: hidden ? STATUS_ACCESS_DENIED : STATUS_OBJECT_NAME_NOT_FOUND };
        }
        path = volume.tunnel?.take(found.path) ?? found.path;
        const outcome = yield* createNew(request, { path, parent: found.parent });
        if (outcome !== 'exists') {
          if (!refusesExisting(request)) names.filled = parentOf(request.name.path);
          return outcome;
        }
        if (refusesExisting(request)) return yield* refuseExisting(request, path);
        isTried = true;
      }
    }
  }
  return { status: STATUS_OBJECT_NAME_NOT_FOUND };
}

/**
 * Whether the caller may not even know that nothing is there: names are looked for as the server.
 * `tried` is what the store itself has said it about, to the caller.
 */
function* isHidden(
  { volume, security }: OpenRequest,
  missing: string,
  tried: string | undefined,
): Task<boolean> {
  if (tried === missing || tried?.startsWith(`${missing}/`) === true) return false;
  return (yield* wait(volume.vfs.stat(security.credentials, missing))) === EACCES;
}

/** What a name that leads nowhere fails with: a link that is the client's, else `status`. */
function* stopOr(request: OpenRequest, status: NtError): Task<OpenOutcome> {
  return (yield* stoppedOnPath(request)) ?? { status };
}

/** FILE_CREATE of a name that stands: which of three reasons it fails for. */
function* refuseExisting(request: OpenRequest, path: string): Task<OpenOutcome> {
  const { volume, security } = request;
  const stat = yield* wait(volume.vfs.stat(security.credentials, path));
  if (failed(stat) || !request.followsLinks) {
    const stopped = yield* stoppedOnPath(request);
    if (stopped !== undefined) return stopped;
  }
  // Who may not look there is not told what there is.
  if (stat === EACCES) return { status: STATUS_ACCESS_DENIED };
  if (failed(stat)) return { status: STATUS_OBJECT_NAME_COLLISION };
  const record = yield* wait(volume.files.get(fileKeyOf(stat)));
  const link = { volumeId: volume.id, path, streamKey: '' };
  const isPending = record !== undefined && pendingDeleteOf(record, link) !== undefined;
  const status: NtStatus = isPending ? STATUS_DELETE_PENDING : STATUS_OBJECT_NAME_COLLISION;
  return { status };
}

import { LOCAL_LEASE_TIME_MS } from '../base/limits.ts';
import { isPromise, type MaybePromise, type Task, wait } from '../base/task.ts';
import {
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
} from '../dtyp/access-mask.ts';
import {
  EACCES,
  EAGAIN,
  EISDIR,
  ELOOP,
  ENOTDIR,
  EPERM,
  EROFS,
  type Errno,
  ETXTBSY,
  failed,
} from '../vfs/errno.ts';
import type { OpenFor, OpenOptions, VfsFile } from '../vfs/vfs.ts';
import type { OpenRequest } from './open-request.ts';

/** Looks at a local process's lease come ever less often: milliseconds. */
const LOCAL_POLL_MIN_MS = 20;
const LOCAL_POLL_MAX_MS = 500;
/** Times that a lease of ours makes way for one open: another open may have it back meanwhile. */
const LENDS_MAX = 4;

/** A file that the store opened, and what for: proof of what its own permissions allow. */
export interface Opened {
  readonly file: VfsFile;
  readonly access: OpenFor;
}

/** What the store is asked for when a new file is made for this request. */
export function creationAccess(request: OpenRequest): OpenFor {
  return request.maximum || needsWrite(request) ? 'readwrite' : 'read';
}

/** The first try of `openStorage`: as a rule the only one, and answered at once. */
export interface StorageOpening {
  readonly file: MaybePromise<VfsFile | Errno>;
  readonly access: OpenFor;
}

export function beginStorage(request: OpenRequest, path: string): StorageOpening {
  const access = firstAccess(request);
  const { volume, security } = request;
  return { file: volume.vfs.open(security.credentials, path, optionsOf(request)[access]), access };
}

export function isOpened(opening: StorageOpening): opening is Opened {
  return !isPromise(opening.file) && !failed(opening.file);
}

/**
 * Opens what stands at a path with as much access as the request needs. MAXIMUM_ALLOWED takes what
 * the store gives; everything else is all or nothing. With FILE_OPEN_REPARSE_POINT a link at the
 * end is opened itself, for its metadata only.
 *
 * EAGAIN: a local process has leased the file and did not give it up in LOCAL_LEASE_TIME_MS.
 * 'cancelled': the request was, while it waited for that.
 */
export function* openStorage(
  request: OpenRequest,
  path: string,
  begun: StorageOpening = beginStorage(request, path),
): Task<Opened | Errno | 'cancelled'> {
  const { volume, security } = request;
  const options = optionsOf(request);
  let opening: MaybePromise<VfsFile | Errno> | undefined = begun.file;
  let { access } = begun;
  let lends = LENDS_MAX;
  let since: number | undefined;
  let pollMs = LOCAL_POLL_MIN_MS;
  for (;;) {
    opening ??= volume.vfs.open(security.credentials, path, options[access]);
    const file: VfsFile | Errno = isPromise(opening) ? yield* wait(opening) : opening;
    opening = undefined;
    if (!failed(file)) return { file, access };
    if (file === EAGAIN && volume.kernelLeases !== undefined && lends-- > 0) {
      if (yield* volume.kernelLeases.lend(volume, security.credentials, path)) continue;
    }
    if (file === EAGAIN) {
      const nowMs = volume.env.clock.monotonicMs();
      since ??= nowMs;
      if (nowMs - since >= LOCAL_LEASE_TIME_MS) return file;
      if (!(yield* pause(request, pollMs))) return 'cancelled';
      pollMs = Math.min(2 * pollMs, LOCAL_POLL_MAX_MS);
      continue;
    }
    if (request.opensReparsePoint && (file === ELOOP || file === ENOTDIR)) {
      return yield* openLink(request, path, file);
    }
    const next = nextAccess(request, access, file);
    if (next === undefined) return file;
    access = next;
  }
}

/** Waits, holding nothing; false: the request was cancelled. */
function* pause({ volume, cancel }: OpenRequest, delayMs: number): Task<boolean> {
  if (cancel.cancelled) return false;
  cancel.waiting();
  yield* wait(
    new Promise<void>((resolve) => {
      const timer = volume.env.timers.after(delayMs, () => {
        stop();
        resolve();
      });
      const stop = cancel.onCancel(() => {
        timer.cancel();
        resolve();
      });
    }),
  );
  return !cancel.cancelled;
}

/** What refused to be opened for data, if it is a link; else `refusal` stands. */
function* openLink(request: OpenRequest, path: string, refusal: Errno): Task<Opened | Errno> {
  const { volume, security } = request;
  const options = optionsOf(request).metadata;
  const file = yield* wait(volume.vfs.open(security.credentials, path, options));
  if (failed(file)) return refusal;
  const stat = yield* wait(file.stat());
  if (!failed(stat) && stat.type === 'symlink') return { file, access: 'metadata' };
  file.close();
  return refusal;
}

type OptionsByAccess = Readonly<Record<OpenFor, OpenOptions>>;

function optionsOf({ followsLinks, opensReparsePoint }: OpenRequest): OptionsByAccess {
  if (followsLinks) return opensReparsePoint ? NO_FOLLOW : FOLLOW;
  return opensReparsePoint ? NO_LINKS_BUT_LAST : NO_LINKS;
}

function byAccess(links: Omit<OpenOptions, 'access'>): OptionsByAccess {
  return {
    metadata: { access: 'metadata', ...links },
    read: { access: 'read', ...links },
    write: { access: 'write', ...links },
    readwrite: { access: 'readwrite', ...links },
    directory: { access: 'directory', ...links },
  };
}

/** Shared, so that an open allocates nothing for them. */
const FOLLOW = byAccess({});
const NO_FOLLOW = byAccess({ noFollow: true });
const NO_LINKS = byAccess({ noLinks: true });
const NO_LINKS_BUT_LAST = byAccess({ noLinks: true, noFollow: true });

function firstAccess(request: OpenRequest): OpenFor {
  if (request.name.streamName !== '') return 'metadata';
  if (request.mustBeDirectory) return directoryAccess(request);
  if (request.maximum) return 'readwrite';
  if (!needsWrite(request)) return needsRead(request) ? 'read' : 'metadata';
  return needsRead(request) ? 'readwrite' : 'write';
}

/** A weaker access that may still do, or undefined. Strictly descending, so this ends. */
function nextAccess(request: OpenRequest, access: OpenFor, errno: Errno): OpenFor | undefined {
  if (errno === EISDIR && access !== 'directory' && access !== 'metadata') {
    return directoryAccess(request);
  }
  const isRefusal = errno === EACCES || errno === EPERM || errno === EROFS || errno === ETXTBSY;
  if (!isRefusal || !request.maximum || access === 'metadata') return undefined;
  if (access === 'readwrite') return needsWrite(request) ? undefined : 'read';
  return needsRead(request) ? undefined : 'metadata';
}

function directoryAccess(request: OpenRequest): OpenFor {
  return request.maximum || (request.desired & FILE_READ_DATA) !== 0 ? 'directory' : 'metadata';
}

function needsRead(request: OpenRequest): boolean {
  return (request.desired & (FILE_READ_DATA | FILE_EXECUTE)) !== 0;
}

function needsWrite(request: OpenRequest): boolean {
  return request.overwrites || (request.desired & (FILE_WRITE_DATA | FILE_APPEND_DATA)) !== 0;
}

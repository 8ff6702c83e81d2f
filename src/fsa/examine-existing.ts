/** [MS-FSA] 2.1.5.1.2 Open of an Existing File: what decides before others' opens do. */
import {
  after,
  afterAnswer,
  isPromise,
  type MaybePromise,
  type Now,
  type Task,
  taskOf,
  wait,
} from '../base/task.ts';
import { FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import type { SecurityDescriptor } from '../dtyp/security-descriptor.ts';
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
import { FILE_DELETE_ON_CLOSE } from '../fscc/create-parameters.ts';
import {
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_READONLY,
  FILE_ATTRIBUTE_REPARSE_POINT,
  FILE_ATTRIBUTE_SYSTEM,
} from '../fscc/file-attributes.ts';
import { ENODATA, type Errno, failed } from '../vfs/errno.ts';
import type { FileStat } from '../vfs/vfs.ts';
import { type Access, checkAccessNow } from './access.ts';
import { isStanding } from './apple-streams.ts';
import { DOSATTRIB_XATTR, type DosAttributes } from './dos-attributes.ts';
import { type NtError, statusOf } from './errno-to-ntstatus.ts';
import { isDirectoryTarget } from './link-target.ts';
import type { OpenedLink } from './local-open.ts';
import { storedAttributes } from './metadata.ts';
import { type OpenRequest, refusesExisting } from './open-request.ts';
import type { Opened } from './open-storage.ts';
import { descriptorOf, getSecurity, statToJudge } from './stored-security.ts';
import { findStream } from './stream-backing.ts';
import { isOfStore, mayBeOfStore } from './stream-store.ts';

/** What there is to know about the file before anything changes. */
export interface Examined {
  readonly stat: FileStat;
  readonly stored: DosAttributes;
  readonly granted: number;
  readonly implied: number;
  readonly link: OpenedLink | undefined;
  /** Extended attribute of the stream to open; undefined when it has to be made, or is unnamed. */
  readonly xattr: string | undefined;
}

/** What is known of the file before it is decided whether it may be opened. */
interface Looked {
  readonly stat: FileStat;
  readonly link: OpenedLink | undefined;
  readonly stored: DosAttributes;
  /** Of the stream that is asked for: ENODATA where there is none, undefined without a name. */
  readonly found: string | Errno | undefined;
  /** It is there, and counts. */
  readonly exists: boolean;
}

/** The checks of 2.1.5.1.2 up to the sharing check. */
export function examine(
  request: OpenRequest,
  path: string,
  opened: Opened,
): Now<Examined | NtError> {
  const { file } = opened;
  const stat = file.statOpened?.() ?? file.stat();
  if (isPromise(stat) || failed(stat) || isSpecial(request, stat)) {
    return examineSpecial(request, path, opened, stat);
  }
  const type = checkType(request, stat, undefined);
  if (type !== STATUS_SUCCESS) return type as NtError;
  const value = file.getXattr(DOSATTRIB_XATTR, stat);
  const looked = (read: Uint8Array | Errno): Looked => {
    const stored = storedAttributes(read, stat);
    return { stat, link: undefined, stored, found: undefined, exists: true };
  };
  return afterAnswer(value, (read) => decideExisting(request, path, opened, looked(read)));
}

/**
 * What takes more than one look: streams, links, what may be the side store's, and what another
 * process may be making.
 */
function isSpecial({ name, volume }: OpenRequest, stat: FileStat): boolean {
  const isOdd = name.streamName !== '' || stat.type === 'symlink' || mayBeOfStore(stat);
  return isOdd || volume.makings?.areGoing === true;
}

function* examineSpecial(
  request: OpenRequest,
  path: string,
  opened: Opened,
  looking: MaybePromise<FileStat | Errno>,
): Task<Examined | NtError> {
  const { volume, name } = request;
  const { file } = opened;
  const seen = yield* wait(looking);
  const stat = volume.makings === undefined ? seen : yield* statToJudge(volume, file, seen);
  if (failed(stat)) return statusOf(stat);
  if (yield* isOfStore(file, stat)) return STATUS_OBJECT_NAME_NOT_FOUND;
  const link = stat.type === 'symlink' ? yield* lookAtLink(request, path) : undefined;
  if (failed(link)) return statusOf(link);
  const type = checkType(request, stat, link);
  if (type !== STATUS_SUCCESS) return type;
  const stored = storedAttributes(yield* wait(file.getXattr(DOSATTRIB_XATTR, stat)), stat);
  if (stopsOnReparsePoint(request, stored)) return STATUS_STOPPED_ON_SYMLINK;
  const isStream = name.streamName !== '';
  const found = isStream ? yield* findStream(volume.streams, file, name.streamName) : undefined;
  if (failed(found) && found !== ENODATA) return statusOf(found);
  const exists = !failed(found) && (yield* isStanding(volume, file, found));
  const looked = { stat, link, stored, found, exists };
  return yield* taskOf(decideExisting(request, path, opened, looked));
}

function stopsOnReparsePoint(request: OpenRequest, { attributes }: DosAttributes): boolean {
  return (attributes & FILE_ATTRIBUTE_REPARSE_POINT) !== 0 && !request.opensReparsePoint;
}

/** What the disposition, the attributes and security have to say. */
function decideExisting(
  request: OpenRequest,
  path: string,
  opened: Opened,
  looked: Looked,
): Now<Examined | NtError> {
  const { stat, stored, found, exists } = looked;
  if (stopsOnReparsePoint(request, stored)) return STATUS_STOPPED_ON_SYMLINK;
  if (!exists && !request.mayCreate) return STATUS_OBJECT_NAME_NOT_FOUND;
  if (exists && refusesExisting(request)) return STATUS_OBJECT_NAME_COLLISION;
  const replaces = request.overwrites && request.name.streamName === '';
  if (replaces && !matchesAttributes(stored.attributes, request.attributes)) {
    return STATUS_ACCESS_DENIED;
  }
  return after(askAccess(request, path, opened, looked), (access) => {
    if (typeof access === 'number') return access;
    const deletes = (request.options & FILE_DELETE_ON_CLOSE) !== 0;
    if (deletes && ((stored.attributes & FILE_ATTRIBUTE_READONLY) !== 0 || path === '')) {
      return STATUS_CANNOT_DELETE;
    }
    return {
      stat,
      stored,
      granted: access.granted,
      // What counts for nothing is taken over, not made.
      implied: request.overwrites || failed(found) ? FILE_WRITE_DATA : 0,
      link: looked.link,
      xattr: exists && !failed(found) ? found : undefined,
    };
  });
}

function askAccess(
  request: OpenRequest,
  path: string,
  opened: Opened,
  { stat, stored, exists }: Looked,
): Now<Access | NtError> {
  const { volume, security } = request;
  const { file } = opened;
  const ask = (descriptor: SecurityDescriptor | undefined): Now<Access | NtError> =>
    checkAccessNow(
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
      {
        desired: request.desired,
        implied: request.overwrites || !exists ? FILE_WRITE_DATA : 0,
        maximum: request.maximum,
      },
    );
  return afterAnswer(getSecurity(volume, file, stat), (value) => {
    // Most files have none: those pay for nothing.
    if (value === ENODATA) return ask(undefined);
    return after(descriptorOf(volume, { source: file, stat, path, value }), ask);
  });
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

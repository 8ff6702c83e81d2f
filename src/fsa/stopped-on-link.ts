/** [MS-FSA] 2.1.5.1 Server Requests an Open of a File: names that lead through a link. */

import { viewOf } from '../base/bytes.ts';
import { type Task, wait } from '../base/task.ts';
import { STATUS_IO_REPARSE_TAG_NOT_HANDLED, STATUS_STOPPED_ON_SYMLINK } from '../erref/ntstatus.ts';
import { decodeSymlinkReparseData, type SymlinkReparseData } from '../fscc/reparse-data.ts';
import { failed } from '../vfs/errno.ts';
import type { VfsFile } from '../vfs/vfs.ts';
import { isUnfollowed, linkDataOf } from './link-target.ts';
import { joinPath } from './names.ts';
import type { OpenRequest } from './open-request.ts';
import { REPARSE_XATTR } from './reparse-xattr.ts';
import type { StoppedOutcome } from './surface.ts';

/**
 * Where a path that leads nowhere meets a link that the client has to follow itself: the first
 * that the server does not follow. Undefined when there is none. Not cheap: only for opens that
 * would fail anyway, or on volumes that leave all links to clients.
 */
export function* stoppedOnPath(request: OpenRequest): Task<StoppedOutcome | undefined> {
  const { volume, security, name } = request;
  const { credentials } = security;
  const opensLink = request.opensReparsePoint;
  const components = name.path === '' ? [] : name.path.split('/');
  const names = request.posix === undefined ? volume.names : volume.exactNames;
  let at = '';
  for (let i = 0; i < components.length; i++) {
    const found = yield* names.resolve(credentials, joinPath(at, components[i]!));
    if (found.kind !== 'found') return undefined;
    at = found.path;
    const stat = yield* wait(volume.vfs.stat(credentials, at, { noFollow: true }));
    if (failed(stat)) return undefined;
    if (stat.type !== 'symlink') continue;
    if (opensLink && i === components.length - 1) return undefined;
    if (request.followsLinks) {
      const target = yield* wait(volume.vfs.stat(credentials, at));
      if (!failed(target)) continue;
      if (!isUnfollowed(target)) return undefined;
    }
    const text = yield* wait(volume.vfs.readLink(credentials, at));
    if (failed(text)) return undefined;
    const link = linkDataOf(text, request.posix === undefined ? 'windows' : 'posix');
    return stopped(request, link, components.slice(0, i + 1).join('/').length);
  }
  return undefined;
}

/** The outcome for a file that is a reparse point, by what is stored with it. */
export function* stoppedOnFile(request: OpenRequest, file: VfsFile): Task<StoppedOutcome> {
  const data = yield* wait(file.getXattr(REPARSE_XATTR));
  const link = failed(data) ? undefined : decodeSymlinkReparseData(viewOf(data), 0, data.length);
  // Windows: no driver takes the tag.
  if (link === undefined) return { status: STATUS_IO_REPARSE_TAG_NOT_HANDLED };
  return stopped(request, link, request.name.path.length);
}

/**
 * [MS-SMB2] 2.2.2.2.1: what follows the link in the name as the client wrote it, its separator
 * included. `walked` UTF-16 code units of the parsed path lead to the link; what parsing took away
 * stands before or behind the path, never in its rest.
 */
function stopped(request: OpenRequest, link: SymlinkReparseData, walked: number): StoppedOutcome {
  const unparsed = request.name.path.length - walked + tailOf(request);
  return {
    status: STATUS_STOPPED_ON_SYMLINK,
    link: { ...link, unparsedPathLength: 2 * unparsed },
  };
}

/** What stands behind the path in the name as it was sent. */
function tailOf({ rawName, posix }: OpenRequest): number {
  if (posix !== undefined) return rawName.endsWith('/') ? 1 : 0;
  const colon = rawName.indexOf(':', rawName.lastIndexOf('\\') + 1);
  if (colon >= 0) return rawName.length - colon;
  return rawName.endsWith('\\') ? 1 : 0;
}

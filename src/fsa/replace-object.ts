/**
 * A file that becomes a symbolic link, and the other way round: POSIX has no call for it, so a new
 * object takes the name, and the open goes over to it.
 */
import { assert } from '../base/assert.ts';
import { toHex } from '../base/bytes.ts';
import { isPromise, type MaybePromise, type Task, wait } from '../base/task.ts';
import {
  type NtStatus,
  STATUS_FILE_CLOSED,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import { EEXIST, type Errno, failed } from '../vfs/errno.ts';
import type { VfsFile } from '../vfs/vfs.ts';
import { decideEntered, decideTakenOut } from './decide-replace.ts';
import { DOSATTRIB_XATTR } from './dos-attributes.ts';
import { type NtError, statusOf } from './errno-to-ntstatus.ts';
import { fileKeyOf, isUnlinked } from './file-record.ts';
import { LINK_BACKING } from './link-backing.ts';
import type { LocalOpen, OpenedLink } from './local-open.ts';
import { joinPath, parentOf } from './names.ts';
import { descriptorOf, getSecurity, putDescriptor } from './stored-security.ts';

const NAME_TRIES_MAX = 4;

/**
 * Puts a link in the place of the open file, link or empty directory.
 *
 * 'cannot', and nothing changed: the store makes no links; or the file has more than a link can
 * keep: content, other names, streams, EAs, other opens, oplocks or locks.
 */
export function* becomeLink(
  open: LocalOpen,
  link: { readonly target: string; readonly isDirectory: boolean },
): Task<NtStatus | 'cannot'> {
  if (!(yield* isBare(open))) return 'cannot';
  return yield* unseen(open, putLink(open, link));
}

function* putLink(
  open: LocalOpen,
  link: { readonly target: string; readonly isDirectory: boolean },
): Task<NtStatus | 'cannot'> {
  const { vfs } = open.volume;
  const { credentials } = open.security;
  const made = yield* makeBeside(open, (path) => vfs.makeSymlink(credentials, path, link.target));
  if (failed(made)) return 'cannot';
  const placed = yield* place(open, made, false);
  if (failed(placed)) return statusOf(placed);
  const file = yield* wait(
    vfs.open(credentials, open.path, { access: 'metadata', noFollow: true }),
  );
  return failed(file)
    ? statusOf(file)
    : yield* goOver(open, file, { isDirectory: link.isDirectory });
}

/** Puts an empty file, or a directory where the link was one's, in the place of the open link. */
export function* becomeFile(open: LocalOpen): Task<NtStatus> {
  assert(open.link !== undefined, 'a file is one already');
  if (!(yield* isBare(open))) return STATUS_SHARING_VIOLATION;
  return yield* unseen(open, putFile(open, open.link));
}

function* putFile(open: LocalOpen, { isDirectory }: OpenedLink): Task<NtStatus> {
  const { vfs, options } = open.volume;
  const { credentials } = open.security;
  const made = yield* makeBeside(open, (path) =>
    isDirectory
      ? vfs.makeDirectory(credentials, path, options.directoryMask | options.forceDirectoryMode)
      : makeFile(open, path),
  );
  if (failed(made)) return statusOf(made);
  const placed = yield* place(open, made, isDirectory);
  if (failed(placed)) return statusOf(placed);
  const access = isDirectory ? 'directory' : 'readwrite';
  const file = yield* wait(vfs.open(credentials, open.path, { access, noFollow: true }));
  return failed(file) ? statusOf(file) : yield* goOver(open, file, undefined);
}

/** Nobody opens what `task` makes before it has its descriptor. */
function* unseen<T>(open: LocalOpen, task: Task<T>): Task<T | NtError> {
  const { makings } = open.volume;
  if (makings === undefined) return yield* task;
  const stat = yield* wait(open.file.stat());
  return failed(stat) ? statusOf(stat) : yield* makings.during(stat, task);
}

/** Whether nothing but this open and its name would be lost. */
function* isBare(open: LocalOpen): Task<boolean> {
  const { volume, file } = open;
  const record = yield* wait(volume.files.get(open.fileKey));
  if (record === undefined || record.opens.length !== 1) return false;
  if (isUnlinked(record, open.openId)) return false;
  if (record.locks.length + record.oplocks.length + record.deletePending.length > 0) return false;
  if (open.link !== undefined) return true;
  const stat = yield* wait(file.stat());
  if (failed(stat)) return false;
  if (stat.type === 'file' && (stat.size > 0 || stat.links > 1)) return false;
  const xattrs = yield* wait(file.listXattrs());
  if (failed(xattrs)) return false;
  return xattrs.every((name) => name === DOSATTRIB_XATTR || name === volume.options.securityXattr);
}

/** Makes something under a name of its own next to the open; the path that it has. */
function* makeBeside(
  open: LocalOpen,
  make: (path: string) => MaybePromise<0 | Errno>,
): Task<string | Errno> {
  const { random } = open.volume.env;
  for (let tries = 1; ; tries++) {
    const path = joinPath(parentOf(open.path), `.semba-${toHex(random.bytes(8))}`);
    const made = yield* wait(make(path));
    if (!failed(made)) return path;
    if (made !== EEXIST || tries === NAME_TRIES_MAX) return made;
  }
}

function makeFile({ volume, security }: LocalOpen, path: string): MaybePromise<0 | Errno> {
  const file = volume.vfs.open(security.credentials, path, {
    access: 'readwrite',
    createExclusive: true,
    mode: volume.options.createMask | volume.options.forceCreateMode,
  });
  return isPromise(file) ? file.then(closed) : closed(file);
}

function closed(file: VfsFile | Errno): 0 | Errno {
  if (failed(file)) return file;
  file.close();
  return 0;
}

/** Gives what stands at `made` the open's name; it is removed where that fails. */
function* place(open: LocalOpen, made: string, isDirectory: boolean): Task<0 | Errno> {
  const { vfs } = open.volume;
  const { credentials } = open.security;
  // rename(2) puts neither a directory in the place of a file nor the other way round.
  const leaves = open.isDirectory || isDirectory;
  let placed: 0 | Errno = 0;
  if (open.isDirectory) placed = yield* wait(vfs.removeDirectory(credentials, open.path));
  else if (leaves) placed = yield* wait(vfs.unlink(credentials, open.path));
  if (!failed(placed)) {
    placed = yield* wait(vfs.rename(credentials, made, open.path, { replace: !leaves }));
  }
  if (failed(placed)) {
    const removed = isDirectory
      ? yield* wait(vfs.removeDirectory(credentials, made))
      : yield* wait(vfs.unlink(credentials, made));
    if (failed(removed)) open.volume.env.log.warn({ path: made, errno: removed }, 'left behind');
  }
  return placed;
}

/** The open, its entry and its descriptor are the new object's from here on. */
function* goOver(open: LocalOpen, file: VfsFile, link: OpenedLink | undefined): Task<NtStatus> {
  const { volume, fileKey, openId } = open;
  const stat = yield* wait(file.stat());
  if (failed(stat) || open.closed) {
    file.close();
    return failed(stat) ? statusOf(stat) : STATUS_FILE_CLOSED;
  }
  yield* keepDescriptor(open, file);
  const entry = yield* wait(
    volume.files.update(fileKey, (current) => decideTakenOut(current, openId)),
  );
  assert(entry !== undefined, `open ${openId} has no entry`);
  if (open.isDirectory) volume.changeNotifyList.remove(open);
  volume.opens.remove(open);
  open.file.close();
  open.file = file;
  open.fileKey = fileKeyOf(stat);
  open.isDirectory = stat.type === 'directory';
  open.link = link;
  open.backing = link === undefined ? undefined : LINK_BACKING;
  open.cursor = undefined;
  volume.opens.add(open);
  yield* wait(
    volume.files.update(open.fileKey, (current) => decideEntered(current, entry, open.isDirectory)),
  );
  return STATUS_SUCCESS;
}

/** Who may do what with the name stays, where the store lets a link have it at all. */
function* keepDescriptor(open: LocalOpen, file: VfsFile): Task<void> {
  const { volume } = open;
  const value = yield* wait(getSecurity(volume, open.file));
  const old = yield* wait(open.file.stat());
  const stat = yield* wait(file.stat());
  if (failed(value) || failed(old) || failed(stat)) return;
  const { path } = open;
  const stored = { source: open.file, stat: old, path, value };
  const descriptor = yield* descriptorOf(volume, stored);
  if (descriptor !== undefined) yield* putDescriptor(volume, file, stat, descriptor);
}

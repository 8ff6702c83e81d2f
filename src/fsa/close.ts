import { after, afterAnswer, type Now, type Task, taskOf, wait } from '../base/task.ts';
import { type NtStatus, STATUS_SUCCESS } from '../erref/ntstatus.ts';
import { ENOENT, type Errno, ESTALE, failed } from '../vfs/errno.ts';
import type { FileStat } from '../vfs/vfs.ts';
import { isLeftOver, outlivesDeletion } from './apple-streams.ts';
import { breakParent, breakParentOf } from './break-parent.ts';
import { type CloseDecision, decideClose, decideDeleted } from './decide-close.ts';
import type { RemovedLink } from './decide-unlinked.ts';
import { fileKeyOf, type PendingDelete } from './file-record.ts';
import type { LocalOpen } from './local-open.ts';
import { endIfDeletePending } from './notify.ts';
import { reportRemoved, reportStreamRemoved } from './notify-report.ts';
import { findStream, removeStream, storedIds } from './stream-backing.ts';

/**
 * Ends an open: drops its locks and its share mode, and removes the file or stream when this was
 * the last open of something that is to be deleted.
 *
 * [MS-FSA] 2.1.5.5 Server Requests Closing an Open. Idempotent. Always STATUS_SUCCESS: a removal
 * that fails (a directory that filled up meanwhile) leaves the file, as Windows does. Waiting lock
 * requests of the open end with STATUS_RANGE_NOT_LOCKED.
 */
export function* closeOpen(open: LocalOpen): Task<NtStatus> {
  return yield* taskOf(leave(open, false));
}

/** The same, without a task where nothing has to wait and nothing comes of it. */
export function closeOpenNow(open: LocalOpen): Now<NtStatus> {
  return leave(open, false);
}

/** Ends an open that its CREATE could not finish: nothing is deleted. */
export function* abandonOpen(open: LocalOpen): Task<NtStatus> {
  return yield* taskOf(leave(open, true));
}

function leave(open: LocalOpen, isAbandoned: boolean): Now<NtStatus> {
  if (open.closed) return STATUS_SUCCESS;
  open.closed = true;
  const { volume, fileKey, openId, streamName, parentOplockKey } = open;
  volume.opens.remove(open);
  if (open.isDirectory) volume.changeNotifyList.remove(open);
  const { credentials } = open.security;
  return after(open.backing !== undefined && isLeftOver(open), (isLeft) => {
    const closing = { openId, streamName, credentials, parentOplockKey, isAbandoned, isLeft };
    const closed = volume.files.update(fileKey, (current) => decideClose(current, closing));
    return afterAnswer(closed, (decision) => {
      volume.oplockBreaks.leave(open);
      return after(hasMore(open, decision) ? settle(open, decision) : undefined, () => {
        open.backing?.close();
        open.file.close();
        return STATUS_SUCCESS;
      });
    });
  });
}

/** Whether anybody else has to know, or something has to go. */
function hasMore(open: LocalOpen, { due, breaks, isOrphan }: CloseDecision): boolean {
  if (due.length > 0 || breaks.length > 0 || isOrphan || open.contentChanged) return true;
  if (!open.isDirectory) return false;
  return open.oplock !== undefined || !open.volume.changeNotifyList.isEmpty;
}

function* settle(open: LocalOpen, { due, breaks, isHeld, isOrphan }: CloseDecision): Task<void> {
  const { volume, fileKey } = open;
  if (open.isDirectory && open.oplock !== undefined) {
    volume.localLeaseBreaks?.end(fileKey);
    yield* wait(volume.directoryLeases.remove());
  }
  volume.oplockBreaks.indicate(volume, fileKey, breaks);
  if (open.contentChanged) {
    volume.localLeaseBreaks?.note(open.path, 'modified');
    yield* breakParentOf(open);
  }
  if (due.length > 0) yield* removeAll(open, due, isHeld);
  if (isOrphan) yield* forgetStored(open, yield* storedIds(volume.streams, open.file));
  yield* endIfDeletePending(open);
}

/** The open's descriptor is held until the record is gone: no new file gets the same key before. */
function* removeAll(open: LocalOpen, due: readonly PendingDelete[], isHeld: boolean): Task<void> {
  const isFileGone = due.some((pending) => pending.streamKey === '');
  const removed: RemovedLink[] = [];
  for (const pending of due) {
    if (pending.streamKey === '') {
      const isRemoved = yield* removeFile(open, pending, isHeld);
      if (isRemoved && isHeld) removed.push(yield* removedLink(open, pending));
    } else if (!isFileGone) yield* removeOneStream(open, pending);
  }
  const { files } = open.volume;
  yield* wait(files.update(open.fileKey, (current) => decideDeleted(current, due, removed)));
}

function* removedLink(open: LocalOpen, { volumeId, path }: PendingDelete): Task<RemovedLink> {
  const stat = yield* wait(open.file.stat());
  return { volumeId, path, isLast: open.isDirectory || (!failed(stat) && stat.links === 0) };
}

/** Whether the name is gone. */
function* removeFile(open: LocalOpen, pending: PendingDelete, isHeld: boolean): Task<boolean> {
  const { path, credentials } = pending;
  const { volume } = open;
  const { env, streams } = volume;
  const stored = yield* storedIds(streams, open.file);
  const removed = yield* removeName(open, pending);
  if (removed === ENOENT || removed === ESTALE) return pending.volumeId === volume.id;
  if (failed(removed)) {
    env.log.info({ path, errno: removed }, 'delete on close failed');
    return false;
  }
  volume.names.removed();
  volume.tunnel?.remember(path);
  // Who has the file open keeps its streams, too: see `isOrphan`.
  if (stored.length > 0 && !isHeld) yield* forgetStored(open, stored);
  reportRemoved(volume, { path, isDirectory: open.isDirectory });
  // Windows: who decided it and who closed last must name one parent's lease for it to stay
  // (smbtorture smb2.dirlease.unlink_different_set_and_close).
  const isOne = pending.parentOplockKey === open.parentOplockKey;
  const parentOplockKey = isOne ? open.parentOplockKey : '';
  yield* breakParent({ volume, path, credentials, parentOplockKey });
  return true;
}

/** ESTALE: somebody outside has put another file under the name. */
function* removeName(open: LocalOpen, { path, credentials }: PendingDelete): Task<0 | Errno> {
  const { vfs } = open.volume;
  const isOpen = (stat: FileStat): boolean => fileKeyOf(stat) === open.fileKey;
  if (!open.isDirectory) {
    const removed = yield* wait(vfs.unlink(credentials, path, isOpen));
    if (removed !== ESTALE || open.link !== undefined) return removed;
  }
  // The name of a link may have been opened that led to the file.
  const stat = yield* wait(vfs.stat(credentials, path, { noFollow: open.link !== undefined }));
  if (failed(stat)) return stat;
  if (!isOpen(stat)) return ESTALE;
  return open.isDirectory
    ? yield* wait(vfs.removeDirectory(credentials, path))
    : yield* wait(vfs.unlink(credentials, path));
}

/** Streams in the side store go with the last name of their file. */
function* forgetStored(open: LocalOpen, stored: readonly string[]): Task<void> {
  const stat = yield* wait(open.file.stat());
  if (!open.isDirectory && (failed(stat) || stat.links > 0)) return;
  for (const id of stored) yield* open.volume.streams.remove(id);
}

function* removeOneStream(open: LocalOpen, { streamName }: PendingDelete): Task<void> {
  const xattr = yield* findStream(open.volume.streams, open.file, streamName);
  if (failed(xattr) || (yield* outlivesDeletion(open, xattr))) return;
  const removed = yield* removeStream(open.volume.streams, open.file, xattr);
  if (failed(removed)) {
    open.volume.env.log.info({ xattr, errno: removed }, 'delete on close failed');
    return;
  }
  reportStreamRemoved(open, streamName);
  yield* breakParentOf(open);
}

/**
 * [MS-FSA] 2.1.5.5 Server Requests Closing an Open, the part that is shared state. Pure: runs
 * inside `files.update`.
 *
 * Removing a file takes two steps so that nobody opens it in between: the last close leaves a
 * record without opens and with its deletions (new opens fail with STATUS_DELETE_PENDING), removes
 * the file from the storage, and then removes the record.
 */
import { DELETE } from '../dtyp/access-mask.ts';
import type { Update } from '../state/record-store.ts';
import type { Credentials } from '../vfs/vfs.ts';
import { decideBreaks, dropOplocks } from './decide-oplock.ts';
import { markUnlinked, type RemovedLink } from './decide-unlinked.ts';
import { type FileRecord, isSameLink, type OpenEntry, type PendingDelete } from './file-record.ts';
import { NO_BREAKS, type OplockBreak } from './oplock.ts';

export interface ClosingOpen {
  readonly openId: string;
  readonly streamName: string;
  readonly credentials: Credentials;
  readonly parentOplockKey: string;
  /** The open came to nothing: FILE_DELETE_ON_CLOSE has no effect. */
  readonly isAbandoned: boolean;
  /** Its stream counts for nothing, and goes unless others have it open: apple-streams.ts. */
  readonly isLeft: boolean;
}

export interface CloseDecision {
  /** What the caller has to remove now. */
  readonly due: readonly PendingDelete[];
  /** Whoever keeps the file open without need is asked to let go of what is to be deleted. */
  readonly breaks: readonly OplockBreak[];
  /** Others have the file open still. */
  readonly isHeld: boolean;
  /** Nobody has, and the link of who had it last was gone: the file may be gone with this. */
  readonly isOrphan: boolean;
}

const NOTHING: CloseDecision = { due: [], breaks: NO_BREAKS, isHeld: false, isOrphan: false };
const ORPHAN: CloseDecision = { ...NOTHING, isOrphan: true };

/**
 * Takes the open and its locks out of the record; its oplock with the last open under its key. That
 * may be undone (docs/adr/0009).
 */
export function decideClose(
  current: FileRecord | undefined,
  closing: ClosingOpen,
): Update<FileRecord, CloseDecision> {
  const entry = current?.opens.find((open) => open.openId === closing.openId);
  if (current === undefined || entry === undefined) return { next: 'keep', result: NOTHING };
  const deletes =
    (entry.deleteOnClose && !closing.isAbandoned && entry.isUnlinked !== true) ||
    (closing.isLeft && isAlone(entry, current.opens));
  if (current.opens.length === 1 && current.deletePending.length === 0 && !deletes) {
    const result = entry.isUnlinked === true ? ORPHAN : NOTHING;
    return { next: undefined, result, mayBeUndone: true };
  }
  const opens = current.opens.filter((open) => open !== entry);
  const locks =
    current.locks.length === 0
      ? current.locks
      : current.locks.filter((lock) => lock.openId !== closing.openId);
  const deletePending = deletes
    ? withPending(current.deletePending, pendingOf(entry, closing))
    : current.deletePending;
  const due = deletePending.filter((pending) => isDue(pending, opens, closing.openId));
  const isHeld = opens.length > 0;
  const isOrphan = !isHeld && entry.isUnlinked === true;
  if (!isHeld && due.length === 0) {
    return { next: undefined, result: isOrphan ? ORPHAN : NOTHING, mayBeUndone: true };
  }
  // Written out: a copy by spread costs as much as all the rest of a close's decision.
  const left: FileRecord = {
    isDirectory: current.isDirectory,
    opens,
    locks,
    oplocks: dropOplocks(current.oplocks, opens),
    deletePending,
    version: current.version + 1,
  };
  const result = { due, breaks: NO_BREAKS, isHeld, isOrphan };
  if (!deletes) return { next: left, result, mayBeUndone: true };
  const { oplocks, breaks } = decideBreaks(left, {
    oplockKey: entry.oplockKey,
    streamKey: entry.streamKey,
    operation: 'remove',
    access: DELETE,
    queuedAt: undefined,
  });
  const next = { ...left, oplocks };
  return { next, result: { ...result, breaks }, mayBeUndone: true };
}

/** Whether nobody else has the stream open. */
function isAlone(entry: OpenEntry, opens: readonly OpenEntry[]): boolean {
  return !opens.some((open) => open !== entry && open.streamKey === entry.streamKey);
}

/** After the storage did what `decideClose` asked: forgets these deletions, and these links. */
export function decideDeleted(
  current: FileRecord | undefined,
  done: readonly PendingDelete[],
  removed: readonly RemovedLink[],
): Update<FileRecord, undefined> {
  if (current === undefined) return { next: 'keep', result: undefined };
  const deletePending = current.deletePending.filter(
    (pending) => !done.some((other) => isSamePending(pending, other)),
  );
  const next =
    current.opens.length === 0 && deletePending.length === 0
      ? undefined
      : {
          ...current,
          opens: markUnlinked(current.opens, removed),
          deletePending,
          version: current.version + 1,
        };
  return { next, result: undefined, mayBeUndone: true };
}

/** Adds a deletion unless it already stands. */
export function withPending(
  list: readonly PendingDelete[],
  added: PendingDelete,
): readonly PendingDelete[] {
  return list.some((pending) => isSamePending(pending, added)) ? list : [...list, added];
}

function isSamePending(a: PendingDelete, b: PendingDelete): boolean {
  return a.streamKey === b.streamKey && a.path === b.path && a.volumeId === b.volumeId;
}

function pendingOf(entry: OpenEntry, closing: ClosingOpen): PendingDelete {
  return {
    volumeId: entry.volumeId,
    path: entry.path,
    streamKey: entry.streamKey,
    streamName: closing.streamName,
    posixOpenId: undefined,
    credentials: closing.credentials,
    parentOplockKey: closing.parentOplockKey,
  };
}

/** A file goes with the last open of its link, whichever stream that has; a stream with its own. */
function isDue(pending: PendingDelete, opens: readonly OpenEntry[], closingId: string): boolean {
  // FILE_DISPOSITION_POSIX_SEMANTICS: with the open that asked for it, whoever else has the file.
  if (pending.posixOpenId === closingId) return true;
  // Opens that keep to POSIX do without the name.
  return !opens.some(
    (open) =>
      open.isPosix !== true &&
      isSameLink(open, pending) &&
      (pending.streamKey === '' || open.streamKey === pending.streamKey),
  );
}

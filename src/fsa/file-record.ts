/**
 * The shared record of one open file: everything about it that another open, process or node has
 * to know ([MS-FSA] 2.1.1.3 Per File and 2.1.1.6 Per Open, the parts that outlive one process).
 *
 * Stored in table 'file' under `fileKey`. It exists while an open exists, and a moment longer while
 * the last close removes the file from the storage. Plain data, never mutated; the decide*
 * functions in this folder are the only ones that make a next record.
 */
import type { Credentials, FileStat } from '../vfs/vfs.ts';
import type { OplockEntry } from './oplock.ts';
import type { PersistentOpen } from './persistent-open.ts';

/** `serverId` of what a process left behind that is gone, until another one takes it over. */
export const NO_SERVER = '';

/** [MS-FSA] 2.1.1.6 Per Open: what others' decisions look at. */
export interface OpenEntry {
  /** Unique over processes and restarts. */
  readonly openId: string;
  /** The server process that owns it; breaks and close requests go there. */
  readonly serverId: string;
  /** [MS-FSA] Open.Link: the volume, and the path below its root as on disk ('/'-separated). */
  readonly volumeId: string;
  readonly path: string;
  /** '' is the unnamed data stream (or the directory itself), upper-cased otherwise. */
  readonly streamKey: string;
  /**
   * [MS-FSA] Open.TargetOplockKey: opens with one key never break each other's caching. The
   * lease's, or this open's own id.
   */
  readonly oplockKey: string;
  readonly grantedAccess: number;
  readonly shareAccess: number;
  /** FILE_DELETE_ON_CLOSE was given at open. */
  readonly deleteOnClose: boolean;
  /** Set with it: in whose name the deletion is done if another process has to do it. */
  readonly deletesAs?: Credentials | undefined;
  /** The open keeps to POSIX: it does not keep the name from going. */
  readonly isPosix?: boolean | undefined;
  /** The link is gone and `path` may be another file's by now: nothing is done by it any more. */
  readonly isUnlinked?: boolean | undefined;
  /** Set on an open that outlives the server. */
  readonly persistent?: PersistentOpen | undefined;
  /** What the layer above keeps together with the locks of an open that another process may get. */
  readonly owned?: object | undefined;
}

/** [MS-FSA] 2.1.1.10 Per ByteRangeLock. Range is [offset, offset + length), bytes, u64. */
export interface ByteRangeLock {
  readonly openId: string;
  readonly streamKey: string;
  readonly offset: bigint;
  readonly length: bigint;
  readonly exclusive: boolean;
}

/** [MS-FSA] Link.IsDeleted or Stream.IsDeleted: what goes when the last open of it closes. */
export interface PendingDelete {
  readonly volumeId: string;
  readonly path: string;
  /** '' is the file itself with all its streams. */
  readonly streamKey: string;
  readonly streamName: string;
  /** Set when the name goes as soon as this open closes, others or not. */
  readonly posixOpenId: string | undefined;
  /** Of the open that decided it: the removal is done in their name. */
  readonly credentials: Credentials;
  /** Of the open that decided it: see `LocalOpen.parentOplockKey`. */
  readonly parentOplockKey: string;
}

export interface FileRecord {
  readonly isDirectory: boolean;
  readonly opens: readonly OpenEntry[];
  readonly locks: readonly ByteRangeLock[];
  /** [MS-FSA] Stream.Oplock, of all streams: one for each holder. */
  readonly oplocks: readonly OplockEntry[];
  readonly deletePending: readonly PendingDelete[];
  /** Counts changes, so that a waiter can tell whether it saw this one. */
  readonly version: number;
}

/** Layout of `FileRecord`. */
export const FILE_RECORD_VERSION = 6;

/** The key of a file's record: its identity while anything holds it open. */
export function fileKeyOf({ device, inode }: FileStat): string {
  const slot = Number(BigInt.asUintN(RECENT_BITS, inode));
  const known = recent[slot];
  if (known !== undefined && known.inode === inode && known.device === device) return known.key;
  const key = `${device}:${inode}`;
  recent[slot] = { device, inode, key };
  return key;
}

const RECENT_BITS = 8;
/** Of files that were asked about last: maps find a string that they have seen in half the time. */
const recent: { readonly device: bigint; readonly inode: bigint; readonly key: string }[] = [];

interface LinkOf {
  readonly volumeId: string;
  readonly path: string;
  readonly isUnlinked?: boolean | undefined;
}

/** Whether two opens or deletions came through one link (directory entry) that still stands. */
export function isSameLink(a: LinkOf, b: LinkOf): boolean {
  if (a.isUnlinked === true || b.isUnlinked === true) return false;
  // Paths of different volumes cannot be compared: taken for one link, which errs to refusing.
  return a.path === b.path || a.volumeId !== b.volumeId;
}

/** Whether the link that the open came through is gone. */
export function isUnlinked(record: FileRecord | undefined, openId: string): boolean {
  if (record === undefined) return false;
  return record.opens.some((open) => open.isUnlinked === true && open.openId === openId);
}

/** Somebody's last close removes the file from the storage at this moment: see decide-close.ts. */
export function isBeingRemoved(record: FileRecord | undefined): boolean {
  return record !== undefined && record.opens.length === 0 && record.deletePending.length > 0;
}

/** The deletion that stands for this stream through this link, if any. */
export function pendingDeleteOf(
  record: FileRecord,
  open: { readonly volumeId: string; readonly path: string; readonly streamKey: string },
): PendingDelete | undefined {
  for (const pending of record.deletePending) {
    if (pending.streamKey !== '' && pending.streamKey !== open.streamKey) continue;
    if (isSameLink(pending, open)) return pending;
  }
  return undefined;
}

/** Whether the stream goes once its opens under one oplock or lease, and all others, are closed. */
export function isDeletionDue(
  record: FileRecord | undefined,
  open: {
    readonly volumeId: string;
    readonly path: string;
    readonly streamKey: string;
    readonly oplockKey: string;
  },
): boolean {
  if (record === undefined) return false;
  if (pendingDeleteOf(record, open) !== undefined) return true;
  return record.opens.some(
    ({ deleteOnClose, oplockKey, streamKey }) =>
      deleteOnClose && oplockKey === open.oplockKey && streamKey === open.streamKey,
  );
}

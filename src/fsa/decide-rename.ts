/** [MS-FSA] 2.1.5.15.11 FileRenameInformation, what the shared records say and become. Pure. */
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_DELETE_PENDING,
  STATUS_FILE_DELETED,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import type { Update } from '../state/record-store.ts';
import { type FileRecord, isUnlinked, type OpenEntry, pendingDeleteOf } from './file-record.ts';
import type { OplockEntry } from './oplock.ts';

export interface Link {
  readonly volumeId: string;
  readonly path: string;
}

/** A link, or one that is gone: such stays as it was. */
interface Mark extends Link {
  readonly isUnlinked?: boolean | undefined;
}

/**
 * Whether a file's own opens let it be renamed.
 *
 * STATUS_DELETE_PENDING: it is going. STATUS_FILE_DELETED: the name is gone, and what has it now is
 * another file. STATUS_ACCESS_DENIED: one of its named streams is open
 * (smbtorture smb2.streams.basefile-rename-with-open-stream).
 */
export function mayRename(
  record: FileRecord | undefined,
  link: Link & { readonly openId: string },
): NtStatus {
  if (record === undefined) return STATUS_SUCCESS;
  if (isUnlinked(record, link.openId)) return STATUS_FILE_DELETED;
  if (pendingDeleteOf(record, { ...link, streamKey: '' }) !== undefined) {
    return STATUS_DELETE_PENDING;
  }
  const hasStream = record.opens.some((open) => open.streamKey !== '');
  return hasStream ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

/** Whether somebody's opens keep a file from being replaced: those that keep to POSIX do not. */
export function holdsName(record: FileRecord | undefined): boolean {
  if (record === undefined) return false;
  const holds = (open: OpenEntry): boolean => open.isPosix !== true && open.isUnlinked !== true;
  return record.opens.some(holds) || record.deletePending.length > 0;
}

/** What is open below a directory, and under which oplock: then the directory stays where it is. */
export function opensBelow(
  records: Iterable<readonly [key: string, record: FileRecord]>,
  directory: Link,
): readonly OpenBelow[] {
  const below = `${directory.path}/`;
  const found: OpenBelow[] = [];
  for (const [fileKey, record] of records) {
    for (const open of record.opens) {
      if (open.isUnlinked === true || open.volumeId !== directory.volumeId) continue;
      if (!open.path.startsWith(below)) continue;
      const { oplockKey, streamKey } = open;
      const oplock = record.oplocks.find(
        (entry) => entry.oplockKey === oplockKey && entry.streamKey === streamKey,
      );
      found.push({ fileKey, streamKey, oplock, isPosix: open.isPosix === true });
    }
  }
  return found;
}

export interface OpenBelow {
  readonly fileKey: string;
  readonly streamKey: string;
  readonly oplock: OplockEntry | undefined;
  /** The open keeps to POSIX: for a rename by one of its kind it does not count. */
  readonly isPosix: boolean;
}

/** Every open and deletion below a directory moves with it. */
export function decideMovedBelow(
  current: FileRecord | undefined,
  directory: Link,
  path: string,
): Update<FileRecord, undefined> {
  if (current === undefined) return { next: 'keep', result: undefined };
  const move = <T extends Mark>(link: T): T => {
    if (link.isUnlinked === true || link.volumeId !== directory.volumeId) return link;
    const moved = pathMovedBelow(link.path, directory.path, path);
    return moved === undefined ? link : { ...link, path: moved };
  };
  const opens = current.opens.map(move);
  const deletePending = current.deletePending.map(move);
  const version = current.version + 1;
  return { next: { ...current, opens, deletePending, version }, result: undefined };
}

/** A path below `from` where that is `to` now; undefined for any other. */
export function pathMovedBelow(path: string, from: string, to: string): string | undefined {
  return path.startsWith(`${from}/`) ? to + path.slice(from.length) : undefined;
}

/** Every open and deletion of the old link belongs to the new one. */
export function decideRenamed(
  current: FileRecord | undefined,
  from: Link,
  path: string,
): Update<FileRecord, undefined> {
  if (current === undefined) return { next: 'keep', result: undefined };
  const moves = (link: Mark): boolean =>
    link.isUnlinked !== true && link.volumeId === from.volumeId && link.path === from.path;
  const opens = current.opens.map((open) => (moves(open) ? { ...open, path } : open));
  const deletePending = current.deletePending.map((pending) =>
    moves(pending) ? { ...pending, path } : pending,
  );
  const version = current.version + 1;
  return { next: { ...current, opens, deletePending, version }, result: undefined };
}

/** Every open, lock and deletion of the old stream belongs to the new one. */
export function decideStreamRenamed(
  current: FileRecord | undefined,
  from: string,
  to: { readonly streamKey: string; readonly streamName: string },
): Update<FileRecord, undefined> {
  if (current === undefined) return { next: 'keep', result: undefined };
  const { streamKey, streamName } = to;
  return {
    next: {
      ...current,
      opens: current.opens.map((open) => (open.streamKey === from ? { ...open, streamKey } : open)),
      locks: current.locks.map((lock) => (lock.streamKey === from ? { ...lock, streamKey } : lock)),
      oplocks: current.oplocks.map((entry) =>
        entry.streamKey === from ? { ...entry, streamKey } : entry,
      ),
      deletePending: current.deletePending.map((pending) =>
        pending.streamKey === from ? { ...pending, streamKey, streamName } : pending,
      ),
      version: current.version + 1,
    },
    result: undefined,
  };
}

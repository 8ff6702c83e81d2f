/** [MS-FSA] 2.1.5.15.3 FileDispositionInformation, the shared state. Pure. */
import {
  type NtStatus,
  STATUS_FILE_CLOSED,
  STATUS_FILE_DELETED,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import type { Update } from '../state/record-store.ts';
import type { Credentials } from '../vfs/vfs.ts';
import { withPending } from './decide-close.ts';
import { type FileRecord, isSameLink, type PendingDelete } from './file-record.ts';

export interface Disposition {
  readonly openId: string;
  readonly streamName: string;
  readonly credentials: Credentials;
  readonly parentOplockKey: string;
  readonly isDeleted: boolean;
  /** The name goes with this open, whoever else has the file. */
  readonly isPosix: boolean;
  /** Changes FILE_DELETE_ON_CLOSE of this open only. */
  readonly isOnClose: boolean;
}

/**
 * Marks the open's link, or stream, as to be deleted, or takes that back. STATUS_FILE_DELETED: the
 * link is gone already.
 */
export function decideDisposition(
  current: FileRecord | undefined,
  disposition: Disposition,
): Update<FileRecord, NtStatus> {
  const { openId, isDeleted } = disposition;
  const entry = current?.opens.find((open) => open.openId === openId);
  if (current === undefined || entry === undefined) {
    return { next: 'keep', result: STATUS_FILE_CLOSED };
  }
  if (entry.isUnlinked === true) return { next: 'keep', result: STATUS_FILE_DELETED };
  const version = current.version + 1;
  if (disposition.isOnClose) {
    const { deletesAs: _, ...kept } = entry;
    const who = isDeleted ? { deletesAs: disposition.credentials } : {};
    const changed = { ...kept, deleteOnClose: isDeleted, ...who };
    const opens = current.opens.map((open) => (open === entry ? changed : open));
    return { next: { ...current, opens, version }, result: STATUS_SUCCESS };
  }
  const others = current.deletePending.filter(
    (pending) => pending.streamKey !== entry.streamKey || !isSameLink(pending, entry),
  );
  if (!isDeleted) {
    if (others.length === current.deletePending.length) {
      return { next: 'keep', result: STATUS_SUCCESS };
    }
    return { next: { ...current, deletePending: others, version }, result: STATUS_SUCCESS };
  }
  const pending: PendingDelete = {
    volumeId: entry.volumeId,
    path: entry.path,
    streamKey: entry.streamKey,
    streamName: disposition.streamName,
    posixOpenId: disposition.isPosix ? openId : undefined,
    credentials: disposition.credentials,
    parentOplockKey: disposition.parentOplockKey,
  };
  const deletePending = withPending(others, pending);
  return { next: { ...current, deletePending, version }, result: STATUS_SUCCESS };
}

/** Takes back what `decideDisposition` changed of `before`, and nothing else that changed since. */
export function decideUndisposed(
  current: FileRecord | undefined,
  before: FileRecord | undefined,
  { openId, isOnClose }: Disposition,
): Update<FileRecord, undefined> {
  const entry = before?.opens.find((open) => open.openId === openId);
  if (current === undefined || before === undefined || entry === undefined) {
    return { next: 'keep', result: undefined };
  }
  const version = current.version + 1;
  if (isOnClose) {
    const { deleteOnClose, deletesAs } = entry;
    const opens = current.opens.map((open) => {
      if (open.openId !== openId) return open;
      const { deletesAs: _, ...rest } = open;
      return { ...rest, deleteOnClose, ...(deletesAs === undefined ? {} : { deletesAs }) };
    });
    return { next: { ...current, opens, version }, result: undefined };
  }
  const isOthers = (pending: PendingDelete): boolean =>
    pending.streamKey !== entry.streamKey || !isSameLink(pending, entry);
  const own = before.deletePending.filter((pending) => !isOthers(pending));
  const deletePending = [...current.deletePending.filter(isOthers), ...own];
  return { next: { ...current, deletePending, version }, result: undefined };
}

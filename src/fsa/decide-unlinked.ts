/**
 * A link that is gone while its file is still open: POSIX unlinks and replaces what is open. Pure.
 *
 * Its opens go on by their descriptors and are marked, so that no operation by path mistakes a new
 * file of the name for theirs: those fail with STATUS_FILE_DELETED.
 */
import type { Update } from '../state/record-store.ts';
import type { FileRecord, OpenEntry } from './file-record.ts';

export interface RemovedLink {
  readonly volumeId: string;
  readonly path: string;
  /** The file has no other: opens through any volume lost theirs. */
  readonly isLast: boolean;
}

/** Marks the opens that came through the link; whether the file is open at all. */
export function decideUnlinked(
  current: FileRecord | undefined,
  link: RemovedLink,
): Update<FileRecord, boolean> {
  if (current === undefined) return { next: 'keep', result: false };
  const result = current.opens.length > 0;
  const opens = markUnlinked(current.opens, [link]);
  if (opens === current.opens) return { next: 'keep', result };
  return { next: { ...current, opens, version: current.version + 1 }, result };
}

/** The same list where no open came through one of the links. */
export function markUnlinked(
  opens: readonly OpenEntry[],
  links: readonly RemovedLink[],
): readonly OpenEntry[] {
  const loses = (open: OpenEntry): boolean =>
    open.isUnlinked !== true &&
    links.some(
      ({ volumeId, path, isLast }) => isLast || (open.volumeId === volumeId && open.path === path),
    );
  if (!opens.some(loses)) return opens;
  return opens.map((open) => (loses(open) ? { ...open, isUnlinked: true } : open));
}

import type { Update } from '../state/record-store.ts';
import type { FileRecord } from './file-record.ts';
import { NO_CACHING } from './oplock.ts';

/**
 * A grant that nobody was told of yet is taken back: its holder caches nothing of the file. Pure.
 */
export function decideUncached(
  current: FileRecord | undefined,
  oplockKey: string,
): Update<FileRecord, undefined> {
  if (current === undefined) return { next: 'keep', result: undefined };
  const oplocks = current.oplocks.map((entry) =>
    entry.oplockKey === oplockKey && entry.streamKey === ''
      ? { ...entry, caching: NO_CACHING, breaking: undefined }
      : entry,
  );
  return { next: { ...current, oplocks, version: current.version + 1 }, result: undefined };
}

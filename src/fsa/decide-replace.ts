/** An open that goes over from one object to another, what the shared records become. Pure. */
import type { Update } from '../state/record-store.ts';
import type { FileRecord, OpenEntry } from './file-record.ts';

/** The open leaves the old object's record. */
export function decideTakenOut(
  current: FileRecord | undefined,
  openId: string,
): Update<FileRecord, OpenEntry | undefined> {
  const entry = current?.opens.find((open) => open.openId === openId);
  if (current === undefined || entry === undefined) return { next: 'keep', result: undefined };
  const opens = current.opens.filter((open) => open !== entry);
  const isEmpty = opens.length === 0 && current.deletePending.length === 0;
  const next = isEmpty ? undefined : { ...current, opens, version: current.version + 1 };
  return { next, result: entry };
}

/** The open comes to the new object's, which somebody may have opened by its name already. */
export function decideEntered(
  current: FileRecord | undefined,
  entry: OpenEntry,
  isDirectory: boolean,
): Update<FileRecord, undefined> {
  const next: FileRecord =
    current === undefined
      ? { isDirectory, opens: [entry], locks: [], oplocks: [], deletePending: [], version: 1 }
      : { ...current, opens: [...current.opens, entry], version: current.version + 1 };
  return { next, result: undefined };
}

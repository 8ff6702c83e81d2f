import { align, LE, pad } from '../base/bytes.ts';
import { decodeUtf16, encodeUtf16 } from '../base/utf16le.ts';

/** [MS-FSCC] 2.7.1 FILE_NOTIFY_INFORMATION, Action. */
export const FILE_ACTION_ADDED = 1;
export const FILE_ACTION_REMOVED = 2;
export const FILE_ACTION_MODIFIED = 3;
export const FILE_ACTION_RENAMED_OLD_NAME = 4;
export const FILE_ACTION_RENAMED_NEW_NAME = 5;
export const FILE_ACTION_ADDED_STREAM = 6;
export const FILE_ACTION_REMOVED_STREAM = 7;
export const FILE_ACTION_MODIFIED_STREAM = 8;

export interface NotifyChange {
  readonly action: number;
  /** Relative to the watched directory, '\'-separated. */
  readonly name: string;
}

/** Bytes of an entry before its name. */
export const NOTIFY_HEADER_SIZE = 12;

/**
 * Writes all changes and returns the end offset, or -1 when they do not fit: then the client is
 * told to list again (STATUS_NOTIFY_ENUM_DIR).
 *
 * [MS-FSCC] 2.7.1 FILE_NOTIFY_INFORMATION, entries aligned to 4
 *
 *    0   4  NextEntryOffset
 *    4   4  Action
 *    8   4  FileNameLength
 *   12      FileName
 */
export function encodeNotifyInformation(
  view: DataView,
  at: number,
  end: number,
  changes: readonly NotifyChange[],
): number {
  let previousAt = -1;
  let listEnd = at;
  for (const change of changes) {
    const entryAt = at + align(listEnd - at, 4);
    if (entryAt + NOTIFY_HEADER_SIZE + 2 * change.name.length > end) return -1;
    pad(view, listEnd, entryAt);
    if (previousAt >= 0) view.setUint32(previousAt, entryAt - previousAt, LE);
    view.setUint32(entryAt, 0, LE);
    view.setUint32(entryAt + 4, change.action, LE);
    view.setUint32(entryAt + 8, 2 * change.name.length, LE);
    listEnd = encodeUtf16(view, entryAt + NOTIFY_HEADER_SIZE, change.name);
    previousAt = entryAt;
  }
  return listEnd;
}

/** The changes of a CHANGE_NOTIFY answer; undefined when the bytes are none. */
export function decodeNotifyInformation(
  view: DataView,
  at: number,
  end: number,
): readonly NotifyChange[] | undefined {
  const changes: NotifyChange[] = [];
  if (at === end) return changes;
  for (let entryAt = at; ; ) {
    if (end - entryAt < NOTIFY_HEADER_SIZE) return undefined;
    const next = view.getUint32(entryAt, LE);
    const nameLength = view.getUint32(entryAt + 8, LE);
    const nameAt = entryAt + NOTIFY_HEADER_SIZE;
    if (nameLength % 2 !== 0 || nameLength > end - nameAt) return undefined;
    const name = decodeUtf16(view, nameAt, nameAt + nameLength);
    changes.push({ action: view.getUint32(entryAt + 4, LE), name });
    if (next === 0) return changes;
    if (next < NOTIFY_HEADER_SIZE || next > end - entryAt) return undefined;
    entryAt += next;
  }
}

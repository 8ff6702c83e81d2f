/**
 * Reparse points that no POSIX file stands for: the whole REPARSE_DATA_BUFFER in an extended
 * attribute, as Samba keeps it, and FILE_ATTRIBUTE_REPARSE_POINT among the stored attributes.
 */
import { LE, viewOf } from '../base/bytes.ts';
import { type Task, wait } from '../base/task.ts';
import { FILE_ATTRIBUTE_REPARSE_POINT } from '../fscc/file-attributes.ts';
import { IO_REPARSE_TAG_SYMLINK } from '../fscc/reparse-data.ts';
import { type Errno, failed } from '../vfs/errno.ts';
import type { DosAttributes } from './dos-attributes.ts';
import type { LocalOpen } from './local-open.ts';

export const REPARSE_XATTR = 'user.SmbReparse';

/** Whether an open is of a reparse point itself; `stored` are its file's attributes. */
export function isReparsePoint(open: LocalOpen, stored: DosAttributes): boolean {
  return open.link !== undefined || (stored.attributes & FILE_ATTRIBUTE_REPARSE_POINT) !== 0;
}

/** The tag of an open reparse point; 0 where the attribute lies. */
export function* reparseTag(open: LocalOpen): Task<number> {
  if (open.link !== undefined) return IO_REPARSE_TAG_SYMLINK;
  return reparseTagOf(yield* wait(open.file.getXattr(REPARSE_XATTR)));
}

/** The tag in a stored buffer; 0 when there is none. */
export function reparseTagOf(value: Uint8Array | Errno): number {
  return failed(value) || value.length < 4 ? 0 : viewOf(value).getUint32(0, LE);
}

/** Reading of directories with getdents64(2). */
import { LE } from '../../base/bytes.ts';
import { ENOENT, type Errno, failed } from '../errno.ts';
import type { DirectoryEntry, FileType } from '../vfs.ts';
import { DT_DIR, DT_LNK, DT_REG, DT_UNKNOWN } from './linux.ts';
import { decodeName } from './names.ts';
import * as sys from './syscalls.ts';

/** About 2000 entries; decoded before anyone else can use it. */
const buffer = Buffer.allocUnsafeSlow(64 * 1024);
const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);

/** The next entries, without '.' and '..'; empty at the end. */
export function readEntries(fd: number): DirectoryEntry[] | Errno {
  for (;;) {
    const size = sys.getdents64(fd, buffer);
    if (size === ENOENT) return []; // The directory itself was removed.
    if (failed(size)) return size;
    const entries = decodeEntries(size);
    if (entries.length > 0 || size === 0) return entries;
  }
}

/** struct linux_dirent64: 0 ino, 8 off, 16 reclen, 18 type, 19 name with its NUL and padding. */
function decodeEntries(size: number): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  for (let at = 0; at < size; ) {
    const next = at + view.getUint16(at + 16, LE);
    if (!isDots(at + 19)) {
      let end = at + 19;
      while (buffer[end] !== 0) end++;
      entries.push({
        name: decodeName(buffer, at + 19, end),
        type: entryType(buffer[at + 18]!),
        inode: view.getBigUint64(at, LE),
      });
    }
    at = next;
  }
  return entries;
}

function isDots(at: number): boolean {
  if (buffer[at] !== 0x2e) return false;
  return buffer[at + 1] === 0 || (buffer[at + 1] === 0x2e && buffer[at + 2] === 0);
}

function entryType(type: number): FileType | undefined {
  if (type === DT_REG) return 'file';
  if (type === DT_DIR) return 'directory';
  if (type === DT_LNK) return 'symlink';
  return type === DT_UNKNOWN ? undefined : 'other';
}

/** Decoding of statx(2) and statfs(2). Hot: once per CREATE and once per directory entry. */

import { getOffset, LE } from '../../base/bytes.ts';
import type { FileStat, FileSystemStat, FileType } from '../vfs.ts';
import {
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  ST_RDONLY,
  STATX_BASIC_STATS,
  STATX_BTIME,
} from './linux.ts';

/** One reusable `struct statx`. */
export class StatBuffer {
  readonly bytes: Uint8Array = new Uint8Array(256);
  readonly #view = new DataView(this.bytes.buffer);
  #deviceKey = -1;
  #device = 0n;

  fileType(): FileType {
    return fileTypeOf(this.#view.getUint16(28, LE));
  }

  /** Permission bits, those above them included. */
  mode(): number {
    return this.#view.getUint16(28, LE) & 0o7777;
  }

  /**
   * struct statx: 0 mask, 16 nlink, 20 uid, 24 gid, 28 mode, 32 ino, 40 size, 48 blocks,
   * 64 atime, 80 btime, 96 ctime, 112 mtime (each s64 seconds, u32 nanoseconds), 136 dev.
   */
  decode(): FileStat {
    const view = this.#view;
    const mode = view.getUint16(28, LE);
    const hasBirth = (view.getUint32(0, LE) & STATX_BTIME) !== 0;
    return {
      type: fileTypeOf(mode),
      device: this.#deviceNumber(),
      inode: view.getBigUint64(32, LE),
      size: getOffset(view, 40) ?? Number.MAX_SAFE_INTEGER,
      allocated: (getOffset(view, 48) ?? 0) * 512,
      links: view.getUint32(16, LE),
      mode: mode & 0o7777,
      uid: view.getUint32(20, LE),
      gid: view.getUint32(24, LE),
      accessTimeNs: timeNs(view, 64),
      modifyTimeNs: timeNs(view, 112),
      changeTimeNs: timeNs(view, 96),
      birthTimeNs: hasBirth ? timeNs(view, 80) : undefined,
    };
  }

  /** Major and minor in one bigint; nearly always that of the call before. */
  #deviceNumber(): bigint {
    const key = this.#view.getUint32(136, LE) * 0x1_0000_0000 + this.#view.getUint32(140, LE);
    if (key !== this.#deviceKey) {
      this.#deviceKey = key;
      this.#device = BigInt(key);
    }
    return this.#device;
  }
}

export const STAT_MASK: number = STATX_BASIC_STATS | STATX_BTIME;
/** Filled and decoded within one call. */
export const statBuffer: StatBuffer = new StatBuffer();

const NS = 1_000_000_000n;

function timeNs(view: DataView, at: number): bigint {
  return view.getBigInt64(at, LE) * NS + BigInt(view.getUint32(at + 8, LE));
}

function fileTypeOf(mode: number): FileType {
  const format = mode & S_IFMT;
  if (format === S_IFREG) return 'file';
  if (format === S_IFDIR) return 'directory';
  return format === S_IFLNK ? 'symlink' : 'other';
}

export const STATFS_SIZE = 120;

/**
 * struct statfs: words of type, bsize, blocks, bfree, bavail, files, ffree, …; 64 namelen,
 * 72 frsize, 80 flags.
 */
export function decodeStatfs(bytes: Uint8Array): FileSystemStat {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (at: number): number => getOffset(view, at) ?? Number.MAX_SAFE_INTEGER;
  return {
    blockSize: word(72) || word(8),
    blocks: word(16),
    blocksFree: word(24),
    blocksAvailable: word(32),
    files: word(40),
    filesFree: word(48),
    nameLengthMax: word(64),
    readOnly: (word(80) & ST_RDONLY) !== 0,
  };
}

export function statfsType(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, LE);
}

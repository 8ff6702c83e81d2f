/**
 * The stream AFP_AfpInfo, as macOS' server and Samba's vfs_fruit have it: 60 bytes in one piece,
 * big endian, read and written from the beginning.
 *
 *    0   4  Signature     'AFP\0'
 *    4   4  Version       0x00010000
 *    8   4  Reserved1
 *   12   4  BackupTime    seconds from 2000; 0x80000000 for none
 *   16  32  FinderInfo    type, creator, flags …; all zero: there is no stream
 *   48   6  ProDosInfo
 *   54   6  Reserved2
 */
import { LE, viewOf } from '../base/bytes.ts';
import { type MaybePromise, run, type Task, wait } from '../base/task.ts';
import { EINVAL, EOVERFLOW, type Errno, failed } from '../vfs/errno.ts';
import type { VfsFile } from '../vfs/vfs.ts';
import type { StreamBacking } from './stream-backing.ts';

const AFP_INFO_SIZE = 60;
const AFP_INFO_MAGIC = 0x4146_5000;
export const FINDER_INFO_AT = 16;
export const AFP_DATE_UNKNOWN = 0x8000_0000;
const AFP_INFO_VERSION = 0x0001_0000;
const FINDER_INFO_SIZE = 32;
/** 'AFP': a write says what it writes. */
const SIGN_SIZE = 3;

/** Whether a stream's content is such a structure; another is as if there were none. */
export function isAfpInfo(content: Uint8Array): boolean {
  return content.length === AFP_INFO_SIZE && viewOf(content).getUint32(0, !LE) === AFP_INFO_MAGIC;
}

/** One open's AFP_AfpInfo over what is stored of it: nothing, while there is no FinderInfo. */
export class AfpInfoStream implements StreamBacking {
  readonly #stored: StreamBacking;

  constructor(stored: StreamBacking) {
    this.#stored = stored;
  }

  size(): number {
    return AFP_INFO_SIZE;
  }

  /** macOS: from the beginning, wherever up to the end a read asks for; nothing beyond. */
  read(target: Uint8Array, offset: number): MaybePromise<number | Errno> {
    return offset > AFP_INFO_SIZE ? 0 : run(this.#read(target));
  }

  /**
   * Takes the whole structure, or its beginning at offset 0; what follows is dropped. EINVAL: any
   * other write.
   */
  write(chunks: readonly Uint8Array[], offset: number): MaybePromise<number | Errno> {
    return run(this.#write(chunks, offset));
  }

  /** EOVERFLOW: it does not grow. Cutting it changes nothing. */
  truncate(size: number): 0 | Errno {
    return size > AFP_INFO_SIZE ? EOVERFLOW : 0;
  }

  sync(dataOnly: boolean): MaybePromise<0 | Errno> {
    return this.#stored.sync(dataOnly);
  }

  *contentFile(): Task<VfsFile | undefined> {
    return undefined;
  }

  renamed(xattr: string): void {
    this.#stored.renamed(xattr);
  }

  close(): void {
    this.#stored.close();
  }

  *#read(target: Uint8Array): Task<number | Errno> {
    const info = yield* this.#load();
    if (failed(info)) return info;
    const count = Math.min(target.length, AFP_INFO_SIZE);
    target.set(info.subarray(0, count));
    return count;
  }

  *#write(chunks: readonly Uint8Array[], offset: number): Task<number | Errno> {
    const given = new Uint8Array(AFP_INFO_SIZE);
    let size = 0;
    for (const chunk of chunks) {
      if (size < AFP_INFO_SIZE) given.set(chunk.subarray(0, AFP_INFO_SIZE - size), size);
      size += chunk.length;
    }
    if (size < (offset === 0 ? SIGN_SIZE : AFP_INFO_SIZE)) return EINVAL;
    const info = yield* this.#load();
    if (failed(info)) return info;
    info.set(given.subarray(0, size));
    if (!isAfpInfo(info)) return EINVAL;
    const stored = yield* this.#store(info);
    return failed(stored) ? stored : size;
  }

  /** A copy of what is stored, or what stands for nothing. */
  *#load(): Task<Uint8Array | Errno> {
    const content = new Uint8Array(AFP_INFO_SIZE + 1);
    const count = yield* wait(this.#stored.read(content, 0));
    if (failed(count)) return count;
    const info = content.subarray(0, count);
    return isAfpInfo(info) ? info : makeAfpInfo();
  }

  *#store(info: Uint8Array): Task<number | Errno> {
    const finderInfo = info.subarray(FINDER_INFO_AT, FINDER_INFO_AT + FINDER_INFO_SIZE);
    const isNothing = finderInfo.every((byte) => byte === 0);
    if (isNothing) return yield* wait(this.#stored.truncate(0));
    const written = yield* wait(this.#stored.write([info], 0));
    return failed(written) ? written : yield* wait(this.#stored.truncate(AFP_INFO_SIZE));
  }
}

function makeAfpInfo(): Uint8Array {
  const info = new Uint8Array(AFP_INFO_SIZE);
  const view = viewOf(info);
  view.setUint32(0, AFP_INFO_MAGIC, !LE);
  view.setUint32(4, AFP_INFO_VERSION, !LE);
  view.setUint32(12, AFP_DATE_UNKNOWN, !LE);
  return info;
}

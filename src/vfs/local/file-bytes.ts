/** Moves the bytes of an open file: what is done at once, and what may block, in threads. */
import { type Errno, failed } from '../errno.ts';
import type { FileStat } from '../vfs.ts';
import { RAMFS_MAGIC, TMPFS_MAGIC } from './linux.ts';
import { STATFS_SIZE, statfsType } from './stat.ts';
import * as sys from './syscalls.ts';
import { preadThread, pwriteThread } from './thread-calls.ts';

/** Bytes of one step where the kernel has no call for a copy or for zeroes. */
export const STEP_SIZE: number = 1024 * 1024;

/** A file whose descriptor threads use: it may be closed while they do. */
export interface ThreadedFile {
  readonly fd: number;
  readonly isClosed: boolean;
  /** The descriptor stays until the call is done. */
  inThread<T>(call: Promise<T>): Promise<T>;
}

/** Fills `target` from its byte `from` on; `offset` is where in the file all of it begins. */
export async function readInThread(
  file: ThreadedFile,
  target: Uint8Array,
  from: number,
  offset: number,
): Promise<number | Errno> {
  let at = from;
  while (at < target.length) {
    const count = await file.inThread(preadThread(file.fd, target.subarray(at), offset + at));
    if (failed(count)) return at > 0 ? at : count;
    if (count === 0 || file.isClosed) break;
    at += count;
  }
  return at;
}

/** `size` is that of all chunks. */
export function writeNow(
  fd: number,
  chunks: readonly Uint8Array[],
  size: number,
  offset: number,
): number | Errno {
  let rest = chunks;
  let at = 0;
  while (at < size) {
    const count =
      rest.length === 1
        ? sys.pwrite(fd, rest[0]!, offset + at)
        : sys.pwritev(fd, rest, offset + at);
    if (failed(count)) return at > 0 ? at : count;
    if (count === 0) break;
    at += count;
    if (at < size) rest = skip(rest, count);
  }
  return at;
}

/** What is left of `chunks` after `count` bytes. */
function skip(chunks: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let index = 0;
  let left = count;
  while (left >= chunks[index]!.length) left -= chunks[index++]!.length;
  return [chunks[index]!.subarray(left), ...chunks.slice(index + 1)];
}

export async function writeInThread(
  file: ThreadedFile,
  chunks: readonly Uint8Array[],
  offset: number,
): Promise<number | Errno> {
  let at = 0;
  for (const chunk of chunks) {
    for (let done = 0; done < chunk.length; ) {
      const rest = chunk.subarray(done);
      const count = await file.inThread(pwriteThread(file.fd, rest, offset + at));
      if (failed(count)) return at > 0 ? at : count;
      if (count === 0 || file.isClosed) return at;
      done += count;
      at += count;
    }
  }
  return at;
}

/** For file systems without the call: as fallocate, it leaves the file's size alone. */
export async function writeZeroes(
  file: ThreadedFile & { stat(): FileStat | Errno },
  offset: number,
  length: number,
): Promise<0 | Errno> {
  const stat = file.stat();
  if (failed(stat)) return stat;
  const end = Math.min(offset + length, stat.size);
  const zeroes = new Uint8Array(Math.max(0, Math.min(STEP_SIZE, end - offset)));
  for (let at = offset; at < end && !file.isClosed; ) {
    const part = zeroes.subarray(0, Math.min(zeroes.length, end - at));
    const count = await file.inThread(pwriteThread(file.fd, part, at));
    if (failed(count)) return count;
    at += count;
  }
  return 0;
}

/** Reads of such a file need no thread: it is memory. */
export function isInMemory(fd: number): boolean {
  const bytes = new Uint8Array(STATFS_SIZE);
  if (failed(sys.fstatfs(fd, bytes))) return false;
  const type = statfsType(bytes);
  return type === TMPFS_MAGIC || type === RAMFS_MAGIC;
}

/**
 * Named streams in extended attributes, as Samba's vfs_streams_xattr keeps them: stream NAME is the
 * attribute 'user.DosStream.NAME:$DATA', its value the stream's bytes and one NUL (an empty value
 * could not be told from none everywhere). Suits what streams are used for: zone identifiers,
 * Finder information, small metadata.
 *
 * A value is read and written whole. Two writers of one stream in one process never mix, because a
 * change reads and writes without suspending in between where the store is synchronous.
 */
import { type MaybePromise, run, type Task, wait } from '../base/task.ts';
import { upcase } from '../fscc/upcase.ts';
import {
  E2BIG,
  ENODATA,
  ENOENT,
  ENOSPC,
  EOPNOTSUPP,
  ERANGE,
  type Errno,
  failed,
} from '../vfs/errno.ts';
import type { VfsFile } from '../vfs/vfs.ts';

const PREFIX = 'user.DosStream.';
const SUFFIX = ':$DATA';

/** The bytes of a stream; the calls are those of `VfsFile`. */
export interface StreamBacking {
  size(): MaybePromise<number | Errno>;
  read(target: Uint8Array, offset: number): MaybePromise<number | Errno>;
  write(chunks: readonly Uint8Array[], offset: number): MaybePromise<number | Errno>;
  truncate(size: number): MaybePromise<0 | Errno>;
}

export function streamXattr(streamName: string): string {
  return `${PREFIX}${streamName}${SUFFIX}`;
}

/** The stream that an extended attribute holds, or undefined. */
export function streamOfXattr(xattr: string): string | undefined {
  if (!xattr.startsWith(PREFIX)) return undefined;
  const name = xattr.slice(PREFIX.length);
  // Samba without 'streams_xattr:store_stream_type' leaves the type away.
  return name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : name;
}

/**
 * The extended attribute of a stream in whatever case it is written; ENODATA when there is none.
 */
export function* findStream(file: VfsFile, streamName: string): Task<string | Errno> {
  const exact = streamXattr(streamName);
  const value = yield* wait(file.getXattr(exact));
  if (!failed(value)) return exact;
  if (value !== ENODATA) return value === EOPNOTSUPP ? ENODATA : value;
  const xattrs = yield* wait(file.listXattrs());
  if (failed(xattrs)) return xattrs;
  const key = upcase(streamName);
  for (const xattr of xattrs) {
    const name = streamOfXattr(xattr);
    if (name !== undefined && upcase(name) === key) return xattr;
  }
  return ENODATA;
}

/** Makes an empty stream. */
export function createStream(file: VfsFile, streamName: string): MaybePromise<0 | Errno> {
  return file.setXattr(streamXattr(streamName), new Uint8Array(1));
}

export class XattrStream implements StreamBacking {
  readonly #file: VfsFile;
  readonly #xattr: string;
  readonly #sizeMax: number;

  constructor(file: VfsFile, xattr: string, xattrSizeMax: number) {
    this.#file = file;
    this.#xattr = xattr;
    this.#sizeMax = xattrSizeMax - 1;
  }

  size(): MaybePromise<number | Errno> {
    return run(this.#size());
  }

  read(target: Uint8Array, offset: number): MaybePromise<number | Errno> {
    return run(this.#read(target, offset));
  }

  write(chunks: readonly Uint8Array[], offset: number): MaybePromise<number | Errno> {
    return run(this.#write(chunks, offset));
  }

  truncate(size: number): MaybePromise<0 | Errno> {
    return run(this.#truncate(size));
  }

  *#size(): Task<number | Errno> {
    const value = yield* wait(this.#file.getXattr(this.#xattr));
    return failed(value) ? gone(value) : Math.max(0, value.length - 1);
  }

  *#read(target: Uint8Array, offset: number): Task<number | Errno> {
    const value = yield* wait(this.#file.getXattr(this.#xattr));
    if (failed(value)) return gone(value);
    const end = Math.min(offset + target.length, value.length - 1);
    if (offset >= end) return 0;
    target.set(value.subarray(offset, end));
    return end - offset;
  }

  *#write(chunks: readonly Uint8Array[], offset: number): Task<number | Errno> {
    let size = 0;
    for (const chunk of chunks) size += chunk.length;
    if (size === 0) return 0;
    if (offset + size > this.#sizeMax) return ENOSPC;
    const old = yield* wait(this.#file.getXattr(this.#xattr));
    if (failed(old)) return gone(old);
    const value = resized(old, Math.max(offset + size, old.length - 1));
    let at = offset;
    for (const chunk of chunks) {
      value.set(chunk, at);
      at += chunk.length;
    }
    const stored = yield* wait(this.#file.setXattr(this.#xattr, value));
    return failed(stored) ? full(stored) : size;
  }

  *#truncate(size: number): Task<0 | Errno> {
    if (size > this.#sizeMax) return ENOSPC;
    const old = yield* wait(this.#file.getXattr(this.#xattr));
    if (failed(old)) return gone(old);
    const stored = yield* wait(this.#file.setXattr(this.#xattr, resized(old, size)));
    return failed(stored) ? full(stored) : 0;
  }
}

/** A copy with `size` bytes of content, zero-filled, and the trailing NUL. */
function resized(value: Uint8Array, size: number): Uint8Array {
  const next = new Uint8Array(size + 1);
  next.set(value.subarray(0, Math.min(size, value.length - 1)));
  return next;
}

/** ENODATA of a stream that was open is what ENOENT is for a file. */
function gone(errno: Errno): Errno {
  return errno === ENODATA ? ENOENT : errno;
}

function full(errno: Errno): Errno {
  return errno === E2BIG || errno === ERANGE ? ENOSPC : errno;
}

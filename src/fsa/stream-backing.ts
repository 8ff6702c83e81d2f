/**
 * Named streams in extended attributes, as Samba's vfs_streams_xattr keeps them: stream NAME is the
 * attribute 'user.DosStream.NAME:$DATA', its value the stream's bytes and one NUL (an empty value
 * could not be told from none everywhere). Suits what streams are used for: zone identifiers,
 * Finder information, small metadata. What does not fit moves to the side store (stream-store.ts),
 * and stays there.
 *
 * A value is read and written whole. Two writers of one stream in one process never mix, because a
 * change reads and writes without suspending in between where the store is synchronous.
 */
import { type MaybePromise, run, type Task, wait } from '../base/task.ts';
import { upcase } from '../fscc/upcase.ts';
import {
  E2BIG,
  EBADF,
  ENODATA,
  ENOENT,
  ENOSPC,
  EOPNOTSUPP,
  ERANGE,
  type Errno,
  failed,
} from '../vfs/errno.ts';
import type { VfsFile } from '../vfs/vfs.ts';
import { encodeMark, markedId, type StreamStore } from './stream-store.ts';

const PREFIX = 'user.DosStream.';
const SUFFIX = ':$DATA';

/** What an open reads and writes that is not its file's own data; the calls are `VfsFile`'s. */
export interface StreamBacking {
  size(): MaybePromise<number | Errno>;
  read(target: Uint8Array, offset: number): MaybePromise<number | Errno>;
  write(chunks: readonly Uint8Array[], offset: number): MaybePromise<number | Errno>;
  truncate(size: number): MaybePromise<0 | Errno>;
  sync(dataOnly: boolean): MaybePromise<0 | Errno>;
  /** The file that holds the content; undefined while none does. */
  contentFile(): Task<VfsFile | undefined>;
  /** The stream has another name: that of this attribute. */
  renamed(xattr: string): void;
  close(): void;
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
 * The extended attribute of a stream in whatever case it is written; ENODATA when there is none, or
 * one that marks content which is not this file's (any more).
 */
export function* findStream(
  store: StreamStore,
  file: VfsFile,
  streamName: string,
): Task<string | Errno> {
  const exact = streamXattr(streamName);
  const value = yield* wait(file.getXattr(exact));
  if (!failed(value)) return (yield* isStale(store, file, value)) ? ENODATA : exact;
  if (value !== ENODATA) return value === EOPNOTSUPP ? ENODATA : value;
  const xattrs = yield* wait(file.listXattrs());
  if (failed(xattrs)) return xattrs;
  const key = upcase(streamName);
  for (const xattr of xattrs) {
    const name = streamOfXattr(xattr);
    if (name === undefined || upcase(name) !== key) continue;
    const other = yield* wait(file.getXattr(xattr));
    if (!failed(other) && !(yield* isStale(store, file, other))) return xattr;
  }
  return ENODATA;
}

function* isStale(store: StreamStore, file: VfsFile, value: Uint8Array): Task<boolean> {
  const id = markedId(value);
  if (id === undefined) return false;
  const content = yield* store.open(id, file);
  if (failed(content)) return true;
  content.close();
  return false;
}

export interface StreamSize {
  readonly size: number;
  /** Bytes of storage; 0 where an attribute holds it all. */
  readonly allocated: number;
}

/** How large the stream is that an attribute value holds or marks. */
export function* streamSize(
  store: StreamStore,
  file: VfsFile,
  value: Uint8Array,
): Task<StreamSize | Errno> {
  const id = markedId(value);
  if (id === undefined) return { size: Math.max(0, value.length - 1), allocated: 0 };
  const content = yield* store.open(id, file);
  if (failed(content)) return content;
  const stat = yield* wait(content.stat());
  content.close();
  return failed(stat) ? stat : { size: stat.size, allocated: stat.allocated };
}

/** Takes a stream away, wherever its content is. */
export function* removeStream(store: StreamStore, file: VfsFile, xattr: string): Task<0 | Errno> {
  const value = yield* wait(file.getXattr(xattr));
  const id = failed(value) ? undefined : markedId(value);
  const isOwn = id !== undefined && !(yield* isStale(store, file, value as Uint8Array));
  const removed = yield* wait(file.removeXattr(xattr));
  if (!failed(removed) && isOwn) yield* store.remove(id);
  return removed;
}

/** Takes all streams of a file away, or as many as go. */
export function* removeStreams(
  store: StreamStore,
  file: VfsFile,
  xattrs: readonly string[],
): Task<void> {
  for (const xattr of xattrs) {
    if (streamOfXattr(xattr) !== undefined) yield* removeStream(store, file, xattr);
  }
}

const NO_IDS: readonly string[] = [];

/** What a file has in the store: it goes when the file has gone. Nothing to do as a rule. */
export function* storedIds(store: StreamStore, file: VfsFile): Task<readonly string[]> {
  if (!(yield* store.isUsed())) return NO_IDS;
  const xattrs = yield* wait(file.listXattrs());
  if (failed(xattrs)) return NO_IDS;
  const ids: string[] = [];
  for (const xattr of xattrs) {
    if (streamOfXattr(xattr) === undefined) continue;
    const value = yield* wait(file.getXattr(xattr));
    const id = failed(value) ? undefined : markedId(value);
    if (id !== undefined && !(yield* isStale(store, file, value as Uint8Array))) ids.push(id);
  }
  return ids;
}

/** Makes an empty stream. */
export function createStream(file: VfsFile, streamName: string): MaybePromise<0 | Errno> {
  return file.setXattr(streamXattr(streamName), new Uint8Array(1));
}

/** The bytes of one named stream, for one open. */
export class NamedStream implements StreamBacking {
  readonly #store: StreamStore;
  readonly #base: VfsFile;
  /** Of the base file when the stream was opened: a hint for the store. */
  readonly #path: string;
  #xattr: string;
  /** Its content once that is in the store. */
  #content: VfsFile | undefined;
  #isClosed = false;

  constructor(store: StreamStore, base: VfsFile, at: { path: string; xattr: string }) {
    this.#store = store;
    this.#base = base;
    this.#path = at.path;
    this.#xattr = at.xattr;
  }

  renamed(xattr: string): void {
    this.#xattr = xattr;
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

  sync(dataOnly: boolean): MaybePromise<0 | Errno> {
    return run(this.#sync(dataOnly));
  }

  /** An attribute, content or the mark of it, goes to disk with all metadata of the base file. */
  *#sync(dataOnly: boolean): Task<0 | Errno> {
    const held = yield* this.#load();
    if (failed(held)) return held;
    if (!(held instanceof Uint8Array)) {
      const synced = yield* wait(held.sync(dataOnly));
      if (failed(synced)) return synced;
    }
    // It may have been closed meanwhile, and the base file with it.
    return this.#isClosed ? 0 : yield* wait(this.#base.sync(false));
  }

  *contentFile(): Task<VfsFile | undefined> {
    const held = yield* this.#load();
    return failed(held) || held instanceof Uint8Array ? undefined : held;
  }

  close(): void {
    this.#isClosed = true;
    this.#content?.close();
    this.#content = undefined;
  }

  /** The attribute's value, or the file that it marks. */
  *#load(): Task<Uint8Array | VfsFile | Errno> {
    if (this.#content !== undefined) return this.#content;
    const value = yield* wait(this.#base.getXattr(this.#xattr));
    if (failed(value)) return gone(value);
    const id = markedId(value);
    if (id === undefined) return value;
    const content = yield* this.#store.open(id, this.#base);
    return failed(content) ? content : this.#keep(content);
  }

  /** Another call on this open may have been faster, or closed it. */
  #keep(content: VfsFile): VfsFile | Errno {
    if (this.#content === undefined && !this.#isClosed) {
      this.#content = content;
      return content;
    }
    content.close();
    return this.#content ?? EBADF;
  }

  *#size(): Task<number | Errno> {
    const held = yield* this.#load();
    if (failed(held)) return held;
    if (held instanceof Uint8Array) return Math.max(0, held.length - 1);
    const stat = yield* wait(held.stat());
    return failed(stat) ? stat : stat.size;
  }

  *#read(target: Uint8Array, offset: number): Task<number | Errno> {
    const held = yield* this.#load();
    if (failed(held)) return held;
    if (!(held instanceof Uint8Array)) return yield* wait(held.read(target, offset));
    const end = Math.min(offset + target.length, held.length - 1);
    if (offset >= end) return 0;
    target.set(held.subarray(offset, end));
    return end - offset;
  }

  *#write(chunks: readonly Uint8Array[], offset: number): Task<number | Errno> {
    let size = 0;
    for (const chunk of chunks) size += chunk.length;
    if (size === 0) return 0;
    const held = yield* this.#change(offset + size, (old) => {
      const value = resized(old, Math.max(offset + size, old.length - 1));
      let at = offset;
      for (const chunk of chunks) {
        value.set(chunk, at);
        at += chunk.length;
      }
      return value;
    });
    if (failed(held)) return held;
    return held === 'stored' ? size : yield* wait(held.write(chunks, offset));
  }

  *#truncate(size: number): Task<0 | Errno> {
    const held = yield* this.#change(size, (old) => resized(old, size));
    if (failed(held)) return held;
    return held === 'stored' ? 0 : yield* wait(held.truncate(size));
  }

  /** Stores the changed value; or the file to change instead, when `end` bytes do not fit. */
  *#change(end: number, next: (old: Uint8Array) => Uint8Array): Task<'stored' | VfsFile | Errno> {
    for (;;) {
      const held = yield* this.#load();
      if (failed(held) || !(held instanceof Uint8Array)) return held;
      if (end < this.#store.xattrSizeMax) {
        const stored = yield* wait(this.#base.setXattr(this.#xattr, next(held)));
        if (!failed(stored)) return 'stored';
        if (!FULL.has(stored)) return stored;
      }
      const moved = yield* this.#moveOut(held);
      if (moved !== 'changed') return moved;
    }
  }

  /**
   * The content goes to the store: written there and made safe first, then the mark replaces the
   * value in one step. Until then nothing has changed. 'changed': somebody wrote meanwhile.
   */
  *#moveOut(value: Uint8Array): Task<VfsFile | Errno | 'changed'> {
    const made = yield* this.#store.create(this.#base, this.#path);
    if (failed(made)) return made;
    const { id, file } = made;
    const ready = yield* this.#fill(file, value);
    let outcome: VfsFile | Errno | 'changed';
    if (failed(ready)) outcome = ready;
    else if (this.#isClosed) outcome = EBADF;
    else {
      const now = yield* wait(this.#base.getXattr(this.#xattr));
      if (failed(now)) outcome = gone(now);
      else if (Buffer.compare(now, value) !== 0) outcome = 'changed';
      else {
        const marked = yield* wait(this.#base.setXattr(this.#xattr, encodeMark(id)));
        if (!failed(marked)) return this.#keep(file);
        outcome = FULL.has(marked) ? ENOSPC : marked;
      }
    }
    file.close();
    yield* this.#store.remove(id);
    return outcome;
  }

  *#fill(file: VfsFile, value: Uint8Array): Task<0 | Errno> {
    const content = value.subarray(0, Math.max(0, value.length - 1));
    if (content.length === 0) return 0;
    const count = yield* wait(file.write([content], 0));
    if (failed(count)) return count;
    if (count < content.length) return ENOSPC;
    if (!this.#store.strictSync) return 0;
    const synced = yield* wait(file.sync(false));
    return failed(synced) ? synced : yield* this.#store.syncNames();
  }
}

/** What an attribute that does not fit fails with. */
const FULL: ReadonlySet<number> = new Set([E2BIG, ENOSPC, ERANGE]);

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

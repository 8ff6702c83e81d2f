/**
 * The side store: content of named streams that outgrew their extended attribute (docs/adr/0007).
 *
 * Each is a file of its own, 'FOLDER/ID' with ID 32 random hexadecimal digits, in a folder that
 * only the server can enter. The stream's attribute then holds a mark with the ID, and the file an
 * attribute with whom it belongs to: inode and birth time of the base file. A mark counts only
 * where both agree, so neither a copy of the attribute nor a reused inode inherits anything.
 *
 *     (none) --T0 create()--> unmarked --T1 the mark is set--> marked --T2 mark gone--> unmarked
 *                                 \--T3 remove() or sweepStreams()--> (none)
 *
 * unmarked: nobody can reach it; what a crash leaves is this, and goes with the next sweep.
 */
import { type Task, wait } from '../base/task.ts';
import type { Env } from '../env/ports.ts';
import { EBADF, EEXIST, EINVAL, ENOENT, EROFS, type Errno, failed } from '../vfs/errno.ts';
import type { Credentials, FileStat, Vfs, VfsFile } from '../vfs/vfs.ts';
import { parentOf } from './names.ts';

/** On a file of the store: whom it belongs to. On the folder: nothing, it is there. */
export const STREAM_OWNER_XATTR = 'user.semba.stream';
/** The server itself: who may use a stream is decided by the base file's descriptor. */
export const STORE_CREDENTIALS: Credentials = { uid: 0, gid: 0, groups: [] };

/** The sticky bit, which means nothing on a file, tells one of these at a glance. */
const FILE_MODE = 0o1600;
const FOLDER_MODE = 0o1700;
const ID_SIZE = 16;
const ID_PATTERN = /^[0-9a-f]{32}$/;
/** Attribute values of streams end in a NUL; a mark does not, so no content can look like one. */
const MARK = /^semba-stream:1:([0-9a-f]{32})$/;
const MARK_SIZE = 47;

export interface StreamStoreParams {
  readonly vfs: Vfs;
  /** Path of the folder below the root of `vfs`. */
  readonly folder: string;
  readonly volumeId: string;
  readonly env: Env;
  /** Largest attribute value in bytes that a stream is tried to be kept in. */
  readonly xattrSizeMax: number;
  /** What is moved out is safe on disk before the attribute goes. */
  readonly strictSync: boolean;
}

/** A new file of the store, open for reading and writing. */
export interface StoredStream {
  readonly id: string;
  readonly file: VfsFile;
}

/** Whom a file of the store belongs to. */
export interface StreamOwner {
  readonly volumeId: string;
  /** Inode and birth time. */
  readonly identity: string;
  /** Where the base file was when the stream moved out: a hint. */
  readonly path: string;
  /** The last sweep did not find the base file. */
  readonly isMissing: boolean;
}

export class StreamStore {
  readonly vfs: Vfs;
  readonly folder: string;
  readonly volumeId: string;
  readonly xattrSizeMax: number;
  readonly strictSync: boolean;
  readonly #env: Env;
  #exists: boolean | undefined;

  constructor(params: StreamStoreParams) {
    this.vfs = params.vfs;
    this.folder = params.folder;
    this.volumeId = params.volumeId;
    this.xattrSizeMax = params.xattrSizeMax;
    this.strictSync = params.strictSync;
    this.#env = params.env;
  }

  /** Whether there may be anything in it: one look, then remembered. */
  *isUsed(): Task<boolean> {
    if (this.#exists === undefined) {
      const stat = yield* wait(this.vfs.stat(STORE_CREDENTIALS, this.folder));
      this.#exists = !failed(stat);
    }
    return this.#exists;
  }

  /** T0: an empty file for a stream of `base`; it counts against the base file's owner. */
  *create(base: VfsFile, path: string): Task<StoredStream | Errno> {
    const stat = yield* wait(base.stat());
    if (failed(stat)) return stat;
    const ready = yield* this.#makeFolder();
    if (failed(ready)) return ready;
    const id = Buffer.from(this.#env.random.bytes(ID_SIZE)).toString('hex');
    const options = { access: 'readwrite', createExclusive: true, mode: FILE_MODE } as const;
    const file = yield* wait(this.vfs.open(STORE_CREDENTIALS, this.#pathOf(id), options));
    if (failed(file)) {
      // Somebody may have removed the folder under us.
      if (file === ENOENT) this.#exists = undefined;
      return file;
    }
    const owner = encodeOwner({
      volumeId: this.volumeId,
      identity: identityOf(stat),
      path,
      isMissing: false,
    });
    // The process's umask may have taken bits; a store without owners keeps none.
    const moded = yield* wait(file.setMode(FILE_MODE));
    const owned = failed(moded) ? moded : yield* wait(file.setXattr(STREAM_OWNER_XATTR, owner));
    if (failed(owned)) {
      file.close();
      yield* this.remove(id);
      return owned;
    }
    yield* wait(file.setOwner(stat.uid, stat.gid));
    return { id, file };
  }

  /** The names of what `create` made are safe on disk. */
  *syncNames(): Task<0 | Errno> {
    return yield* syncFolder(this.vfs, this.folder);
  }

  /** The content of a marked stream of `base`; ENOENT when it is not, or no longer, its own. */
  *open(id: string, base: VfsFile): Task<VfsFile | Errno> {
    const path = this.#pathOf(id);
    let file = yield* wait(this.vfs.open(STORE_CREDENTIALS, path, { access: 'readwrite' }));
    if (file === EROFS) {
      file = yield* wait(this.vfs.open(STORE_CREDENTIALS, path, { access: 'read' }));
    }
    if (failed(file)) return file;
    const stat = yield* wait(base.stat());
    const owner = yield* wait(file.getXattr(STREAM_OWNER_XATTR));
    if (!failed(stat) && !failed(owner) && decodeOwner(owner)?.identity === identityOf(stat)) {
      return file;
    }
    file.close();
    return failed(stat) ? stat : ENOENT;
  }

  /** T3. What cannot be removed stays for a sweep. */
  *remove(id: string): Task<void> {
    const removed = yield* wait(this.vfs.unlink(STORE_CREDENTIALS, this.#pathOf(id)));
    if (failed(removed) && removed !== ENOENT) {
      this.#env.log.warn({ id, errno: removed }, 'content of a stream was not removed');
    }
  }

  #pathOf(id: string): string {
    return `${this.folder}/${id}`;
  }

  *#makeFolder(): Task<0 | Errno> {
    if (yield* this.isUsed()) return 0;
    const made = yield* wait(this.vfs.makeDirectory(STORE_CREDENTIALS, this.folder, FOLDER_MODE));
    if (failed(made) && made !== EEXIST) return made;
    const open = this.vfs.open(STORE_CREDENTIALS, this.folder, { access: 'directory' });
    const folder = yield* wait(open);
    if (failed(folder)) return folder;
    yield* wait(folder.setMode(FOLDER_MODE));
    const marked = yield* wait(folder.setXattr(STREAM_OWNER_XATTR, new Uint8Array(1)));
    folder.close();
    if (failed(marked)) return marked;
    if (this.strictSync) {
      const synced = yield* syncFolder(this.vfs, parentOf(this.folder));
      if (failed(synced)) return synced;
    }
    this.#exists = true;
    return 0;
  }
}

/** The names in a folder are safe on disk, where the store can do that. */
export function* syncFolder(vfs: Vfs, path: string): Task<0 | Errno> {
  const folder = yield* wait(vfs.open(STORE_CREDENTIALS, path, { access: 'metadata' }));
  // Nothing is left of it that could be lost.
  if (failed(folder)) return folder === ENOENT ? 0 : folder;
  const synced = yield* wait(folder.sync(false));
  folder.close();
  return synced === EINVAL || synced === EBADF ? 0 : synced;
}

/** Whether a name in the store is one that the store gives. */
export function isStoreName(name: string): boolean {
  return ID_PATTERN.test(name);
}

/** The attribute value of a stream whose content is in the store. */
export function encodeMark(id: string): Uint8Array {
  return new Uint8Array(Buffer.from(`semba-stream:1:${id}`, 'latin1'));
}

/** The id that a stream's attribute value marks, undefined when it is content. */
export function markedId(value: Uint8Array): string | undefined {
  if (value.length !== MARK_SIZE || value[MARK_SIZE - 1] === 0) return undefined;
  return MARK.exec(Buffer.from(value).toString('latin1'))?.[1];
}

/** What stays with a file while it lives, and no other file has after it. */
export function identityOf(stat: FileStat): string {
  return `${stat.inode}:${stat.birthTimeNs ?? ''}`;
}

export function encodeOwner(owner: StreamOwner): Uint8Array {
  const { identity, volumeId, path, isMissing } = owner;
  const hint = path.length <= HINT_LENGTH_MAX ? path : '';
  const text = [identity, volumeId, isMissing ? 'missing' : '', hint].join('\n');
  return new Uint8Array(Buffer.from(text));
}

/** Longer paths are no hint: the attribute has to fit everywhere. */
const HINT_LENGTH_MAX = 512;

export function decodeOwner(value: Uint8Array): StreamOwner | undefined {
  const [identity, volumeId, missing, ...rest] = Buffer.from(value).toString('utf8').split('\n');
  if (identity === undefined || volumeId === undefined || rest.length === 0) return undefined;
  // A path may have line breaks of its own.
  return { identity, volumeId, path: rest.join('\n'), isMissing: missing === 'missing' };
}

/** Whether its mode is one that the side store gives. */
export function mayBeOfStore({ mode }: FileStat): boolean {
  return mode === FILE_MODE || mode === FOLDER_MODE;
}

/**
 * Whether this is the store itself, reached by a link in the share: nobody may. Costs one look at
 * the mode for everything else.
 */
export function* isOfStore(file: VfsFile, stat: FileStat): Task<boolean> {
  if (!mayBeOfStore(stat)) return false;
  return !failed(yield* wait(file.getXattr(STREAM_OWNER_XATTR)));
}

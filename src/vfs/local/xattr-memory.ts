/**
 * Extended attributes that files had, so that what was looked at before costs no call.
 *
 * Whatever changes an attribute moves the file's ctime, which nobody can set, and whoever asks has
 * just looked at it. So a value holds for the ctime with which it was read, provided that another
 * change would have moved it: since Linux 6.13 a ctime that was looked at moves by a nanosecond at
 * least (multigrain timestamps); before, and where a file system counts seconds, it has to be older
 * than its clock's tick. Only file systems of which this is known are remembered, and no others
 * mounted below them.
 */
import { XATTR_MEMORY_FILES } from '../../base/limits.ts';
import type { Clock } from '../../env/ports.ts';
import { ENODATA, type Errno, failed } from '../errno.ts';
import type { FileStat } from '../vfs.ts';
import { BTRFS_SUPER_MAGIC, EXT_SUPER_MAGIC, TMPFS_MAGIC, XFS_SUPER_MAGIC } from './linux.ts';

/** ACLs of hundreds of entries are read again. */
const VALUE_SIZE_MAX = 1024;
/** Age of a ctime after which another change cannot leave it as it is; nanoseconds. */
const SETTLED_NS = 2_000_000_000n;
const NS = 1_000_000_000n;
/** 100 ns units from 1601 to 1970. */
const FILE_TIME_OF_1970 = 116_444_736_000_000_000n;

interface Remembered {
  readonly changeTimeNs: bigint;
  readonly value: Uint8Array | Errno;
}

export class XattrMemory {
  readonly #clock: Clock;
  readonly #device: bigint;
  readonly #isFine: boolean;
  /** By attribute: the files of now, and those of before, which go for enough new ones. */
  readonly #young: Map<string, Map<bigint, Remembered>> = new Map();
  readonly #old: Map<string, Map<bigint, Remembered>> = new Map();

  /** `isFine`: no two changes leave one ctime, if it was looked at in between. */
  constructor(options: {
    readonly clock: Clock;
    readonly device: bigint;
    readonly isFine: boolean;
  }) {
    this.#clock = options.clock;
    this.#device = options.device;
    this.#isFine = options.isFine;
  }

  /** What the file that `stat` tells of has, ENODATA for none; undefined where it is not known. */
  find(name: string, stat: FileStat): Uint8Array | Errno | undefined {
    const { inode, changeTimeNs } = stat;
    const young = this.#young.get(name)?.get(inode);
    const known = young ?? this.#old.get(name)?.get(inode);
    if (known === undefined || known.changeTimeNs !== changeTimeNs) return undefined;
    if (stat.device !== this.#device) return undefined;
    if (young === undefined) this.#put(name, inode, known);
    return known.value;
  }

  /** `value` was read from the file after `stat`. */
  keep(name: string, stat: FileStat, value: Uint8Array | Errno): void {
    if (failed(value) ? value !== ENODATA : value.length > VALUE_SIZE_MAX) return;
    if (stat.device !== this.#device || !this.isSettled(stat)) return;
    this.#put(name, stat.inode, { changeTimeNs: stat.changeTimeNs, value });
  }

  /** The server itself changes it; an inode that is not known may be any. */
  forget(name: string, inode: bigint | undefined): void {
    for (const files of [this.#young, this.#old]) {
      if (inode === undefined) files.delete(name);
      else files.get(name)?.delete(inode);
    }
  }

  /** Whether a change from now on shows in the ctime. */
  isSettled({ changeTimeNs }: FileStat): boolean {
    // Where only seconds are kept there is nothing below them.
    if (this.#isFine && changeTimeNs % NS !== 0n) return true;
    const nowNs = (this.#clock.fileTime() - FILE_TIME_OF_1970) * 100n;
    return nowNs - changeTimeNs > SETTLED_NS;
  }

  #put(name: string, inode: bigint, remembered: Remembered): void {
    let young = this.#young.get(name);
    if (young === undefined || young.size >= XATTR_MEMORY_FILES / 2) {
      if (young !== undefined) this.#old.set(name, young);
      young = new Map();
      this.#young.set(name, young);
    }
    young.set(inode, remembered);
  }
}

/**
 * Attributes of a directory's entries, which are reached by name: what was read under a name is the
 * file's that was looked at under it only if no other was put there in between. Then the directory
 * has another ctime, so a batch of entries is kept once that is known not to be so.
 */
export class EntryXattrs {
  readonly #memory: XattrMemory;
  #directory: FileStat | undefined;
  #pending: {
    readonly name: string;
    readonly stat: FileStat;
    readonly value: Uint8Array | Errno;
  }[] = [];

  constructor(memory: XattrMemory) {
    this.#memory = memory;
  }

  /** The directory as it is after a batch of entries, and before the next. */
  look(directory: FileStat | Errno): void {
    const since = this.#directory;
    const now = failed(directory) ? undefined : directory;
    const isSame = since !== undefined && now?.changeTimeNs === since.changeTimeNs;
    if (isSame && this.#memory.isSettled(since)) {
      for (const { name, stat, value } of this.#pending) this.#memory.keep(name, stat, value);
    }
    this.#pending = [];
    this.#directory = now;
  }

  add(name: string, stat: FileStat, value: Uint8Array | Errno): void {
    if (this.#directory === undefined || this.#pending.length >= XATTR_MEMORY_FILES / 2) return;
    this.#pending.push({ name, stat, value });
  }
}

/** Whether every change of an attribute moves the ctime there; tmpfs does so since Linux 6.6. */
export function movesChangeTime(fileSystem: number, isRecent: boolean): boolean {
  if (fileSystem === TMPFS_MAGIC) return isRecent;
  return (
    fileSystem === EXT_SUPER_MAGIC ||
    fileSystem === XFS_SUPER_MAGIC ||
    fileSystem === BTRFS_SUPER_MAGIC
  );
}

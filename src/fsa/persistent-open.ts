/**
 * An open that outlives the server: [MS-SMB2] 3.3.1.10 Per Open, Open.IsPersistent, as the object
 * store sees it. Everything that has to come back stands in the file's record: beside the entry
 * itself, its locks, its oplock or lease and pending deletions this. Plain data.
 */
import type { FileStat } from '../vfs/vfs.ts';
import type { LocalOpen, OpenedLink } from './local-open.ts';
import type { SecurityContext } from './security-context.ts';

export interface PersistentOpen extends KeptOpen {
  /** Its client is gone, so nobody answers a break; others wait for it, or do without the file. */
  readonly isAway: boolean;
  /** What the layer above makes its own open from again. */
  readonly owner: object;
}

/** What another process makes an open from again, besides its `OpenEntry`. Plain data. */
export interface KeptOpen {
  readonly identity: PersistentIdentity;
  readonly local: KeptLocalOpen;
}

/** What a `LocalOpen` is made from again, besides its `OpenEntry`: fields as there. */
export interface KeptLocalOpen {
  readonly security: SecurityContext;
  readonly link: OpenedLink | undefined;
  readonly streamName: string;
  readonly parentOplockKey: string;
  readonly createOptions: number;
  readonly mode: number;
  readonly position: bigint;
  readonly userSetModificationTime: boolean;
  readonly userSetAccessTime: boolean;
  readonly userSetChangeTime: boolean;
}

/** By which a file is known again after a restart, even of the machine. */
export interface PersistentIdentity {
  readonly device: bigint;
  readonly inode: bigint;
  readonly birthTimeNs: bigint | undefined;
}

export function persistentIdentityOf({ device, inode, birthTimeNs }: FileStat): PersistentIdentity {
  return { device, inode, birthTimeNs };
}

/** Of a new open: so that nobody has to ask for it again. */
export function noteIdentity(open: LocalOpen, stat: FileStat): void {
  if (open.volume.persistentFiles !== undefined) open.identity = persistentIdentityOf(stat);
}

/**
 * Whether this is the same file. The time of birth tells an inode that was given to another file;
 * where the store keeps one, the device may have got another number.
 */
export function isSameFile(kept: PersistentIdentity, found: PersistentIdentity): boolean {
  if (kept.inode !== found.inode || kept.birthTimeNs !== found.birthTimeNs) return false;
  return kept.birthTimeNs !== undefined || kept.device === found.device;
}

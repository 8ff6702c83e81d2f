/** The descriptor that a file keeps in an extended attribute, where the share has such. */
import { equalBytes } from '../base/bytes.ts';
import { DAMAGED_DESCRIPTORS_MAX } from '../base/limits.ts';
import { type MaybePromise, type Task, wait } from '../base/task.ts';
import type { SecurityDescriptor } from '../dtyp/security-descriptor.ts';
import { ENODATA, EOPNOTSUPP, type Errno, failed } from '../vfs/errno.ts';
import type { FileStat, VfsFile } from '../vfs/vfs.ts';
import { fileKeyOf } from './file-record.ts';
import { decodeNtAcl, encodeNtAcl, systemAclHashOf } from './nt-acl.ts';
import { ACCESS_ACL_XATTR, DEFAULT_ACL_XATTR, systemAclBlob } from './posix-acl.ts';
import type { Volume } from './volume.ts';

/** Whose attributes are asked for: a file, or an entry of an open directory. */
export interface AttributeSource {
  stat(): MaybePromise<FileStat | Errno>;
  getXattr(name: string, asOf?: FileStat): MaybePromise<Uint8Array | Errno>;
}

/**
 * The attribute's value; `asOf` as in `VfsFile.getXattr`. Where permission bits alone rule nothing
 * is read.
 */
export function getSecurity(
  volume: Volume,
  file: AttributeSource,
  asOf?: FileStat,
): MaybePromise<Uint8Array | Errno> {
  const { access, securityXattr } = volume.options;
  return access === 'posix' ? ENODATA : file.getXattr(securityXattr, asOf);
}

/** A file's attribute, and whose it is. */
export interface StoredSecurity {
  readonly source: AttributeSource;
  readonly stat: FileStat;
  /** For the log. */
  readonly path: string;
  readonly value: Uint8Array | Errno;
}

/**
 * The status of a file that is to be judged, after which its descriptor can be read: what another
 * process makes at this moment has none yet. EAGAIN: it does not get done.
 */
export function* statToJudge(
  volume: Volume,
  source: AttributeSource,
  found: FileStat | Errno,
): Task<FileStat | Errno> {
  const { makings } = volume;
  if (failed(found) || makings === undefined || !makings.areGoing) return found;
  const value = yield* wait(getSecurity(volume, source));
  // What has one is made.
  return failed(value) ? yield* makings.settled(source, found) : found;
}

/**
 * What the attribute holds; undefined where permission bits speak: there is none, or somebody
 * changed mode, owner or POSIX ACL since it was stored, which Samba takes the same way. What cannot
 * be read, or is no descriptor, lets nobody in but administrators, who can replace it: Samba opens
 * such a file for none but them. Its owner is not to be told from it, and POSIX owners may be all.
 * Costs one more attribute for a file, two for a directory, when the descriptor was stored with a
 * hash.
 */
export function* descriptorOf(
  volume: Volume,
  { source, stat, path, value }: StoredSecurity,
): Task<SecurityDescriptor | undefined> {
  if (failed(value)) return isNone(value) ? undefined : UNREADABLE;
  const stored = systemAclHashOf(value);
  if (stored !== undefined && volume.sha256 !== undefined) {
    const now = yield* systemAclHash(volume, source, stat);
    if (now === undefined) return UNREADABLE;
    if (!equalBytes(stored, now) && !(yield* isOfNewer(volume, { source, stat }, stored))) {
      return undefined;
    }
  }
  const descriptor = decodeNtAcl(value);
  if (descriptor === undefined) logDamaged(volume, stat, path);
  return descriptor ?? UNREADABLE;
}

/** Whether a descriptor goes with what another process has made of the file since `stat`. */
function* isOfNewer(
  volume: Volume,
  { source, stat }: Pick<StoredSecurity, 'source' | 'stat'>,
  stored: Uint8Array,
): Task<boolean> {
  if (volume.makings === undefined) return false;
  const newer = yield* wait(source.stat());
  if (failed(newer) || newer.changeTimeNs === stat.changeTimeNs) return false;
  const now = yield* systemAclHash(volume, source, newer);
  return now !== undefined && equalBytes(stored, now);
}

/** Once for each file. */
function logDamaged(volume: Volume, stat: FileStat, path: string): void {
  const key = fileKeyOf(stat);
  const { damagedDescriptors: known, env, id: share } = volume;
  if (known.has(key)) return;
  if (known.size >= DAMAGED_DESCRIPTORS_MAX) known.clear();
  known.add(key);
  const attribute = volume.options.securityXattr;
  env.log.warn({ share, path, attribute }, 'a security descriptor is damaged: nobody may');
}

/** Stores a descriptor beside the permissions that the file has now. */
export function* putDescriptor(
  volume: Volume,
  file: VfsFile,
  stat: FileStat,
  descriptor: SecurityDescriptor,
): Task<0 | Errno> {
  const hash = yield* systemAclHash(volume, file, stat);
  return yield* wait(file.setXattr(volume.options.securityXattr, encodeNtAcl(descriptor, hash)));
}

const UNREADABLE: SecurityDescriptor = {
  control: 0,
  owner: undefined,
  group: undefined,
  sacl: undefined,
  dacl: { revision: 2, aces: [] },
};

/** Undefined when it cannot be told: no hash function, or an ACL that cannot be read. */
function* systemAclHash(
  volume: Volume,
  source: AttributeSource,
  stat: FileStat,
): Task<Uint8Array | undefined> {
  if (volume.sha256 === undefined) return undefined;
  const access = yield* wait(source.getXattr(ACCESS_ACL_XATTR));
  if (failed(access) && !isNone(access)) return undefined;
  const isDirectory = stat.type === 'directory';
  const inherited = isDirectory ? yield* wait(source.getXattr(DEFAULT_ACL_XATTR)) : ENODATA;
  if (failed(inherited) && !isNone(inherited)) return undefined;
  const blob = systemAclBlob(
    stat,
    failed(access) ? undefined : access,
    failed(inherited) ? undefined : inherited,
  );
  return blob && volume.sha256(blob);
}

function isNone(errno: Errno): boolean {
  return errno === ENODATA || errno === EOPNOTSUPP;
}

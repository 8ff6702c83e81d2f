/**
 * Extended attributes of Windows as Linux's: EA 'NAME' is the attribute 'user.NAME', as Samba has
 * it. What servers keep of their own in 'user.' is hidden and cannot be set.
 */
import { type Task, wait } from '../base/task.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_EA_TOO_LARGE,
  STATUS_EAS_NOT_SUPPORTED,
  STATUS_INVALID_EA_NAME,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import { type ExtendedAttribute, isValidEaName, packedEaSize } from '../fscc/ea.ts';
import { upcase } from '../fscc/upcase.ts';
import { E2BIG, ENODATA, ENOSPC, EOPNOTSUPP, ERANGE, type Errno, failed } from '../vfs/errno.ts';
import type { VfsFile } from '../vfs/vfs.ts';
import { DOSATTRIB_XATTR } from './dos-attributes.ts';
import { statusOf } from './errno-to-ntstatus.ts';
import { creationTimeOf, storedAttributes } from './metadata.ts';
import { storeAttributes } from './store-attributes.ts';
import type { Volume } from './volume.ts';

const PREFIX = 'user.';
/** Attributes of Samba, netatalk and ours, upper case, without 'user.'; none is an EA. */
const PRIVATE_NAMES: ReadonlySet<string> = new Set([
  'DOSATTRIB',
  'DOSATTRIB2',
  'DOSEAS',
  'DOSSTREAMS',
  'NTACL',
  'SAMBA_PAI',
  'SMBREPARSE',
  'UNIX_RDEV',
]);
const PRIVATE_PREFIXES = ['DOSSTREAM.', 'ORG.NETATALK.', 'SEMBA.'] as const;

/** All EAs of a file with their values. */
export function* loadEas(file: VfsFile): Task<readonly ExtendedAttribute[] | Errno> {
  const xattrs = yield* wait(file.listXattrs());
  if (failed(xattrs)) return xattrs === EOPNOTSUPP ? [] : xattrs;
  const eas: ExtendedAttribute[] = [];
  for (const xattr of xattrs) {
    if (!isEaXattr(xattr)) continue;
    const value = yield* wait(file.getXattr(xattr));
    if (!failed(value)) eas.push({ flags: 0, name: nameOf(xattr), value });
  }
  return eas;
}

/** EaSize of a file; 0 where it cannot be told. */
export function* eaSizeOf(file: VfsFile): Task<number> {
  const eas = yield* loadEas(file);
  return failed(eas) ? 0 : packedEaSize(eas);
}

/** Keeps EaSize with the attributes, for listings, after EAs were set. */
export function* storeEaSize(file: VfsFile): Task<void> {
  const stat = yield* wait(file.stat());
  if (failed(stat)) return;
  const stored = storedAttributes(yield* wait(file.getXattr(DOSATTRIB_XATTR)), stat);
  const eaSize = yield* eaSizeOf(file);
  if (eaSize === stored.eaSize) return;
  const creationTime = creationTimeOf(stored, stat);
  yield* storeAttributes(file, { attributes: stored.attributes, creationTime, eaSize });
}

/**
 * Sets EAs, deletes those with an empty value; names compare without case.
 *
 * STATUS_INVALID_EA_NAME: a name that cannot be. STATUS_EA_TOO_LARGE: more than a volume keeps.
 * STATUS_EAS_NOT_SUPPORTED: the store has no extended attributes. STATUS_ACCESS_DENIED: the name is
 * one of those that servers keep.
 */
export function* storeEas(
  volume: Volume,
  file: VfsFile,
  eas: readonly ExtendedAttribute[],
): Task<NtStatus> {
  if (eas.length === 0) return STATUS_SUCCESS;
  let size = 0;
  for (const { name, value } of eas) {
    if (!isValidEaName(name)) return STATUS_INVALID_EA_NAME;
    if (isPrivate(upcase(name))) return STATUS_ACCESS_DENIED;
    size += name.length + value.length;
  }
  if (size > volume.options.eaSizeMax) return STATUS_EA_TOO_LARGE;
  const xattrs = yield* wait(file.listXattrs());
  if (failed(xattrs)) return xattrs === EOPNOTSUPP ? STATUS_EAS_NOT_SUPPORTED : statusOf(xattrs);
  for (const { name, value } of eas) {
    const status = yield* storeEa(file, existingXattr(xattrs, name), value);
    if (status !== STATUS_SUCCESS) return status;
  }
  return STATUS_SUCCESS;
}

export function* removeAllEas(file: VfsFile, xattrs: readonly string[]): Task<void> {
  for (const xattr of xattrs) {
    if (isEaXattr(xattr)) yield* wait(file.removeXattr(xattr));
  }
}

function* storeEa(file: VfsFile, xattr: string, value: Uint8Array): Task<NtStatus> {
  if (value.length === 0) {
    const removed = yield* wait(file.removeXattr(xattr));
    return failed(removed) && removed !== ENODATA ? statusOf(removed) : STATUS_SUCCESS;
  }
  const stored = yield* wait(file.setXattr(xattr, value));
  if (!failed(stored)) return STATUS_SUCCESS;
  if (stored === ENOSPC || stored === E2BIG || stored === ERANGE) return STATUS_EA_TOO_LARGE;
  return stored === EOPNOTSUPP ? STATUS_EAS_NOT_SUPPORTED : statusOf(stored);
}

/** The attribute that holds an EA in whatever case, else the one to make. */
function existingXattr(xattrs: readonly string[], name: string): string {
  const exact = xattrOf(name);
  if (xattrs.includes(exact)) return exact;
  const upper = upcase(name);
  return xattrs.find((xattr) => isEaXattr(xattr) && upcase(nameOf(xattr)) === upper) ?? exact;
}

function isEaXattr(xattr: string): boolean {
  return xattr.startsWith(PREFIX) && !isPrivate(upcase(xattr.slice(PREFIX.length)));
}

function isPrivate(upper: string): boolean {
  return PRIVATE_NAMES.has(upper) || PRIVATE_PREFIXES.some((prefix) => upper.startsWith(prefix));
}

/** EA names are bytes; on disk they are UTF-8 as all names. */
function xattrOf(name: string): string {
  return PREFIX + Buffer.from(name, 'latin1').toString('utf8');
}

function nameOf(xattr: string): string {
  return Buffer.from(xattr.slice(PREFIX.length), 'utf8').toString('latin1');
}

/** Access-based enumeration: which entries of a directory a caller gets to see. */
import { isPromise, type Task, wait } from '../base/task.ts';
import { FILE_GENERIC_READ } from '../dtyp/access-mask.ts';
import { ENODATA, type Errno, failed } from '../vfs/errno.ts';
import type { FileStat } from '../vfs/vfs.ts';
import { ownAccess } from './access.ts';
import type { LocalOpen } from './local-open.ts';
import { joinPath } from './names.ts';
import { descriptorOf, getSecurity } from './stored-security.ts';

export interface ListedEntry {
  readonly onDisk: string;
  /** Of the target, where the entry is a link. */
  readonly stat: FileStat;
  readonly isLink: boolean;
}

/**
 * Whether the caller may read the entry.
 *
 * [MS-SMB2] 3.3.5.18 Receiving an SMB2 QUERY_DIRECTORY Request: with
 * Share.DoAccessBasedDirectoryEnumeration an entry without GENERIC_READ access is left out.
 * Windows: every right of it counts (smbtorture smb2.acls-with-sysacl.ACCESSBASED). Costs one
 * attribute for each entry, and an open of those that seem out of reach: their own ACLs may say
 * otherwise.
 */
export function* mayListEntry(open: LocalOpen, entry: ListedEntry): Task<boolean> {
  const { onDisk, stat, isLink } = entry;
  const { volume, security } = open;
  const path = joinPath(open.path, onDisk);
  const value = yield* isLink ? valueThroughLink(open, path) : valueOfEntry(open, onDisk);
  const descriptor = descriptorOf(value);
  const allowed = ownAccess({
    volume,
    security,
    path,
    stat,
    descriptor,
    attributes: 0,
    createOptions: 0,
    opened: 'metadata',
  });
  if ((FILE_GENERIC_READ & ~allowed) === 0) return true;
  return descriptor === undefined && (yield* storeLetsRead(open, path, stat));
}

function* valueOfEntry(open: LocalOpen, onDisk: string): Task<Uint8Array | Errno> {
  const { access, securityXattr } = open.volume.options;
  if (access === 'posix') return ENODATA;
  const getting = open.file.getEntryXattr(onDisk, securityXattr);
  return isPromise(getting) ? yield* wait(getting) : getting;
}

function* valueThroughLink(open: LocalOpen, path: string): Task<Uint8Array | Errno> {
  const { volume, security } = open;
  const target = yield* wait(volume.vfs.open(security.credentials, path, { access: 'metadata' }));
  if (failed(target)) return target;
  const value = yield* wait(getSecurity(volume, target));
  target.close();
  return value;
}

function* storeLetsRead(open: LocalOpen, path: string, stat: FileStat): Task<boolean> {
  // Opening a pipe or a device has effects.
  if (stat.type !== 'file' && stat.type !== 'directory') return false;
  const access = stat.type === 'directory' ? 'directory' : 'read';
  const { volume, security } = open;
  const file = yield* wait(volume.vfs.open(security.credentials, path, { access }));
  if (failed(file)) return false;
  file.close();
  return true;
}

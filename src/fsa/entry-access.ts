/** Access-based enumeration: which entries of a directory a caller gets to see. */
import { type Task, wait } from '../base/task.ts';
import { FILE_GENERIC_READ } from '../dtyp/access-mask.ts';
import { type Errno, failed } from '../vfs/errno.ts';
import type { FileStat } from '../vfs/vfs.ts';
import { ownAccess } from './access.ts';
import type { LocalOpen } from './local-open.ts';
import { joinPath } from './names.ts';
import { type AttributeSource, descriptorOf, getSecurity, statToJudge } from './stored-security.ts';

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
  const { volume, security, file } = open;
  const { onDisk, stat, isLink } = entry;
  const path = joinPath(open.path, onDisk);
  if (!isLink) {
    const source = {
      stat: () => file.statEntry(onDisk),
      getXattr: (name: string, asOf?: FileStat) => file.getEntryXattr(onDisk, name, asOf),
    };
    return yield* mayRead(open, path, source, stat);
  }
  const target = yield* wait(volume.vfs.open(security.credentials, path, { access: 'metadata' }));
  if (failed(target)) return false;
  const may = yield* mayRead(open, path, target, yield* wait(target.stat()));
  target.close();
  return may;
}

function* mayRead(
  open: LocalOpen,
  path: string,
  source: AttributeSource,
  found: FileStat | Errno,
): Task<boolean> {
  const { volume, security } = open;
  const stat = volume.makings === undefined ? found : yield* statToJudge(volume, source, found);
  if (failed(stat)) return false;
  const value = yield* wait(getSecurity(volume, source, stat));
  const descriptor = yield* descriptorOf(volume, { source, stat, path, value });
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

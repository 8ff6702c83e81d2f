/**
 * A file's mode and owners in a DACL, as entries that deny nothing to nobody: how Microsoft's NFS
 * server and Apple's clients put POSIX into a security descriptor ('S-1-5-88-…'). Pure.
 */
import { ACCESS_DENIED_ACE_TYPE, type Ace, type SidAce } from '../dtyp/acl.ts';
import type { SecurityDescriptor } from '../dtyp/security-descriptor.ts';
import type { FileStat } from '../vfs/vfs.ts';

const SID_NFS = 'S-1-5-88-';
const SID_NFS_USERS = `${SID_NFS}1-`;
const SID_NFS_GROUPS = `${SID_NFS}2-`;
const SID_NFS_MODE = `${SID_NFS}3-`;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;

/** The descriptor with the file's mode and owners; one without a DACL stays as it is. */
export function withNfsAces(descriptor: SecurityDescriptor, stat: FileStat): SecurityDescriptor {
  const { dacl } = withoutNfsAces(descriptor);
  if (dacl === undefined || dacl === null) return descriptor;
  const mode = stat.mode | (stat.type === 'directory' ? S_IFDIR : S_IFREG);
  const told = [
    `${SID_NFS_MODE}${mode}`,
    `${SID_NFS_USERS}${stat.uid}`,
    `${SID_NFS_GROUPS}${stat.gid}`,
  ];
  return { ...descriptor, dacl: { ...dacl, aces: [...dacl.aces, ...told.map(deny)] } };
}

/** What of a descriptor is meant as such. */
export function withoutNfsAces(descriptor: SecurityDescriptor): SecurityDescriptor {
  const { dacl } = descriptor;
  if (dacl === undefined || dacl === null) return descriptor;
  if (!dacl.aces.some((ace) => nfsSidOf(ace) !== undefined)) return descriptor;
  const aces = dacl.aces.filter((ace) => nfsSidOf(ace) === undefined);
  return { ...descriptor, dacl: { ...dacl, aces } };
}

/** The mode that a DACL names, if any: type and permission bits as they came. */
export function nfsModeOf({ dacl }: SecurityDescriptor): number | undefined {
  for (const ace of dacl?.aces ?? []) {
    const sid = nfsSidOf(ace);
    if (sid?.startsWith(SID_NFS_MODE) !== true) continue;
    const mode = Number(sid.slice(SID_NFS_MODE.length));
    if (Number.isInteger(mode)) return mode;
  }
  return undefined;
}

function nfsSidOf(ace: Ace): string | undefined {
  return 'sid' in ace && ace.sid.startsWith(SID_NFS) ? ace.sid : undefined;
}

function deny(sid: string): SidAce {
  return { type: ACCESS_DENIED_ACE_TYPE, flags: 0, mask: 0, sid };
}

import { type Task, wait } from '../base/task.ts';
import { FILE_GENERIC_READ } from '../dtyp/access-mask.ts';
import { isCanonicalOrder } from '../dtyp/acl-order.ts';
import { SE_RESTORE_PRIVILEGE } from '../dtyp/privileges.ts';
import {
  DACL_SECURITY_INFORMATION,
  parseSecurityDescriptor,
  SE_DACL_AUTO_INHERIT_REQ,
  SE_DACL_AUTO_INHERITED,
  SE_SACL_AUTO_INHERIT_REQ,
  SE_SACL_AUTO_INHERITED,
  type SecurityDescriptor,
  securityDescriptorBytes,
} from '../dtyp/security-descriptor.ts';
import { selectSecurityInformation } from '../dtyp/select-security.ts';
import { replaceSecurity } from '../dtyp/set-security.ts';
import { unixGroupSid, unixUserSid } from '../dtyp/sid.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_OWNER,
  STATUS_INVALID_SECURITY_DESCR,
  STATUS_MEDIA_WRITE_PROTECTED,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import { FILE_NOTIFY_CHANGE_SECURITY } from '../fscc/notify-filter.ts';
import { ENODATA, EOPNOTSUPP, EPERM, type Errno, failed } from '../vfs/errno.ts';
import type { FileStat } from '../vfs/vfs.ts';
import { checkAccess, tokenOf } from './access.ts';
import { breakParentOf } from './break-parent.ts';
import { statusOf } from './errno-to-ntstatus.ts';
import { fileKeyOf } from './file-record.ts';
import type { LocalOpen } from './local-open.ts';
import { nfsModeOf, withNfsAces, withoutNfsAces } from './nfs-aces.ts';
import { reportModified } from './notify-report.ts';
import { modeOfDescriptor, synthesizeDescriptor, withUnixSids } from './posix-mode.ts';
import type { SecurityContext } from './security-context.ts';
import { mayOwn, rightsToQuery, rightsToSet } from './security-rights.ts';
import { descriptorOf, getSecurity, putDescriptor } from './stored-security.ts';
import type { AccessOutcome, SecurityOutcome } from './surface.ts';

export interface SecurityOptions {
  /** The DACL tells the file's mode and owners besides, and a mode in it is set: nfs-aces.ts. */
  readonly nfsAces?: boolean;
}

/**
 * The parts of the file's security descriptor that are asked for.
 *
 * [MS-FSA] 2.1.5.14 Server Requests a Query of Security Information. STATUS_ACCESS_DENIED: owner,
 * group or DACL without READ_CONTROL, SACL without ACCESS_SYSTEM_SECURITY.
 */
export function* querySecurity(
  open: LocalOpen,
  securityInformation: number,
  options: SecurityOptions = {},
): Task<SecurityOutcome> {
  if (open.closed) return { status: STATUS_FILE_CLOSED };
  if ((rightsToQuery(securityInformation) & ~open.grantedAccess) !== 0)
    return { status: STATUS_ACCESS_DENIED };
  const stat = yield* wait(open.file.stat());
  if (failed(stat)) return { status: statusOf(stat) };
  const current = yield* currentDescriptor(open, stat);
  if (failed(current)) return { status: statusOf(current) };
  const told = options.nfsAces === true ? withNfsAces(current, stat) : current;
  const selected = selectSecurityInformation(told, securityInformation);
  return { status: STATUS_SUCCESS, descriptor: securityDescriptorBytes(selected) };
}

/**
 * Replaces parts of the security descriptor; from then on the file has a stored one.
 *
 * [MS-FSA] 2.1.5.17 Server Requests Setting of Security Information. STATUS_ACCESS_DENIED: owner or
 * group without WRITE_OWNER, DACL without WRITE_DAC, SACL without ACCESS_SYSTEM_SECURITY; a DACL
 * whose order the share does not take. STATUS_INVALID_SECURITY_DESCR: the bytes are none.
 * STATUS_INVALID_OWNER: an owner whom the caller may not name. STATUS_MEDIA_WRITE_PROTECTED: a
 * read-only volume. Opens that stand keep what they were granted.
 */
export function* setSecurity(
  open: LocalOpen,
  securityInformation: number,
  descriptor: Uint8Array,
  options: SecurityOptions = {},
): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  if ((rightsToSet(securityInformation) & ~open.grantedAccess) !== 0) return STATUS_ACCESS_DENIED;
  // The one right that a share's own limit takes away from nobody.
  if (open.volume.options.readOnly) return STATUS_MEDIA_WRITE_PROTECTED;
  if (descriptor.length > open.volume.options.securityDescriptorSize) {
    return STATUS_INVALID_SECURITY_DESCR;
  }
  const parsed = parseSecurityDescriptor(descriptor);
  if (parsed === undefined) return STATUS_INVALID_SECURITY_DESCR;
  const sent = options.nfsAces === true ? withoutNfsAces(parsed) : parsed;
  const { canonicalAcls, keepsAutoInherited } = open.volume.options;
  const change = keepsAutoInherited ? withInheritRequests(sent) : sent;
  const mode = open.isPosix ? modeToSet(change, securityInformation) : undefined;
  if (mode !== undefined) return yield* setPosixMode(open, mode);
  const stat = yield* wait(open.file.stat());
  if (failed(stat)) return statusOf(stat);
  const nfsMode = options.nfsAces === true ? nfsModeOf(parsed) : undefined;
  if (nfsMode !== undefined && ((nfsMode ^ stat.mode) & 0o777) !== 0) {
    return yield* setPosixMode(open, (stat.mode & ~0o777) | (nfsMode & 0o777));
  }
  const current = yield* currentDescriptor(open, stat);
  if (failed(current)) return statusOf(current);
  const next = replaceSecurity(current, change, securityInformation);
  const isOrdered = next.dacl === current.dacl || !next.dacl || isCanonicalOrder(next.dacl);
  if (canonicalAcls && !isOrdered) return STATUS_ACCESS_DENIED;
  if (next.owner !== current.owner && !mayOwn(tokenOf(open.security), next.owner))
    return STATUS_INVALID_OWNER;
  const kept = yield* keepDescriptor(open, stat, next);
  if (kept !== STATUS_SUCCESS) return kept;
  reportModified(open, FILE_NOTIFY_CHANGE_SECURITY);
  // Here a listing shows what the caller may read; elsewhere it shows nothing of security.
  if (open.volume.options.accessBasedEnumeration) yield* breakParentOf(open);
  return STATUS_SUCCESS;
}

/** As if the client asked for each 'auto-inherited' that it sets: else it is not kept. */
function withInheritRequests(descriptor: SecurityDescriptor): SecurityDescriptor {
  let { control } = descriptor;
  if ((control & SE_DACL_AUTO_INHERITED) !== 0) control |= SE_DACL_AUTO_INHERIT_REQ;
  if ((control & SE_SACL_AUTO_INHERITED) !== 0) control |= SE_SACL_AUTO_INHERIT_REQ;
  return { ...descriptor, control };
}

/** Where the share has permission bits only, these take what they can hold. */
function* keepDescriptor(
  open: LocalOpen,
  stat: FileStat,
  descriptor: SecurityDescriptor,
): Task<NtStatus> {
  const { volume, file } = open;
  if (volume.options.access === 'posix') {
    const set = yield* setModeByDescriptor(open, stat, descriptor);
    return set === STATUS_SUCCESS ? yield* setPosixOwner(open, stat, descriptor) : set;
  }
  const given = yield* setPosixOwner(open, stat, descriptor);
  if (given !== STATUS_SUCCESS) return given;
  const now = yield* wait(file.stat());
  if (failed(now)) return statusOf(now);
  const stored = yield* putDescriptor(volume, file, now, descriptor);
  return failed(stored) ? statusOf(stored) : STATUS_SUCCESS;
}

/**
 * Permission bits by a DACL. STATUS_ACCESS_DENIED: it speaks of somebody for whom there is no bit,
 * or there are audit rules, which have no place; as Samba answers what it cannot map.
 */
export function* setModeByDescriptor(
  open: LocalOpen,
  stat: FileStat,
  descriptor: SecurityDescriptor,
): Task<NtStatus> {
  if (descriptor.sacl && descriptor.sacl.aces.length > 0) return STATUS_ACCESS_DENIED;
  const mode = modeOfDescriptor(withUnixSids(descriptor, open.volume.unixIdOf), {
    owners: [unixUserSid(stat.uid)],
    groups: [unixGroupSid(stat.gid)],
  });
  if (mode === undefined) return STATUS_ACCESS_DENIED;
  if ((stat.mode & 0o777) === mode) return STATUS_SUCCESS;
  const set = yield* wait(open.file.setMode((stat.mode & ~0o777) | mode));
  return failed(set) ? statusOf(set) : STATUS_SUCCESS;
}

/** [MS-SMB2] 3.3.5.9.5 SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST: all that the caller could have. */
export function* queryMaximalAccess(
  open: LocalOpen,
  security: SecurityContext = open.security,
): Task<AccessOutcome> {
  if (open.closed) return { status: STATUS_FILE_CLOSED, access: 0 };
  const { volume, path, file } = open;
  const stat = yield* wait(file.stat());
  if (failed(stat)) return { status: statusOf(stat), access: 0 };
  const value = yield* wait(getSecurity(volume, file));
  const descriptor = yield* descriptorOf(volume, { source: file, stat, path, value });
  const access = yield* checkAccess(
    {
      volume,
      security,
      path,
      stat,
      descriptor,
      // Windows: READONLY does not count here (smbtorture smb2.maximum_allowed.read_only_file).
      attributes: 0,
      createOptions: open.createOptions,
      opened: 'metadata',
    },
    { desired: 0, implied: 0, maximum: true },
  );
  if (typeof access !== 'number') return { status: STATUS_SUCCESS, access: access.granted };
  return { status: access, access: 0 };
}

/** Whether somebody, who need not be the one who opened it, gets to the file and may read it. */
export function* mayReadFile(open: LocalOpen, security: SecurityContext): Task<boolean> {
  const { volume, path } = open;
  const stat = yield* wait(volume.vfs.stat(security.credentials, path));
  if (failed(stat) || fileKeyOf(stat) !== open.fileKey) return false;
  const { access } = yield* queryMaximalAccess(open, security);
  return (FILE_GENERIC_READ & ~access) === 0;
}

/** The stored descriptor, else the one that the POSIX permissions amount to. */
function* currentDescriptor(open: LocalOpen, stat: FileStat): Task<SecurityDescriptor | Errno> {
  const { volume, file } = open;
  const value = yield* wait(getSecurity(volume, file));
  if (failed(value) && value !== ENODATA && value !== EOPNOTSUPP) return value;
  const { path } = open;
  const descriptor = yield* descriptorOf(volume, { source: file, stat, path, value });
  return descriptor ?? synthesizeDescriptor(stat);
}

/** Where the new owner is a POSIX user the file is given to them, as far as the server may. */
function* setPosixOwner(
  open: LocalOpen,
  stat: FileStat,
  { owner, group }: SecurityDescriptor,
): Task<NtStatus> {
  const { unixIdOf, options } = open.volume;
  const user = owner === undefined ? undefined : unixIdOf(owner);
  const members = group === undefined ? undefined : unixIdOf(group);
  const uid = user?.kind === 'uid' && user.id !== stat.uid ? user.id : undefined;
  const gid = members?.kind === 'gid' && members.id !== stat.gid ? members.id : undefined;
  // The server may more than the caller: chown(2) gives a file to groups of one's own only.
  const givesGroup = gid !== undefined && mayGiveToGroup(open, gid);
  const hasNoPlace = user?.kind !== 'uid' || (gid !== undefined && !givesGroup);
  if (options.access === 'posix' && hasNoPlace) return STATUS_ACCESS_DENIED;
  if (uid === undefined && !givesGroup) return STATUS_SUCCESS;
  const set = yield* wait(open.file.setOwner(uid, givesGroup ? gid : undefined));
  // An unprivileged server keeps it in the descriptor alone.
  const isKept = set === EPERM && options.access !== 'posix';
  return failed(set) && !isKept ? statusOf(set) : STATUS_SUCCESS;
}

function mayGiveToGroup({ security }: LocalOpen, gid: number): boolean {
  const { sids, privileges } = tokenOf(security);
  return sids.has(unixGroupSid(gid)) || privileges.has(SE_RESTORE_PRIVILEGE);
}

/**
 * Samba, Linux: chmod(2) through an open that keeps to POSIX is a DACL of a single entry, whose SID
 * ends in the mode.
 */
function modeToSet(
  descriptor: SecurityDescriptor,
  securityInformation: number,
): number | undefined {
  if ((securityInformation & DACL_SECURITY_INFORMATION) === 0) return undefined;
  const mode = descriptor.dacl?.aces.length === 1 ? nfsModeOf(descriptor) : undefined;
  return mode === undefined ? undefined : mode & 0o7777;
}

/** The mode rules from now on: a stored descriptor goes. */
function* setPosixMode(open: LocalOpen, mode: number): Task<NtStatus> {
  const set = yield* wait(open.file.setMode(mode));
  if (failed(set)) return statusOf(set);
  const removed = yield* wait(open.file.removeXattr(open.volume.options.securityXattr));
  if (failed(removed) && removed !== ENODATA && removed !== EOPNOTSUPP) return statusOf(removed);
  reportModified(open, FILE_NOTIFY_CHANGE_SECURITY);
  return STATUS_SUCCESS;
}

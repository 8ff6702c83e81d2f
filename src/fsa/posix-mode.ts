/**
 * Permission bits as a security descriptor and back: what a share with `access = "posix"` shows and
 * takes, and what a file without a stored descriptor shows. Pure.
 */
import { allowedAccess } from '../dtyp/access-check.ts';
import {
  DELETE,
  FILE_ALL_ACCESS,
  FILE_APPEND_DATA,
  FILE_DELETE_CHILD,
  FILE_EXECUTE,
  FILE_GENERIC_EXECUTE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
  READ_CONTROL,
  SYNCHRONIZE,
  WRITE_DAC,
  WRITE_OWNER,
} from '../dtyp/access-mask.ts';
import {
  ACCESS_ALLOWED_ACE_TYPE,
  ACCESS_DENIED_ACE_TYPE,
  ACL_REVISION,
  type Ace,
  INHERIT_ONLY_ACE,
  isSidAce,
  type SidAce,
} from '../dtyp/acl.ts';
import {
  SE_DACL_PRESENT,
  SE_SELF_RELATIVE,
  type SecurityDescriptor,
} from '../dtyp/security-descriptor.ts';
import {
  SID_BUILTIN_ADMINISTRATORS,
  SID_CREATOR_GROUP,
  SID_CREATOR_OWNER,
  SID_EVERYONE,
  SID_LOCAL_SYSTEM,
  SID_OWNER_RIGHTS,
  type Sid,
  type UnixId,
  unixGroupSid,
  unixUserSid,
} from '../dtyp/sid.ts';
import type { FileStat } from '../vfs/vfs.ts';

/** Everything that POSIX rights can stand for, short of what only an owner may do. */
const ALL_BUT_OWNERSHIP = FILE_ALL_ACCESS & ~(WRITE_DAC | WRITE_OWNER | DELETE);
/** What a name that can be reached tells anyway: stat and the synthesised descriptor. */
const ALWAYS = READ_CONTROL | FILE_READ_ATTRIBUTES | SYNCHRONIZE;
const NO_PRIVILEGES: ReadonlySet<string> = new Set();

/** Three permission bits as file rights; deleting children takes no sticky directory. */
export function accessOfMode(mode: number, isDirectory: boolean): number {
  if ((mode & 7) === 7) {
    return isDirectory ? ALL_BUT_OWNERSHIP : ALL_BUT_OWNERSHIP & ~FILE_DELETE_CHILD;
  }
  let access = ALWAYS;
  if ((mode & 4) !== 0) access |= FILE_GENERIC_READ;
  if ((mode & 2) !== 0) access |= FILE_GENERIC_WRITE | (isDirectory ? FILE_DELETE_CHILD : 0);
  if ((mode & 1) !== 0) access |= FILE_GENERIC_EXECUTE;
  return access;
}

/**
 * Owner and SYSTEM may do everything, group and Everyone what their permission bits say: what
 * `posixAccess` decides, as a client can read it.
 */
export function synthesizeDescriptor(stat: FileStat): SecurityDescriptor {
  const owner = unixUserSid(stat.uid);
  const group = unixGroupSid(stat.gid);
  const isDirectory = stat.type === 'directory';
  const aces: SidAce[] = [allow(owner, FILE_ALL_ACCESS)];
  const groupMode = (stat.mode >> 3) & 7;
  const otherMode = stat.mode & 7;
  if (groupMode !== 0) aces.push(allow(group, accessOfMode(groupMode, isDirectory)));
  if (otherMode !== 0) aces.push(allow(SID_EVERYONE, accessOfMode(otherMode, isDirectory)));
  aces.push(allow(SID_LOCAL_SYSTEM, FILE_ALL_ACCESS));
  const dacl = { revision: ACL_REVISION, aces };
  return { control: SE_SELF_RELATIVE | SE_DACL_PRESENT, owner, group, sacl: undefined, dacl };
}

/** Whose rights permission bits can hold: the SIDs that stand for the owner and the group. */
export interface ModeSubjects {
  readonly owners: readonly Sid[];
  readonly groups: readonly Sid[];
}

/**
 * The nine permission bits that a DACL amounts to; undefined when it speaks of anybody but owner,
 * group and Everyone (SYSTEM and Administrators stand for root and are passed over). Reading data,
 * writing data and executing decide; finer rights have no bit and are rounded to these.
 */
export function modeOfDescriptor(
  descriptor: SecurityDescriptor,
  subjects: ModeSubjects,
): number | undefined {
  const spelled = spelledMode(descriptor);
  if (spelled !== undefined) return spelled;
  const owners = [...subjects.owners, SID_CREATOR_OWNER, SID_OWNER_RIGHTS];
  const groups = [...subjects.groups, SID_CREATOR_GROUP];
  const aces = descriptor.dacl?.aces.filter(takesEffect) ?? [];
  const known = new Set([...owners, ...groups, SID_EVERYONE, ...AS_ROOT]);
  if (!aces.every((ace) => isSidAce(ace) && known.has(ace.sid) && isPlain(ace))) return undefined;
  const bitsFor = (sids: readonly Sid[]): number => {
    const token = { sids: new Set([...sids, SID_EVERYONE]), privileges: NO_PRIVILEGES };
    return bitsOf(allowedAccess({ ...descriptor, owner: undefined }, token));
  };
  return (bitsFor(owners) << 6) | (bitsFor(groups) << 3) | bitsFor([]);
}

/** The descriptor with every SID that stands for a POSIX id as 'S-1-22-…'. */
export function withUnixSids(
  descriptor: SecurityDescriptor,
  unixIdOf: (sid: Sid) => UnixId | undefined,
): SecurityDescriptor {
  const mapped = (sid: Sid): Sid => {
    const unix = unixIdOf(sid);
    if (unix === undefined) return sid;
    return unix.kind === 'uid' ? unixUserSid(unix.id) : unixGroupSid(unix.id);
  };
  const { dacl } = descriptor;
  const aces = dacl?.aces.map((ace) => (isSidAce(ace) ? { ...ace, sid: mapped(ace.sid) } : ace));
  return dacl && aces ? { ...descriptor, dacl: { ...dacl, aces } } : descriptor;
}

const AS_ROOT: readonly Sid[] = [SID_LOCAL_SYSTEM, SID_BUILTIN_ADMINISTRATORS];

/** Linux clients (modefromsid, POSIX extensions) spell a mode in a SID: [MS-DTYP] S-1-5-88-3. */
function spelledMode({ dacl }: SecurityDescriptor): number | undefined {
  for (const ace of dacl?.aces ?? []) {
    const match = isSidAce(ace) ? /^S-1-5-88-3-(\d+)$/.exec(ace.sid) : null;
    if (match !== null) return Number(match[1]) & 0o777;
  }
  return undefined;
}

function takesEffect(ace: Ace): boolean {
  return (ace.flags & INHERIT_ONLY_ACE) === 0;
}

function isPlain(ace: Ace): boolean {
  return ace.type === ACCESS_ALLOWED_ACE_TYPE || ace.type === ACCESS_DENIED_ACE_TYPE;
}

function bitsOf(access: number): number {
  return (
    ((access & FILE_READ_DATA) !== 0 ? 4 : 0) |
    ((access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) !== 0 ? 2 : 0) |
    ((access & FILE_EXECUTE) !== 0 ? 1 : 0)
  );
}

function allow(sid: Sid, mask: number): SidAce {
  return { type: ACCESS_ALLOWED_ACE_TYPE, flags: 0, mask, sid };
}

import {
  type Identity,
  SID_AUTHENTICATED_USERS,
  SID_EVERYONE,
  SID_NETWORK,
} from '../auth/token.ts';
import {
  SE_BACKUP_PRIVILEGE,
  SE_RESTORE_PRIVILEGE,
  SE_SECURITY_PRIVILEGE,
  SE_TAKE_OWNERSHIP_PRIVILEGE,
} from '../dtyp/privileges.ts';
import { SID_BUILTIN_ADMINISTRATORS } from '../dtyp/sid.ts';
import type { SecurityContext } from '../fsa/security-context.ts';
import type { Share } from '../smb2/server/options.ts';
import type { Credentials } from '../vfs/vfs.ts';

/** [MS-DTYP] 2.4.3 ACCESS_MASK: everything that a file grants. */
const FILE_ALL_ACCESS = 0x001f_01ff;
/** FILE_GENERIC_READ and FILE_GENERIC_EXECUTE: all that does not change a file. */
const READ_AND_EXECUTE = 0x0012_00a9;
/** What Windows gives administrators and backup operators over files; opens must ask for it. */
const ADMINISTRATOR_PRIVILEGES: readonly string[] = [
  SE_SECURITY_PRIVILEGE,
  SE_BACKUP_PRIVILEGE,
  SE_RESTORE_PRIVILEGE,
  SE_TAKE_OWNERSHIP_PRIVILEGE,
];
const NO_PRIVILEGES: readonly string[] = [];
const SID_UNIX_USER = 'S-1-22-1';
const SID_UNIX_GROUP = 'S-1-22-2';

/**
 * Whom a logged-in identity acts for in the object store. Its POSIX side, where the server may
 * switch (as root), is the account's own uid and gid, and for an account without them those of the
 * shared folder's owner: nobody acts as root in a folder that is not root's. Otherwise it is the
 * server's own, and so it is for an administrator of the share. A share may force another user or
 * group on all others. The SIDs of those ids (Samba's S-1-22 namespace) make the owner of a plain
 * POSIX file be its owner here, too.
 */
export function securityContextOf(identity: Identity, share: Share): SecurityContext {
  const isAdministrator = administers(identity, share);
  const credentials = isAdministrator ? processCredentials() : credentialsOf(identity, share);
  const groups = new Set([credentials.gid, ...credentials.groups]);
  const groupSids = new Set([
    ...identity.groupSids,
    SID_EVERYONE,
    SID_NETWORK,
    ...(isAdministrator ? [SID_BUILTIN_ADMINISTRATORS] : []),
    ...(identity.isAnonymous || identity.isGuest ? [] : [SID_AUTHENTICATED_USERS]),
    `${SID_UNIX_USER}-${credentials.uid}`,
    ...[...groups].map((gid) => `${SID_UNIX_GROUP}-${gid}`),
  ]);
  return {
    userSid: identity.userSid,
    groupSids: [...groupSids],
    privileges: isAdministrator ? ADMINISTRATOR_PRIVILEGES : NO_PRIVILEGES,
    credentials,
    maximalAccess: share.readOnly ? READ_AND_EXECUTE : FILE_ALL_ACCESS,
  };
}

function administers(identity: Identity, share: Share): boolean {
  if (identity.isAnonymous || identity.isGuest) return false;
  return share.administrators.includes(identity.userName.toLowerCase());
}

function credentialsOf(identity: Identity, share: Share): Credentials {
  const own = processCredentials();
  if (own.uid !== 0) return own;
  return inGroup(userOf(identity, share, own), share);
}

function userOf(identity: Identity, share: Share, own: Credentials): Credentials {
  const user = share.forced?.user;
  if (user !== undefined) return { uid: user.uid, gid: user.gid, groups: user.gids };
  if (identity.uid !== undefined && identity.gid !== undefined) {
    return { uid: identity.uid, gid: identity.gid, groups: identity.gids ?? [] };
  }
  if (share.owner === undefined || share.owner.uid === 0) return own;
  return { uid: share.owner.uid, gid: share.owner.gid, groups: [] };
}

/** As the primary group, which new files get; the groups that there were stay. */
function inGroup(credentials: Credentials, { forced }: Share): Credentials {
  if (forced?.group === undefined) return credentials;
  const { uid, gid, groups } = credentials;
  const { gid: wanted, membersOnly } = forced.group;
  if (membersOnly && gid !== wanted && !groups.includes(wanted)) return credentials;
  return { uid, gid: wanted, groups: [...new Set([...groups, gid])] };
}

let cached: Credentials | undefined;

function processCredentials(): Credentials {
  cached ??= {
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    groups: process.getgroups?.() ?? [],
  };
  return cached;
}

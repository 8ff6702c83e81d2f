/**
 * Who may do what with a file: stored security descriptors where there is one, POSIX permissions
 * where there is none. [MS-FSA] 2.1.5.1.2.1 Algorithm to Check Access to an Existing File.
 */
import { after, type Now, type Task, taskOf, wait } from '../base/task.ts';
import { type AccessToken, allowedAccess } from '../dtyp/access-check.ts';
import {
  ACCESS_SYSTEM_SECURITY,
  DELETE,
  FILE_ALL_ACCESS,
  FILE_APPEND_DATA,
  FILE_DELETE_CHILD,
  FILE_GENERIC_EXECUTE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_LIST_DIRECTORY,
  FILE_READ_ATTRIBUTES,
  FILE_WRITE_DATA,
  WRITE_DAC,
  WRITE_OWNER,
} from '../dtyp/access-mask.ts';
import {
  SE_BACKUP_PRIVILEGE,
  SE_RESTORE_PRIVILEGE,
  SE_SECURITY_PRIVILEGE,
  SE_TAKE_OWNERSHIP_PRIVILEGE,
} from '../dtyp/privileges.ts';
import type { SecurityDescriptor } from '../dtyp/security-descriptor.ts';
import { unixGroupSid, unixUserSid } from '../dtyp/sid.ts';
import { STATUS_ACCESS_DENIED, STATUS_PRIVILEGE_NOT_HELD } from '../erref/ntstatus.ts';
import { FILE_OPEN_FOR_BACKUP_INTENT } from '../fscc/create-parameters.ts';
import { FILE_ATTRIBUTE_READONLY } from '../fscc/file-attributes.ts';
import { failed } from '../vfs/errno.ts';
import type { Credentials, FileStat, OpenFor } from '../vfs/vfs.ts';
import type { NtError } from './errno-to-ntstatus.ts';
import { parentOf } from './names.ts';
import { accessOfMode } from './posix-mode.ts';
import type { SecurityContext } from './security-context.ts';
import { descriptorOf, getSecurity, statToJudge } from './stored-security.ts';
import { isOfStore } from './stream-store.ts';
import type { Volume } from './volume.ts';

/** What the READONLY attribute takes away from a file. */
const READONLY_DENIES = FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_DELETE_CHILD;

export interface AccessQuestion {
  readonly volume: Volume;
  readonly security: SecurityContext;
  readonly path: string;
  readonly stat: FileStat;
  /** Stored security descriptor, undefined where there is none. */
  readonly descriptor: SecurityDescriptor | undefined;
  readonly attributes: number;
  readonly createOptions: number;
  /** The strongest access that the store itself granted to the caller's credentials. */
  readonly opened: OpenFor;
}

export interface WantedAccess {
  /** Specific rights that must be granted. */
  readonly desired: number;
  /** Rights that must be allowed but are not granted: what a disposition does on its own. */
  readonly implied: number;
  readonly maximum: boolean;
}

export interface Access {
  readonly granted: number;
}

/** The access to grant. */
export function* checkAccess(
  question: AccessQuestion,
  wanted: WantedAccess,
): Task<Access | NtError> {
  return yield* taskOf(checkAccessNow(question, wanted));
}

/** The same, without a task where the directory above has not to be asked. */
export function checkAccessNow(
  question: AccessQuestion,
  wanted: WantedAccess,
): Now<Access | NtError> {
  const { security, stat, attributes } = question;
  const required = wanted.desired | wanted.implied;
  if ((wanted.desired & ~ACCESS_SYSTEM_SECURITY & ~security.maximalAccess) !== 0) {
    return STATUS_ACCESS_DENIED;
  }
  if ((wanted.implied & ~security.maximalAccess) !== 0) return STATUS_ACCESS_DENIED;
  let allowed = ownAccess(question);
  if ((attributes & FILE_ATTRIBUTE_READONLY) !== 0 && stat.type !== 'directory') {
    allowed &= ~READONLY_DENIES;
  }
  // The parent directory can give what the file itself does not.
  const parentMayGive = DELETE | FILE_READ_ATTRIBUTES;
  const wantsMore = wanted.maximum ? parentMayGive : required & parentMayGive;
  if ((wantsMore & ~allowed) === 0) return decideAccess(wanted, security, allowed);
  return after(accessThroughParent(question), (more) =>
    decideAccess(wanted, security, allowed | more),
  );
}

function decideAccess(
  wanted: WantedAccess,
  security: SecurityContext,
  allowed: number,
): Access | NtError {
  const missing = (wanted.desired | wanted.implied) & ~allowed;
  if (missing !== 0) {
    return (missing & ACCESS_SYSTEM_SECURITY) !== 0
      ? STATUS_PRIVILEGE_NOT_HELD
      : STATUS_ACCESS_DENIED;
  }
  if (!wanted.maximum) return { granted: wanted.desired };
  const maximum = wanted.desired | (allowed & FILE_ALL_ACCESS & security.maximalAccess);
  return maximum === 0 ? STATUS_ACCESS_DENIED : { granted: maximum };
}

/** What the file's own descriptor, or mode, and the caller's privileges allow. */
export function ownAccess(question: AccessQuestion): number {
  const { security, stat, descriptor, opened, createOptions } = question;
  let allowed =
    descriptor === undefined
      ? posixAccess(security.credentials, stat) | accessOfOpened(opened)
      : allowedAccess(descriptor, tokenOf(security));
  if (security.privileges.length === 0) return allowed;
  if (security.privileges.includes(SE_SECURITY_PRIVILEGE)) allowed |= ACCESS_SYSTEM_SECURITY;
  if (security.privileges.includes(SE_TAKE_OWNERSHIP_PRIVILEGE)) allowed |= WRITE_OWNER;
  if ((createOptions & FILE_OPEN_FOR_BACKUP_INTENT) !== 0) {
    if (security.privileges.includes(SE_BACKUP_PRIVILEGE)) {
      allowed |= FILE_GENERIC_READ | FILE_GENERIC_EXECUTE | ACCESS_SYSTEM_SECURITY;
    }
    if (security.privileges.includes(SE_RESTORE_PRIVILEGE)) {
      allowed |= FILE_GENERIC_WRITE | DELETE | WRITE_DAC | WRITE_OWNER | ACCESS_SYSTEM_SECURITY;
    }
  }
  return allowed;
}

/** POSIX permission bits as file rights. The owner, and root, may do everything. */
function posixAccess(credentials: Credentials, stat: FileStat): number {
  const { uid, gid, groups } = credentials;
  if (uid === stat.uid || uid === 0) return FILE_ALL_ACCESS;
  const isMember = gid === stat.gid || groups.includes(stat.gid);
  return accessOfMode(isMember ? stat.mode >> 3 : stat.mode, stat.type === 'directory');
}

/** The token of a context, made once. */
export function tokenOf(security: SecurityContext): AccessToken {
  let token = TOKENS.get(security);
  if (token === undefined) {
    const { uid, gid, groups } = security.credentials;
    const sids = new Set([security.userSid, ...security.groupSids, unixUserSid(uid)]);
    for (const id of [gid, ...groups]) sids.add(unixGroupSid(id));
    token = {
      sids,
      privileges: new Set(security.privileges),
    };
    TOKENS.set(security, token);
  }
  return token;
}

/** A directory's rights that decide about its entries: stored descriptor or mode. */
export interface DirectoryRights {
  readonly stat: FileStat;
  readonly descriptor: SecurityDescriptor | undefined;
  readonly allowed: number;
}

/** Looks at a directory itself, not at its entries; undefined when it cannot be reached. */
export function* directoryRights(
  volume: Volume,
  security: SecurityContext,
  path: string,
  createOptions: number = 0,
): Task<DirectoryRights | undefined> {
  const file = yield* wait(volume.vfs.open(security.credentials, path, { access: 'metadata' }));
  if (failed(file)) return undefined;
  const found = yield* wait(file.stat());
  const stat = volume.makings === undefined ? found : yield* statToJudge(volume, file, found);
  const value = failed(stat) ? stat : yield* wait(getSecurity(volume, file, stat));
  if (failed(stat) || stat.type !== 'directory' || (yield* isOfStore(file, stat))) {
    file.close();
    return undefined;
  }
  const descriptor = yield* descriptorOf(volume, { source: file, stat, path, value });
  file.close();
  const allowed = ownAccess({
    volume,
    security,
    path,
    stat,
    descriptor,
    attributes: 0,
    createOptions,
    opened: 'metadata',
  });
  return { stat, descriptor, allowed };
}

const TOKENS = new WeakMap<SecurityContext, AccessToken>();
const STICKY = 0o1000;

/** The store checked the caller's permission itself, with ACLs that mode bits do not tell. */
function accessOfOpened(opened: OpenFor): number {
  switch (opened) {
    case 'read':
    case 'directory':
      return FILE_GENERIC_READ;
    case 'write':
      return FILE_GENERIC_WRITE;
    case 'readwrite':
      return FILE_GENERIC_READ | FILE_GENERIC_WRITE;
    case 'metadata':
      return 0;
  }
}

/**
 * [MS-FSA] 2.1.5.1.2.1: FILE_DELETE_CHILD on the directory grants DELETE, FILE_LIST_DIRECTORY
 * grants FILE_READ_ATTRIBUTES.
 */
function* accessThroughParent(question: AccessQuestion): Task<number> {
  const { volume, security, path, stat } = question;
  if (path === '') return 0;
  const parent = yield* directoryRights(volume, security, parentOf(path));
  if (parent === undefined) return 0;
  const { uid } = security.credentials;
  const isSticky = (parent.stat.mode & STICKY) !== 0 && uid !== 0;
  const mayRemove = !isSticky || uid === stat.uid || uid === parent.stat.uid;
  let allowed = 0;
  if ((parent.allowed & FILE_DELETE_CHILD) !== 0 && mayRemove) allowed |= DELETE;
  if ((parent.allowed & FILE_LIST_DIRECTORY) !== 0) allowed |= FILE_READ_ATTRIBUTES;
  return allowed;
}

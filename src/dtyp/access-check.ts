import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_PRIVILEGE_NOT_HELD,
} from '../erref/ntstatus.ts';
import {
  ACCESS_SYSTEM_SECURITY,
  FILE_ALL_ACCESS,
  MAXIMUM_ALLOWED,
  mapGeneric,
  READ_CONTROL,
  WRITE_DAC,
  WRITE_OWNER,
} from './access-mask.ts';
import {
  ACCESS_ALLOWED_ACE_TYPE,
  ACCESS_DENIED_ACE_TYPE,
  ACCESS_DENIED_CALLBACK_ACE_TYPE,
  type Acl,
  INHERIT_ONLY_ACE,
  isSidAce,
} from './acl.ts';
import { SE_SECURITY_PRIVILEGE, SE_TAKE_OWNERSHIP_PRIVILEGE } from './privileges.ts';
import type { SecurityDescriptor } from './security-descriptor.ts';
import { SID_OWNER_RIGHTS, type Sid } from './sid.ts';

/** Who asks: [MS-DTYP] 2.5.2 Token/Authorization Context, reduced to what a check reads. */
export interface AccessToken {
  /** The user's SID and those of all groups. */
  readonly sids: ReadonlySet<Sid>;
  /** Names such as 'SeSecurityPrivilege'. */
  readonly privileges: ReadonlySet<string>;
}

export type AccessOutcome =
  | { readonly status: 0; readonly granted: number }
  | { readonly status: Exclude<NtStatus, 0>; readonly granted?: undefined };

/**
 * Checks what a token may do with a file.
 *
 * [MS-DTYP] 2.5.3.2 Access Check Algorithm Pseudocode. `desired` may hold generic bits and
 * MAXIMUM_ALLOWED; `granted` never does. Generic bits in ACEs are mapped too.
 * STATUS_PRIVILEGE_NOT_HELD: ACCESS_SYSTEM_SECURITY without SeSecurityPrivilege;
 * STATUS_ACCESS_DENIED: anything else that is not granted.
 *
 * Deviation: conditions of callback ACEs evaluate to UNKNOWN (2.5.3.1.5): such an ACE grants
 * nothing and denies always. Object ACEs do not occur on files and are passed over.
 */
export function accessCheck(
  descriptor: SecurityDescriptor,
  token: AccessToken,
  desired: number,
): AccessOutcome {
  const wanted = mapGeneric(desired & ~MAXIMUM_ALLOWED);
  let byPrivilege = 0;
  if (wanted & ACCESS_SYSTEM_SECURITY) {
    if (!token.privileges.has(SE_SECURITY_PRIVILEGE)) return { status: STATUS_PRIVILEGE_NOT_HELD };
    byPrivilege |= ACCESS_SYSTEM_SECURITY;
  }
  if (token.privileges.has(SE_TAKE_OWNERSHIP_PRIVILEGE)) byPrivilege |= WRITE_OWNER;

  const allowed = allowedAccess(descriptor, token) | byPrivilege;
  const missing = wanted & ~allowed;
  if (missing !== 0) return { status: STATUS_ACCESS_DENIED };
  if ((desired & MAXIMUM_ALLOWED) === 0) return { status: 0, granted: wanted >>> 0 };
  const maximum = (wanted | allowed) & (FILE_ALL_ACCESS | ACCESS_SYSTEM_SECURITY);
  if (maximum === 0) return { status: STATUS_ACCESS_DENIED };
  return { status: 0, granted: maximum >>> 0 };
}

/**
 * Every access that the descriptor alone gives the token, without privileges. ACEs are read in
 * order and the first one to speak of a bit decides it, so one pass answers for every bit.
 */
export function allowedAccess(descriptor: SecurityDescriptor, token: AccessToken): number {
  const { owner, dacl } = descriptor;
  if (dacl === undefined || dacl === null) return FILE_ALL_ACCESS;
  const isOwner = owner !== undefined && token.sids.has(owner);
  let allowed = 0;
  let denied = 0;
  // The owner may always read and change the DACL, unless OWNER RIGHTS says otherwise.
  if (isOwner && !speaksOfOwnerRights(dacl)) allowed = READ_CONTROL | WRITE_DAC;
  for (const ace of dacl.aces) {
    if ((ace.flags & INHERIT_ONLY_ACE) !== 0 || !isSidAce(ace)) continue;
    const applies = ace.sid === SID_OWNER_RIGHTS ? isOwner : token.sids.has(ace.sid);
    if (!applies) continue;
    const mask = mapGeneric(ace.mask);
    if (ace.type === ACCESS_ALLOWED_ACE_TYPE) {
      allowed |= mask & ~denied;
    } else if (
      ace.type === ACCESS_DENIED_ACE_TYPE ||
      ace.type === ACCESS_DENIED_CALLBACK_ACE_TYPE
    ) {
      denied |= mask & ~allowed;
    }
  }
  // ACCESS_SYSTEM_SECURITY comes from a privilege only, whatever an ACE says.
  return allowed & FILE_ALL_ACCESS;
}

function speaksOfOwnerRights(dacl: Acl): boolean {
  return dacl.aces.some(
    (ace) => isSidAce(ace) && ace.sid === SID_OWNER_RIGHTS && (ace.flags & INHERIT_ONLY_ACE) === 0,
  );
}

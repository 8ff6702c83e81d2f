/** What it takes to read and to change the parts of a security descriptor. Pure. */

import type { AccessToken } from '../dtyp/access-check.ts';
import {
  ACCESS_SYSTEM_SECURITY,
  READ_CONTROL,
  WRITE_DAC,
  WRITE_OWNER,
} from '../dtyp/access-mask.ts';
import { SYSTEM_MANDATORY_LABEL_ACE_TYPE } from '../dtyp/acl.ts';
import { SE_RESTORE_PRIVILEGE, SE_SECURITY_PRIVILEGE } from '../dtyp/privileges.ts';
import {
  ATTRIBUTE_SECURITY_INFORMATION,
  BACKUP_SECURITY_INFORMATION,
  DACL_SECURITY_INFORMATION,
  GROUP_SECURITY_INFORMATION,
  LABEL_SECURITY_INFORMATION,
  OWNER_SECURITY_INFORMATION,
  SACL_SECURITY_INFORMATION,
  SCOPE_SECURITY_INFORMATION,
  type SecurityDescriptor,
} from '../dtyp/security-descriptor.ts';
import type { Sid } from '../dtyp/sid.ts';
import {
  type NtStatus,
  STATUS_INVALID_OWNER,
  STATUS_PRIVILEGE_NOT_HELD,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';

/** [MS-SMB2] 3.3.5.20.3 Handling SMB2_0_INFO_SECURITY: rights to read these parts. */
export function rightsToQuery(parts: number): number {
  let rights = 0;
  if ((parts & (OWNER_PARTS | READ_CONTROL_PARTS)) !== 0) rights |= READ_CONTROL;
  if ((parts & SACL_SECURITY_INFORMATION) !== 0) rights |= ACCESS_SYSTEM_SECURITY;
  if ((parts & BACKUP_SECURITY_INFORMATION) !== 0) rights |= READ_CONTROL | ACCESS_SYSTEM_SECURITY;
  return rights;
}

/** [MS-SMB2] 3.3.5.21.3 Handling SMB2_0_INFO_SECURITY: rights to replace these parts. */
export function rightsToSet(parts: number): number {
  let rights = 0;
  if ((parts & (OWNER_PARTS | LABEL_SECURITY_INFORMATION)) !== 0) rights |= WRITE_OWNER;
  if ((parts & (DACL_SECURITY_INFORMATION | ATTRIBUTE_SECURITY_INFORMATION)) !== 0) {
    rights |= WRITE_DAC;
  }
  if ((parts & (SACL_SECURITY_INFORMATION | SCOPE_SECURITY_INFORMATION)) !== 0) {
    rights |= ACCESS_SYSTEM_SECURITY;
  }
  if ((parts & BACKUP_SECURITY_INFORMATION) !== 0) {
    rights |= WRITE_DAC | WRITE_OWNER | ACCESS_SYSTEM_SECURITY;
  }
  return rights;
}

/**
 * [MS-DTYP] 2.5.3.4.1: an owner is oneself, one's group, or anybody with SeRestorePrivilege.
 * Unclear: a group would need SE_GROUP_OWNER, which no token here tells; smbtorture
 * (smb2.acls-with-sysacl.SDFLAGSVSCHOWN) wants Everyone to do.
 */
export function mayOwn(token: AccessToken, owner: Sid | undefined): boolean {
  if (owner === undefined) return false;
  return token.sids.has(owner) || token.privileges.has(SE_RESTORE_PRIVILEGE);
}

/**
 * [MS-FSA] 2.1.5.1.1 Creation of a New File: a descriptor that the creator gives. An owner that the
 * caller may not name is STATUS_INVALID_OWNER, a SACL without SeSecurityPrivilege
 * STATUS_PRIVILEGE_NOT_HELD; a label alone is no audit rule.
 */
export function checkCreatorDescriptor(
  token: AccessToken,
  creator: SecurityDescriptor | undefined,
): NtStatus {
  if (creator === undefined) return STATUS_SUCCESS;
  const audits = creator.sacl?.aces.some((ace) => ace.type !== SYSTEM_MANDATORY_LABEL_ACE_TYPE);
  if (audits === true && !token.privileges.has(SE_SECURITY_PRIVILEGE)) {
    return STATUS_PRIVILEGE_NOT_HELD;
  }
  const { owner } = creator;
  return owner === undefined || mayOwn(token, owner) ? STATUS_SUCCESS : STATUS_INVALID_OWNER;
}

const OWNER_PARTS = OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION;
const READ_CONTROL_PARTS =
  DACL_SECURITY_INFORMATION |
  LABEL_SECURITY_INFORMATION |
  ATTRIBUTE_SECURITY_INFORMATION |
  SCOPE_SECURITY_INFORMATION;

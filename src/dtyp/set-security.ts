import { mapAclGeneric } from './inherit.ts';
import { replaceSacl } from './sacl-parts.ts';
import {
  BACKUP_SECURITY_INFORMATION,
  DACL_SECURITY_INFORMATION,
  GROUP_SECURITY_INFORMATION,
  OWNER_SECURITY_INFORMATION,
  SACL_SECURITY_INFORMATION,
  SE_DACL_AUTO_INHERIT_REQ,
  SE_DACL_AUTO_INHERITED,
  SE_DACL_DEFAULTED,
  SE_DACL_PRESENT,
  SE_DACL_PROTECTED,
  SE_SACL_AUTO_INHERIT_REQ,
  SE_SACL_AUTO_INHERITED,
  SE_SACL_DEFAULTED,
  SE_SACL_PRESENT,
  SE_SACL_PROTECTED,
  SE_SELF_RELATIVE,
  type SecurityDescriptor,
} from './security-descriptor.ts';

/** The control bits that belong to one ACL. */
interface AclControl {
  readonly present: number;
  readonly defaulted: number;
  readonly isProtected: number;
  readonly autoInherited: number;
  readonly autoInheritRequest: number;
}

const DACL_CONTROL: AclControl = {
  present: SE_DACL_PRESENT,
  defaulted: SE_DACL_DEFAULTED,
  isProtected: SE_DACL_PROTECTED,
  autoInherited: SE_DACL_AUTO_INHERITED,
  autoInheritRequest: SE_DACL_AUTO_INHERIT_REQ,
};

const SACL_CONTROL: AclControl = {
  present: SE_SACL_PRESENT,
  defaulted: SE_SACL_DEFAULTED,
  isProtected: SE_SACL_PROTECTED,
  autoInherited: SE_SACL_AUTO_INHERITED,
  autoInheritRequest: SE_SACL_AUTO_INHERIT_REQ,
};

/**
 * The descriptor after a client replaced the parts that `securityInformation` names.
 *
 * [MS-FSA] 2.1.5.17 Server Requests Setting of Security Information. The caller checked access and
 * that owner and group may be assigned. Windows: an owner or group that is to be set but is not
 * there stays; an ACL stays auto-inherited only when it comes
 * with both the AUTO_INHERITED and the AUTO_INHERIT_REQ bit, and the latter is never kept
 * (smbtorture smb2.acls.INHERITFLAGS).
 */
export function replaceSecurity(
  current: SecurityDescriptor,
  change: SecurityDescriptor,
  securityInformation: number,
): SecurityDescriptor {
  let control = current.control | SE_SELF_RELATIVE;
  const isBackup = (securityInformation & BACKUP_SECURITY_INFORMATION) !== 0;
  const sets = (part: number): boolean => isBackup || (securityInformation & part) !== 0;
  const setsDacl = sets(DACL_SECURITY_INFORMATION);
  if (setsDacl) control = replaceControl(control, change.control, DACL_CONTROL);
  if (sets(SACL_SECURITY_INFORMATION))
    control = replaceControl(control, change.control, SACL_CONTROL);
  return {
    control,
    owner: sets(OWNER_SECURITY_INFORMATION) ? (change.owner ?? current.owner) : current.owner,
    group: sets(GROUP_SECURITY_INFORMATION) ? (change.group ?? current.group) : current.group,
    sacl: replaceSacl(current.sacl, change.sacl && mapAclGeneric(change.sacl), securityInformation),
    // A DACL that is set but not present is a NULL DACL.
    dacl: setsDacl ? (change.dacl ? mapAclGeneric(change.dacl) : null) : current.dacl,
  };
}

function replaceControl(current: number, change: number, bits: AclControl): number {
  const own =
    bits.present | bits.defaulted | bits.isProtected | bits.autoInherited | bits.autoInheritRequest;
  const requested = bits.autoInherited | bits.autoInheritRequest;
  let next = (current & ~own) | (change & (bits.present | bits.defaulted | bits.isProtected));
  if ((change & requested) === requested) next |= bits.autoInherited;
  return next;
}

import { SACL_PARTS, selectSacl } from './sacl-parts.ts';
import {
  BACKUP_SECURITY_INFORMATION,
  DACL_SECURITY_INFORMATION,
  GROUP_SECURITY_INFORMATION,
  OWNER_SECURITY_INFORMATION,
  SE_DACL_AUTO_INHERITED,
  SE_DACL_DEFAULTED,
  SE_DACL_PROTECTED,
  SE_GROUP_DEFAULTED,
  SE_OWNER_DEFAULTED,
  SE_SACL_AUTO_INHERITED,
  SE_SACL_DEFAULTED,
  SE_SACL_PROTECTED,
  type SecurityDescriptor,
} from './security-descriptor.ts';

/** Only the parts that `securityInformation` asks for ([MS-FSA] 2.1.5.14); BACKUP means all. */
export function selectSecurityInformation(
  descriptor: SecurityDescriptor,
  securityInformation: number,
): SecurityDescriptor {
  const isBackup = (securityInformation & BACKUP_SECURITY_INFORMATION) !== 0;
  const wants = (part: number): boolean => isBackup || (securityInformation & part) !== 0;
  let control = 0;
  if (wants(OWNER_SECURITY_INFORMATION)) control |= SE_OWNER_DEFAULTED;
  if (wants(GROUP_SECURITY_INFORMATION)) control |= SE_GROUP_DEFAULTED;
  if (wants(DACL_SECURITY_INFORMATION)) {
    control |= SE_DACL_DEFAULTED | SE_DACL_AUTO_INHERITED | SE_DACL_PROTECTED;
  }
  if (wants(SACL_PARTS)) {
    control |= SE_SACL_DEFAULTED | SE_SACL_AUTO_INHERITED | SE_SACL_PROTECTED;
  }
  return {
    control: descriptor.control & control,
    owner: wants(OWNER_SECURITY_INFORMATION) ? descriptor.owner : undefined,
    group: wants(GROUP_SECURITY_INFORMATION) ? descriptor.group : undefined,
    sacl: selectSacl(descriptor.sacl, securityInformation),
    dacl: wants(DACL_SECURITY_INFORMATION) ? descriptor.dacl : undefined,
  };
}

/**
 * The SACL holds four things that are read and set one by one ([MS-DTYP] 2.4.7
 * SECURITY_INFORMATION): audit rules, the integrity label, resource attributes and the central
 * policy's id.
 */
import {
  ACL_REVISION,
  type Ace,
  type Acl,
  SYSTEM_MANDATORY_LABEL_ACE_TYPE,
  SYSTEM_RESOURCE_ATTRIBUTE_ACE_TYPE,
  SYSTEM_SCOPED_POLICY_ID_ACE_TYPE,
} from './acl.ts';
import {
  ATTRIBUTE_SECURITY_INFORMATION,
  BACKUP_SECURITY_INFORMATION,
  LABEL_SECURITY_INFORMATION,
  SACL_SECURITY_INFORMATION,
  SCOPE_SECURITY_INFORMATION,
} from './security-descriptor.ts';

/** Every bit that is about something in the SACL. */
export const SACL_PARTS: number =
  SACL_SECURITY_INFORMATION |
  LABEL_SECURITY_INFORMATION |
  ATTRIBUTE_SECURITY_INFORMATION |
  SCOPE_SECURITY_INFORMATION |
  BACKUP_SECURITY_INFORMATION;

/** The ACEs of these parts alone; undefined when none of them was asked for. */
export function selectSacl(sacl: Acl | null | undefined, parts: number): Acl | null | undefined {
  if ((parts & SACL_PARTS) === 0) return undefined;
  if (!sacl || isWhole(parts)) return sacl;
  const aces = sacl.aces.filter((ace) => (partOf(ace) & parts) !== 0);
  // An audit list without rules is an empty list, a label that is not there is no list at all.
  if (aces.length === 0 && (parts & SACL_SECURITY_INFORMATION) === 0) return undefined;
  return { revision: sacl.revision, aces };
}

/** The SACL with these parts taken from `change`, and all others as they were. */
export function replaceSacl(
  current: Acl | null | undefined,
  change: Acl | null | undefined,
  parts: number,
): Acl | null | undefined {
  if ((parts & SACL_PARTS) === 0) return current;
  if (isWhole(parts)) return change;
  const kept = current?.aces.filter((ace) => (partOf(ace) & parts) === 0) ?? [];
  const set = change?.aces.filter((ace) => (partOf(ace) & parts) !== 0) ?? [];
  if (kept.length === 0 && set.length === 0) {
    return (parts & SACL_SECURITY_INFORMATION) !== 0 && change ? { ...change, aces: [] } : change;
  }
  const revision = Math.max(current?.revision ?? ACL_REVISION, change?.revision ?? ACL_REVISION);
  return { revision, aces: [...set, ...kept] };
}

function isWhole(parts: number): boolean {
  return (parts & BACKUP_SECURITY_INFORMATION) !== 0;
}

function partOf(ace: Ace): number {
  switch (ace.type) {
    case SYSTEM_MANDATORY_LABEL_ACE_TYPE:
      return LABEL_SECURITY_INFORMATION;
    case SYSTEM_RESOURCE_ATTRIBUTE_ACE_TYPE:
      return ATTRIBUTE_SECURITY_INFORMATION;
    case SYSTEM_SCOPED_POLICY_ID_ACE_TYPE:
      return SCOPE_SECURITY_INFORMATION;
    default:
      return SACL_SECURITY_INFORMATION;
  }
}

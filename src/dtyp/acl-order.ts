import {
  ACCESS_DENIED_ACE_TYPE,
  ACCESS_DENIED_CALLBACK_ACE_TYPE,
  ACCESS_DENIED_CALLBACK_OBJECT_ACE_TYPE,
  ACCESS_DENIED_OBJECT_ACE_TYPE,
  type Acl,
  INHERITED_ACE,
} from './acl.ts';

const DENYING: ReadonlySet<number> = new Set([
  ACCESS_DENIED_ACE_TYPE,
  ACCESS_DENIED_OBJECT_ACE_TYPE,
  ACCESS_DENIED_CALLBACK_ACE_TYPE,
  ACCESS_DENIED_CALLBACK_OBJECT_ACE_TYPE,
]);

/**
 * Whether a DACL is as Windows' own tools order it ([MS-DTYP] 2.4.5 ACL): explicit ACEs before
 * inherited ones, and among the explicit those that deny before those that allow. Inherited ones
 * come generation by generation, each in this order, which an ACL does not tell apart. Pure.
 */
export function isCanonicalOrder({ aces }: Acl): boolean {
  let rank = 0;
  for (const { type, flags } of aces) {
    const isInherited = (flags & INHERITED_ACE) !== 0;
    const next = isInherited ? 2 : DENYING.has(type) ? 0 : 1;
    if (next < rank) return false;
    rank = next;
  }
  return true;
}

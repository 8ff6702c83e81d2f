import { LE, pad, put, slice } from '../base/bytes.ts';
import { decodeSid, encodeSid, type Sid, sidSize } from './sid.ts';

/** [MS-DTYP] 2.4.4.1 ACE_HEADER, AceType. */
export const ACCESS_ALLOWED_ACE_TYPE = 0x00;
export const ACCESS_DENIED_ACE_TYPE = 0x01;
export const SYSTEM_AUDIT_ACE_TYPE = 0x02;
export const SYSTEM_ALARM_ACE_TYPE = 0x03;
export const ACCESS_ALLOWED_COMPOUND_ACE_TYPE = 0x04;
export const ACCESS_ALLOWED_OBJECT_ACE_TYPE = 0x05;
export const ACCESS_DENIED_OBJECT_ACE_TYPE = 0x06;
export const SYSTEM_AUDIT_OBJECT_ACE_TYPE = 0x07;
export const SYSTEM_ALARM_OBJECT_ACE_TYPE = 0x08;
export const ACCESS_ALLOWED_CALLBACK_ACE_TYPE = 0x09;
export const ACCESS_DENIED_CALLBACK_ACE_TYPE = 0x0a;
export const ACCESS_ALLOWED_CALLBACK_OBJECT_ACE_TYPE = 0x0b;
export const ACCESS_DENIED_CALLBACK_OBJECT_ACE_TYPE = 0x0c;
export const SYSTEM_AUDIT_CALLBACK_ACE_TYPE = 0x0d;
export const SYSTEM_ALARM_CALLBACK_ACE_TYPE = 0x0e;
export const SYSTEM_AUDIT_CALLBACK_OBJECT_ACE_TYPE = 0x0f;
export const SYSTEM_ALARM_CALLBACK_OBJECT_ACE_TYPE = 0x10;
export const SYSTEM_MANDATORY_LABEL_ACE_TYPE = 0x11;
export const SYSTEM_RESOURCE_ATTRIBUTE_ACE_TYPE = 0x12;
export const SYSTEM_SCOPED_POLICY_ID_ACE_TYPE = 0x13;

/** [MS-DTYP] 2.4.4.1 ACE_HEADER, AceFlags. */
export const OBJECT_INHERIT_ACE = 0x01;
export const CONTAINER_INHERIT_ACE = 0x02;
export const NO_PROPAGATE_INHERIT_ACE = 0x04;
export const INHERIT_ONLY_ACE = 0x08;
export const INHERITED_ACE = 0x10;
export const SUCCESSFUL_ACCESS_ACE_FLAG = 0x40;
export const FAILED_ACCESS_ACE_FLAG = 0x80;

/** [MS-DTYP] 2.4.5 ACL, AclRevision: ACL_REVISION_DS admits object ACEs. */
export const ACL_REVISION = 2;
export const ACL_REVISION_DS = 4;

/** An ACE that is a mask for a SID; `data` follows the SID (a condition, an attribute) if any. */
export interface SidAce {
  readonly type: number;
  readonly flags: number;
  readonly mask: number;
  readonly sid: Sid;
  readonly data?: Uint8Array;
}

/** Any other ACE (object, compound, unknown types), kept as it came after its header. */
export interface RawAce {
  readonly type: number;
  readonly flags: number;
  readonly body: Uint8Array;
}

export type Ace = SidAce | RawAce;

export function isSidAce(ace: Ace): ace is SidAce {
  return 'sid' in ace;
}

/** [MS-DTYP] 2.4.5 ACL. */
export interface Acl {
  readonly revision: number;
  readonly aces: readonly Ace[];
}

const ACL_HEADER_SIZE = 8;
const ACE_HEADER_SIZE = 4;
const SID_ACE_HEADER_SIZE = 8;

/**
 * [MS-DTYP] 2.4.5 ACL; undefined when the bytes are none.
 *
 *    0   1  AclRevision   2 to 4
 *    1   1  Sbz1
 *    2   2  AclSize       with the header
 *    4   2  AceCount
 *    6   2  Sbz2
 *    8      ACEs
 */
export function decodeAcl(view: DataView, at: number, end: number): Acl | undefined {
  if (at < 0 || end - at < ACL_HEADER_SIZE) return undefined;
  const revision = view.getUint8(at);
  const aclEnd = at + view.getUint16(at + 2, LE);
  if (revision < ACL_REVISION || revision > ACL_REVISION_DS) return undefined;
  if (aclEnd < at + ACL_HEADER_SIZE || aclEnd > end) return undefined;
  const aces: Ace[] = [];
  let next = at + ACL_HEADER_SIZE;
  for (let left = view.getUint16(at + 4, LE); left > 0; left--) {
    const ace = decodeAce(view, next, aclEnd);
    if (ace === undefined) return undefined;
    aces.push(ace);
    next += view.getUint16(next + 2, LE);
  }
  return { revision, aces };
}

/** Bytes that `encodeAcl` writes. */
export function aclSize(acl: Acl): number {
  let size = ACL_HEADER_SIZE;
  for (const ace of acl.aces) size += aceSize(ace);
  return size;
}

/** Writes the ACL without slack and returns the end offset; the caller made room. */
export function encodeAcl(view: DataView, at: number, acl: Acl): number {
  view.setUint8(at, acl.revision);
  view.setUint8(at + 1, 0);
  view.setUint16(at + 4, acl.aces.length, LE);
  view.setUint16(at + 6, 0, LE);
  let next = at + ACL_HEADER_SIZE;
  for (const ace of acl.aces) next = encodeAce(view, next, ace);
  view.setUint16(at + 2, next - at, LE);
  return next;
}

/**
 * [MS-DTYP] 2.4.4.1 ACE_HEADER and, for ACEs of a SID, 2.4.4.2 and its likes.
 *
 *    0   1  AceType
 *    1   1  AceFlags
 *    2   2  AceSize   with the header, a multiple of 4
 *    4   4  Mask
 *    8      Sid, then application data
 */
function decodeAce(view: DataView, at: number, end: number): Ace | undefined {
  if (end - at < ACE_HEADER_SIZE) return undefined;
  const type = view.getUint8(at);
  const flags = view.getUint8(at + 1);
  const aceEnd = at + view.getUint16(at + 2, LE);
  if (aceEnd < at + ACE_HEADER_SIZE || aceEnd > end) return undefined;
  if (!namesSid(type))
    return { type, flags, body: slice(view, at + ACE_HEADER_SIZE, aceEnd).slice() };
  if (aceEnd - at < SID_ACE_HEADER_SIZE) return undefined;
  const mask = view.getUint32(at + 4, LE);
  const sid = decodeSid(view, at + SID_ACE_HEADER_SIZE, aceEnd);
  if (sid === undefined) return undefined;
  // Trailing bytes mean something in callback and resource attribute ACEs only.
  if (sid.end === aceEnd || !hasData(type)) return { type, flags, mask, sid: sid.sid };
  return { type, flags, mask, sid: sid.sid, data: slice(view, sid.end, aceEnd).slice() };
}

function aceSize(ace: Ace): number {
  if (!isSidAce(ace)) return padded(ACE_HEADER_SIZE + ace.body.length);
  return padded(SID_ACE_HEADER_SIZE + sidSize(ace.sid) + (ace.data?.length ?? 0));
}

function encodeAce(view: DataView, at: number, ace: Ace): number {
  const end = at + aceSize(ace);
  view.setUint8(at, ace.type);
  view.setUint8(at + 1, ace.flags);
  view.setUint16(at + 2, end - at, LE);
  if (!isSidAce(ace)) return pad(view, put(view, at + ACE_HEADER_SIZE, ace.body), end);
  view.setUint32(at + 4, ace.mask, LE);
  const next = encodeSid(view, at + SID_ACE_HEADER_SIZE, ace.sid);
  return pad(view, ace.data === undefined ? next : put(view, next, ace.data), end);
}

/** The types whose body is a mask and a SID. */
function namesSid(type: number): boolean {
  if (type <= SYSTEM_ALARM_ACE_TYPE) return true;
  if (type === ACCESS_ALLOWED_CALLBACK_ACE_TYPE || type === ACCESS_DENIED_CALLBACK_ACE_TYPE) {
    return true;
  }
  if (type === SYSTEM_AUDIT_CALLBACK_ACE_TYPE || type === SYSTEM_ALARM_CALLBACK_ACE_TYPE) {
    return true;
  }
  return type >= SYSTEM_MANDATORY_LABEL_ACE_TYPE && type <= SYSTEM_SCOPED_POLICY_ID_ACE_TYPE;
}

function hasData(type: number): boolean {
  return type >= ACCESS_ALLOWED_CALLBACK_ACE_TYPE;
}

function padded(size: number): number {
  return (size + 3) & ~3;
}

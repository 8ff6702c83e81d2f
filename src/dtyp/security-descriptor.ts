import { LE, viewOf } from '../base/bytes.ts';
import { type Acl, aclSize, decodeAcl, encodeAcl } from './acl.ts';
import { decodeSid, encodeSid, type Sid, sidSize } from './sid.ts';

/** [MS-DTYP] 2.4.6 SECURITY_DESCRIPTOR, Control. */
export const SE_OWNER_DEFAULTED = 0x0001;
export const SE_GROUP_DEFAULTED = 0x0002;
export const SE_DACL_PRESENT = 0x0004;
export const SE_DACL_DEFAULTED = 0x0008;
export const SE_SACL_PRESENT = 0x0010;
export const SE_SACL_DEFAULTED = 0x0020;
export const SE_DACL_TRUSTED = 0x0040;
export const SE_SERVER_SECURITY = 0x0080;
export const SE_DACL_AUTO_INHERIT_REQ = 0x0100;
export const SE_SACL_AUTO_INHERIT_REQ = 0x0200;
export const SE_DACL_AUTO_INHERITED = 0x0400;
export const SE_SACL_AUTO_INHERITED = 0x0800;
export const SE_DACL_PROTECTED = 0x1000;
export const SE_SACL_PROTECTED = 0x2000;
export const SE_RM_CONTROL_VALID = 0x4000;
export const SE_SELF_RELATIVE = 0x8000;

/** [MS-DTYP] 2.4.7 SECURITY_INFORMATION: which parts a query or a change is about. */
export const OWNER_SECURITY_INFORMATION = 0x0000_0001;
export const GROUP_SECURITY_INFORMATION = 0x0000_0002;
export const DACL_SECURITY_INFORMATION = 0x0000_0004;
export const SACL_SECURITY_INFORMATION = 0x0000_0008;
export const LABEL_SECURITY_INFORMATION = 0x0000_0010;
export const ATTRIBUTE_SECURITY_INFORMATION = 0x0000_0020;
export const SCOPE_SECURITY_INFORMATION = 0x0000_0040;
export const BACKUP_SECURITY_INFORMATION = 0x0001_0000;
export const UNPROTECTED_SACL_SECURITY_INFORMATION = 0x1000_0000;
export const UNPROTECTED_DACL_SECURITY_INFORMATION = 0x2000_0000;
export const PROTECTED_SACL_SECURITY_INFORMATION = 0x4000_0000;
export const PROTECTED_DACL_SECURITY_INFORMATION = 0x8000_0000;

/**
 * A security descriptor in memory. An ACL is `undefined` when its SE_*_PRESENT bit is clear, `null`
 * when it is present but NULL (a NULL DACL grants everything), and has no ACEs when it is empty
 * (an empty DACL grants nothing).
 */
export interface SecurityDescriptor {
  /** SE_*; the PRESENT bits and SE_SELF_RELATIVE follow from the other fields when encoded. */
  readonly control: number;
  readonly owner: Sid | undefined;
  readonly group: Sid | undefined;
  readonly sacl: Acl | null | undefined;
  readonly dacl: Acl | null | undefined;
}

export const SECURITY_DESCRIPTOR_HEADER_SIZE = 20;

/**
 * [MS-DTYP] 2.4.6 SECURITY_DESCRIPTOR, self-relative; undefined when the bytes are none.
 *
 *    0   1  Revision     1
 *    1   1  Sbz1         resource manager control
 *    2   2  Control      SE_SELF_RELATIVE set
 *    4   4  OffsetOwner  0: none
 *    8   4  OffsetGroup  0: none
 *   12   4  OffsetSacl   0: none or NULL
 *   16   4  OffsetDacl   0: none or NULL
 *
 * Offsets count from `origin`: the structure's start, but for those that Samba stores.
 */
export function decodeSecurityDescriptor(
  view: DataView,
  at: number,
  end: number,
  origin: number = at,
): SecurityDescriptor | undefined {
  if (end - at < SECURITY_DESCRIPTOR_HEADER_SIZE || view.getUint8(at) !== 1) return undefined;
  const control = view.getUint16(at + 2, LE);
  if ((control & SE_SELF_RELATIVE) === 0) return undefined;
  const first = at + SECURITY_DESCRIPTOR_HEADER_SIZE;
  const part = { view, origin, first, end };
  const owner = sidAt(part, view.getUint32(at + 4, LE));
  const group = sidAt(part, view.getUint32(at + 8, LE));
  if (owner === 'invalid' || group === 'invalid') return undefined;
  const saclOffset = control & SE_SACL_PRESENT ? view.getUint32(at + 12, LE) : -1;
  const daclOffset = control & SE_DACL_PRESENT ? view.getUint32(at + 16, LE) : -1;
  const sacl = aclAt(part, saclOffset);
  const dacl = aclAt(part, daclOffset);
  if (sacl === 'invalid' || dacl === 'invalid') return undefined;
  return { control, owner, group, sacl, dacl };
}

/** The descriptor that `bytes` hold from their start; undefined when they hold none. */
export function parseSecurityDescriptor(bytes: Uint8Array): SecurityDescriptor | undefined {
  return decodeSecurityDescriptor(viewOf(bytes), 0, bytes.length);
}

/** Bytes that `encodeSecurityDescriptor` writes. */
export function securityDescriptorSize(descriptor: SecurityDescriptor): number {
  let size = SECURITY_DESCRIPTOR_HEADER_SIZE;
  if (descriptor.owner !== undefined) size += sidSize(descriptor.owner);
  if (descriptor.group !== undefined) size += sidSize(descriptor.group);
  if (descriptor.sacl) size += aclSize(descriptor.sacl);
  if (descriptor.dacl) size += aclSize(descriptor.dacl);
  return size;
}

/**
 * Writes the self-relative form and returns the end offset; the caller made room. Owner, group,
 * SACL, DACL follow the header in this order, as Windows answers SMB2_0_INFO_SECURITY queries.
 */
export function encodeSecurityDescriptor(
  view: DataView,
  at: number,
  descriptor: SecurityDescriptor,
  origin: number = at,
): number {
  const { owner, group, sacl, dacl } = descriptor;
  let control = (descriptor.control & ~(SE_SACL_PRESENT | SE_DACL_PRESENT)) | SE_SELF_RELATIVE;
  if (sacl !== undefined) control |= SE_SACL_PRESENT;
  if (dacl !== undefined) control |= SE_DACL_PRESENT;
  view.setUint8(at, 1);
  view.setUint8(at + 1, 0);
  view.setUint16(at + 2, control, LE);
  let next = at + SECURITY_DESCRIPTOR_HEADER_SIZE;
  view.setUint32(at + 4, owner === undefined ? 0 : next - origin, LE);
  if (owner !== undefined) next = encodeSid(view, next, owner);
  view.setUint32(at + 8, group === undefined ? 0 : next - origin, LE);
  if (group !== undefined) next = encodeSid(view, next, group);
  view.setUint32(at + 12, sacl ? next - origin : 0, LE);
  if (sacl) next = encodeAcl(view, next, sacl);
  view.setUint32(at + 16, dacl ? next - origin : 0, LE);
  if (dacl) next = encodeAcl(view, next, dacl);
  return next;
}

export function securityDescriptorBytes(descriptor: SecurityDescriptor): Uint8Array {
  const bytes = new Uint8Array(securityDescriptorSize(descriptor));
  encodeSecurityDescriptor(viewOf(bytes), 0, descriptor);
  return bytes;
}

/** Where the parts of a descriptor may be: between `first` and `end`, counted from `origin`. */
interface PartRange {
  readonly view: DataView;
  readonly origin: number;
  readonly first: number;
  readonly end: number;
}

function sidAt(range: PartRange, offset: number): Sid | undefined | 'invalid' {
  const { view, origin, first, end } = range;
  if (offset === 0) return undefined;
  if (origin + offset < first) return 'invalid';
  return decodeSid(view, origin + offset, end)?.sid ?? 'invalid';
}

function aclAt(range: PartRange, offset: number): Acl | null | undefined | 'invalid' {
  const { view, origin, first, end } = range;
  if (offset < 0) return undefined;
  if (offset === 0) return null;
  if (origin + offset < first) return 'invalid';
  return decodeAcl(view, origin + offset, end) ?? 'invalid';
}

/**
 * Security descriptors in an extended attribute ('security.NTACL'), in the format of Samba's
 * vfs_acl_xattr (librpc/idl/xattr.idl, xattr_NTACL):
 *
 *    0   2  Version   1 to 4
 *    2   2  Version   again: the switch of the union
 *    4   4  pointer
 *   version 1:  8      descriptor
 *   version 2:  8   4  pointer   12  16  hash                     28  descriptor
 *   version 3:  8   4  pointer   12   2  hash type   14  64  hash   80  descriptor
 *   version 4: as 3 up to the hash, then at 78 a NUL-terminated description, aligned to 4 a time
 *              (8 bytes) and a second hash (64 bytes), then the descriptor
 *
 * The descriptor is self-relative and aligned to 4; its offsets count from the value's start, as
 * NDR has them. The second hash of version 4 tells whether somebody changed the POSIX permissions
 * meanwhile (posix-acl.ts); the first one, and version 3's, is of the descriptor that Samba itself
 * makes of them, and is not compared. Where no hash can be had we write version 3 without one
 * (type 0), which Samba accepts as it is in every configuration.
 */
import { LE, viewOf } from '../base/bytes.ts';
import {
  decodeSecurityDescriptor,
  encodeSecurityDescriptor,
  type SecurityDescriptor,
  securityDescriptorSize,
} from '../dtyp/security-descriptor.ts';

const VERSION_3_DESCRIPTOR_AT = 80;
const VERSION_4_DESCRIPTION_AT = 78;
/** What the second hash is of: 'posix_acl' in ASCII, which ends at 88 with its NUL. */
const DESCRIPTION = Uint8Array.of(0x70, 0x6f, 0x73, 0x69, 0x78, 0x5f, 0x61, 0x63, 0x6c);
/** Behind the description: a time (8 bytes), then the hash's room. */
const VERSION_4_DESCRIPTOR_AT = 160;
const HASH_ROOM = 64;
const HASH_TYPE_SHA256 = 1;
const SHA256_SIZE = 32;
/** NDR's referent ids: any that are not 0. */
const POINTER_1 = 0x0002_0000;
const POINTER_2 = 0x0002_0004;

/** Undefined when the value is in no known format. */
export function decodeNtAcl(value: Uint8Array): SecurityDescriptor | undefined {
  if (value.length < 8) return undefined;
  const view = viewOf(value);
  const at = descriptorAt(value, view.getUint16(0, LE));
  if (at === undefined || at > value.length) return undefined;
  return decodeSecurityDescriptor(view, at, value.length, 0);
}

/** The hash of the POSIX permissions, 32 bytes, where the value is of version 4 and has one. */
export function systemAclHashOf(value: Uint8Array): Uint8Array | undefined {
  if (value.length < VERSION_4_DESCRIPTION_AT) return undefined;
  const view = viewOf(value);
  if (view.getUint16(0, LE) !== 4 || view.getUint16(12, LE) !== HASH_TYPE_SHA256) return undefined;
  const at = descriptorAt(value, 4);
  if (at === undefined || at > value.length) return undefined;
  return value.subarray(at - HASH_ROOM, at - HASH_ROOM + SHA256_SIZE);
}

/** With `systemAclHash`, 32 bytes, in version 4, else in version 3. */
export function encodeNtAcl(
  descriptor: SecurityDescriptor,
  systemAclHash?: Uint8Array | undefined,
): Uint8Array {
  if (systemAclHash !== undefined) return encodeVersion4(descriptor, systemAclHash);
  const value = new Uint8Array(VERSION_3_DESCRIPTOR_AT + securityDescriptorSize(descriptor));
  const view = viewOf(value);
  view.setUint16(0, 3, LE);
  view.setUint16(2, 3, LE);
  view.setUint32(4, POINTER_1, LE);
  view.setUint32(8, POINTER_2, LE);
  encodeSecurityDescriptor(view, VERSION_3_DESCRIPTOR_AT, descriptor, 0);
  return value;
}

function encodeVersion4(descriptor: SecurityDescriptor, hash: Uint8Array): Uint8Array {
  const value = new Uint8Array(VERSION_4_DESCRIPTOR_AT + securityDescriptorSize(descriptor));
  const view = viewOf(value);
  view.setUint16(0, 4, LE);
  view.setUint16(2, 4, LE);
  view.setUint32(4, POINTER_1, LE);
  view.setUint32(8, POINTER_2, LE);
  view.setUint16(12, HASH_TYPE_SHA256, LE);
  value.set(DESCRIPTION, VERSION_4_DESCRIPTION_AT);
  value.set(hash, VERSION_4_DESCRIPTOR_AT - HASH_ROOM);
  encodeSecurityDescriptor(view, VERSION_4_DESCRIPTOR_AT, descriptor, 0);
  return value;
}

function descriptorAt(value: Uint8Array, version: number): number | undefined {
  switch (version) {
    case 1:
      return 8;
    case 2:
      return 28;
    case 3:
      return VERSION_3_DESCRIPTOR_AT;
    case 4: {
      const nul = value.indexOf(0, VERSION_4_DESCRIPTION_AT);
      return nul < 0 ? undefined : ((nul + 1 + 3) & ~3) + 8 + 64;
    }
    default:
      return undefined;
  }
}

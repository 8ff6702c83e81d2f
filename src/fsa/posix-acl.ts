/**
 * The POSIX side of a file's permissions as Samba hashes it, to tell later whether somebody changed
 * it behind the stored descriptor's back (source3/modules, smb_acl_wrapper). Pure.
 *
 *    0   4  pointer: access ACL     4   4  pointer: default ACL, 0 for what is no directory
 *    8   8  uid                    16   8  gid                   24   4  mode, with the type
 *   28      access ACL, default ACL: count (4), to 8, count (4), 0 (4), entries
 *
 * An entry, aligned to 8: tag (2), tag (2), the id aligned to 8 where there is one (8), permissions
 * aligned to 4 (4). All little endian.
 */
import { align, LE, viewOf } from '../base/bytes.ts';
import type { FileStat } from '../vfs/vfs.ts';

export const ACCESS_ACL_XATTR = 'system.posix_acl_access';
export const DEFAULT_ACL_XATTR = 'system.posix_acl_default';

interface AclEntry {
  /** Samba's number for the tag: SMB_ACL_USER … SMB_ACL_MASK. */
  readonly tag: number;
  readonly permissions: number;
  readonly id: number | undefined;
}

/** Linux' ACL_USER_OBJ, ACL_USER, ACL_GROUP_OBJ, ACL_GROUP, ACL_MASK, ACL_OTHER as Samba's tags. */
const TAGS: ReadonlyMap<number, number> = new Map([
  [0x01, 2],
  [0x02, 1],
  [0x04, 4],
  [0x08, 3],
  [0x10, 6],
  [0x20, 5],
]);
const USER_OBJ = 2;
const GROUP_OBJ = 4;
const OTHER = 5;
/** The tags that name somebody: SMB_ACL_USER and SMB_ACL_GROUP. */
const USER = 1;
const GROUP = 3;
const ACL_EA_VERSION = 2;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const HEAD_SIZE = 28;
const ENTRY_SIZE_MAX = 24;

/**
 * What Samba hashes for a file with these ACLs, as the attributes hold them; undefined: none. The
 * answer is undefined for an ACL in no known format.
 */
export function systemAclBlob(
  stat: FileStat,
  accessAcl: Uint8Array | undefined,
  defaultAcl: Uint8Array | undefined,
): Uint8Array | undefined {
  const access = accessAcl === undefined ? aclOfMode(stat.mode) : decodeAcl(accessAcl);
  const isDirectory = stat.type === 'directory';
  const inherited = defaultAcl === undefined ? [] : decodeAcl(defaultAcl);
  if (access === undefined || inherited === undefined) return undefined;
  const count = access.length + inherited.length;
  const bytes = new Uint8Array(HEAD_SIZE + 2 * 20 + count * ENTRY_SIZE_MAX);
  const view = viewOf(bytes);
  view.setUint32(0, 0x0002_0000, LE);
  view.setUint32(4, isDirectory ? 0x0002_0004 : 0, LE);
  view.setUint32(8, stat.uid, LE);
  view.setUint32(16, stat.gid, LE);
  view.setUint32(24, stat.mode | (isDirectory ? S_IFDIR : S_IFREG), LE);
  let end = encodeAcl(view, HEAD_SIZE, access);
  if (isDirectory) end = encodeAcl(view, end, inherited);
  return bytes.subarray(0, end);
}

/** Linux' posix_acl_xattr: version (4), then tag (2), permissions (2), id (4) each. */
function decodeAcl(value: Uint8Array): readonly AclEntry[] | undefined {
  const view = viewOf(value);
  if (value.length < 4 || value.length % 8 !== 4) return undefined;
  if (view.getUint32(0, LE) !== ACL_EA_VERSION) return undefined;
  const entries: AclEntry[] = [];
  for (let at = 4; at < value.length; at += 8) {
    const tag = TAGS.get(view.getUint16(at, LE));
    if (tag === undefined) return undefined;
    const id = tag === USER || tag === GROUP ? view.getUint32(at + 4, LE) : undefined;
    entries.push({ tag, permissions: view.getUint16(at + 2, LE), id });
  }
  return entries;
}

function aclOfMode(mode: number): readonly AclEntry[] {
  return [
    { tag: USER_OBJ, permissions: (mode >> 6) & 7, id: undefined },
    { tag: GROUP_OBJ, permissions: (mode >> 3) & 7, id: undefined },
    { tag: OTHER, permissions: mode & 7, id: undefined },
  ];
}

function encodeAcl(view: DataView, at: number, entries: readonly AclEntry[]): number {
  view.setUint32(align(at, 4), entries.length, LE);
  let next = align(at + 4, 8);
  view.setUint32(next, entries.length, LE);
  next += 8;
  for (const { tag, permissions, id } of entries) {
    view.setUint16(next, tag, LE);
    view.setUint16(next + 2, tag, LE);
    if (id !== undefined) view.setUint32(next + 8, id, LE);
    const after = next + (id === undefined ? 4 : 16);
    view.setUint32(after, permissions, LE);
    next = align(after + 4, 8);
  }
  return next;
}

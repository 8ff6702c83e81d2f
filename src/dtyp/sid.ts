import { LE } from '../base/bytes.ts';

/** A security identifier in its string form, [MS-DTYP] 2.4.2.1: 'S-1-5-21-…', canonical. */
export type Sid = string;

export const SID_SUB_AUTHORITIES_MAX = 15;
const SID_HEADER_SIZE = 8;

/** [MS-DTYP] 2.4.2.4 Well-Known SID Structures. */
export const SID_NULL: Sid = 'S-1-0-0';
export const SID_EVERYONE: Sid = 'S-1-1-0';
export const SID_LOCAL: Sid = 'S-1-2-0';
export const SID_CREATOR_OWNER: Sid = 'S-1-3-0';
export const SID_CREATOR_GROUP: Sid = 'S-1-3-1';
export const SID_OWNER_RIGHTS: Sid = 'S-1-3-4';
export const SID_NETWORK: Sid = 'S-1-5-2';
export const SID_ANONYMOUS: Sid = 'S-1-5-7';
export const SID_PRINCIPAL_SELF: Sid = 'S-1-5-10';
export const SID_AUTHENTICATED_USERS: Sid = 'S-1-5-11';
export const SID_LOCAL_SYSTEM: Sid = 'S-1-5-18';
export const SID_BUILTIN_DOMAIN: Sid = 'S-1-5-32';
export const SID_BUILTIN_ADMINISTRATORS: Sid = 'S-1-5-32-544';
export const SID_BUILTIN_USERS: Sid = 'S-1-5-32-545';
export const SID_BUILTIN_GUESTS: Sid = 'S-1-5-32-546';
export const SID_BUILTIN_BACKUP_OPERATORS: Sid = 'S-1-5-32-551';

/**
 * POSIX ids as SIDs, the way Samba maps ids that no account stands for ("Unix User" and "Unix
 * Group"): so stored descriptors mean the same under both servers.
 */
export function unixUserSid(uid: number): Sid {
  return `S-1-22-1-${uid}`;
}

export function unixGroupSid(gid: number): Sid {
  return `S-1-22-2-${gid}`;
}

export interface UnixId {
  readonly kind: 'uid' | 'gid';
  readonly id: number;
}

/** What a 'S-1-22-…' SID stands for; undefined for every other SID. */
export function unixIdOf(sid: Sid): UnixId | undefined {
  const match = /^S-1-22-([12])-(\d+)$/.exec(sid);
  if (match === null) return undefined;
  return { kind: match[1] === '1' ? 'uid' : 'gid', id: Number(match[2]) };
}

export interface DecodedSid {
  readonly sid: Sid;
  readonly end: number;
}

/**
 * [MS-DTYP] 2.4.2.2 SID--Packet Representation; undefined when the bytes are no SID.
 *
 *    0   1  Revision            1
 *    1   1  SubAuthorityCount   at most 15
 *    2   6  IdentifierAuthority big endian
 *    8  4n  SubAuthority        little endian
 */
export function decodeSid(view: DataView, at: number, end: number): DecodedSid | undefined {
  if (at < 0 || end - at < SID_HEADER_SIZE || view.getUint8(at) !== 1) return undefined;
  const count = view.getUint8(at + 1);
  const sidEnd = at + SID_HEADER_SIZE + 4 * count;
  if (count > SID_SUB_AUTHORITIES_MAX || sidEnd > end) return undefined;
  const authority = view.getUint16(at + 2) * 0x1_0000_0000 + view.getUint32(at + 4);
  let sid = `S-1-${authorityText(authority)}`;
  for (let sub = at + SID_HEADER_SIZE; sub < sidEnd; sub += 4) sid += `-${view.getUint32(sub, LE)}`;
  return { sid, end: sidEnd };
}

/** Bytes that `encodeSid` writes. */
export function sidSize(sid: Sid): number {
  let dashes = 0;
  for (let i = 0; i < sid.length; i++) if (sid.charCodeAt(i) === 0x2d) dashes++;
  return SID_HEADER_SIZE + 4 * (dashes - 2);
}

/** Writes a valid SID and returns the end offset. */
export function encodeSid(view: DataView, at: number, sid: Sid): number {
  const parts = sid.split('-');
  const authority = Number(parts[2]);
  view.setUint8(at, 1);
  view.setUint8(at + 1, parts.length - 3);
  view.setUint16(at + 2, Math.floor(authority / 0x1_0000_0000));
  view.setUint32(at + 4, authority % 0x1_0000_0000);
  for (let i = 3; i < parts.length; i++) {
    view.setUint32(at + SID_HEADER_SIZE + 4 * (i - 3), Number(parts[i]), LE);
  }
  return at + SID_HEADER_SIZE + 4 * (parts.length - 3);
}

/** The canonical form of a SID that somebody wrote; undefined when it is none. */
export function parseSid(text: string): Sid | undefined {
  if (!/^S-1-(?:\d{1,15}|0x[0-9a-f]{12})(?:-\d{1,10}){0,15}$/i.test(text)) return undefined;
  const [authority, ...subs] = text.split('-').slice(2).map(Number);
  if (authority === undefined || authority > 0xffff_ffff_ffff) return undefined;
  if (subs.some((sub) => sub > 0xffff_ffff)) return undefined;
  return ['S-1', authorityText(authority), ...subs].join('-');
}

/** 2.4.2.1: authorities of 2^32 and more are written as twelve hexadecimal digits. */
function authorityText(authority: number): string {
  if (authority < 0x1_0000_0000) return String(authority);
  return `0x${authority.toString(16).padStart(12, '0')}`;
}

/**
 * File attributes and the creation time, kept in the extended attribute 'user.DOSATTRIB' in the
 * format of Samba (librpc/idl/xattr.idl, xattr_DOSATTRIB), so that both servers can serve one tree.
 *
 * The layout is NDR: a NUL-terminated ASCII string (old versions: the attributes in hexadecimal;
 * else empty), then aligned to 2 the version twice (16 bits, the second is the union's switch),
 * then aligned to 4 the body:
 *
 *   version 1   attrib, eaSize, size, allocSize, createTime, changeTime
 *   version 2   flags, attrib, eaSize, size, allocSize, createTime, changeTime, writeTime, name
 *   version 3   validFlags, attrib, eaSize, size, allocSize, createTime, changeTime
 *   version 4   validFlags, attrib, itime, createTime
 *   version 5   validFlags, attrib, createTime
 *
 * with 32 bits for flags, attributes and eaSize and 64 bits, aligned to 4, for the others. Without
 * any version, only the string counts.
 *
 * Version 5 is written, and behind it, where Samba reads no further, what it has no field for. The
 * fields of version 3 are not used for that: its value is twice as long, and what does not fit into
 * an inode takes the file system a block.
 *
 *   after 5     eaSize, changeTime, changeTimeUntil
 *
 * EaSize is there for listings, which do not look at the EAs themselves. A ChangeTime that a client
 * set holds until the file's ctime (nanoseconds since 1970) is later than the last field: POSIX has
 * no call to set a ctime, but whatever changes the file moves it, and ctime counts again.
 */
import { LE, viewOf } from '../base/bytes.ts';

export const DOSATTRIB_XATTR = 'user.DOSATTRIB';

export interface DosAttributes {
  /** FILE_ATTRIBUTE_*, without NORMAL and DIRECTORY. */
  readonly attributes: number;
  /** FILETIME; undefined where none is stored. */
  readonly creationTime: bigint | undefined;
  /** Undefined where no client set a ChangeTime. */
  readonly changeMark: ChangeMark | undefined;
  /** As of when a client last set an EA; 0 where none is stored. */
  readonly eaSize: number;
}

/** What is written; the fields as in `DosAttributes`. */
export interface StoredAttributes {
  readonly attributes: number;
  readonly creationTime: bigint;
  readonly eaSize: number;
}

/** A ChangeTime that holds while the file's ctime is what it was when it was set. */
export interface ChangeMark {
  /** FILETIME. */
  readonly changeTime: bigint;
  readonly untilNs: bigint;
}

/** Nanoseconds of ctime, up to `untilNs`, in which a mark was written: a restored one is older. */
export const CHANGE_MARK_WINDOW_NS = 1_000_000_000n;

const VALID_ATTRIBUTES = 0x01;
const VALID_CREATE_TIME = 0x10;
/** Offsets behind the body of version 5. */
const EA_SIZE = 16;
const CHANGE_TIME = 20;
const UNTIL = 28;
const BODY = 8;

/** Body offsets of attributes and creation time; `flags` at 0 says which are valid. */
interface Layout {
  readonly attrib: number;
  readonly create: number;
  readonly hasFlags: boolean;
}

const V5: Layout = { attrib: 4, create: 8, hasFlags: true };
/** By version. */
const LAYOUTS: Readonly<Record<number, Layout>> = {
  1: { attrib: 0, create: 24, hasFlags: false },
  2: { attrib: 4, create: 28, hasFlags: false },
  3: { attrib: 4, create: 28, hasFlags: true },
  4: { attrib: 4, create: 16, hasFlags: true },
  5: V5,
};

/** Undefined when the value is in no known format. */
export function decodeDosAttributes(value: Uint8Array): DosAttributes | undefined {
  const nul = value.indexOf(0);
  const stringEnd = nul < 0 ? value.length : nul + 1;
  const versionAt = stringEnd + (stringEnd & 1);
  if (versionAt + 4 > value.length) return decodeHex(value.subarray(0, nul < 0 ? undefined : nul));
  const view = viewOf(value);
  const layout = LAYOUTS[view.getUint16(versionAt, LE)];
  const body = (versionAt + 4 + 3) & ~3;
  if (layout === undefined || body + layout.create + 8 > value.length) return undefined;
  const valid = layout.hasFlags ? view.getUint32(body, LE) : VALID_ATTRIBUTES | VALID_CREATE_TIME;
  const time = view.getBigUint64(body + layout.create, LE);
  return {
    attributes: valid & VALID_ATTRIBUTES ? view.getUint32(body + layout.attrib, LE) : 0,
    creationTime: (valid & VALID_CREATE_TIME) !== 0 && time !== 0n ? time : undefined,
    changeMark: layout === V5 ? decodeMark(view, body) : undefined,
    eaSize:
      layout === V5 && body + EA_SIZE + 4 <= value.length ? view.getUint32(body + EA_SIZE, LE) : 0,
  };
}

function decodeMark(view: DataView, body: number): ChangeMark | undefined {
  if (body + UNTIL + 8 > view.byteLength) return undefined;
  return {
    changeTime: view.getBigUint64(body + CHANGE_TIME, LE),
    untilNs: view.getBigInt64(body + UNTIL, LE),
  };
}

/** Version 5, which Samba 4.16 and later write, and as much behind it as there is to say. */
export function encodeDosAttributes(stored: StoredAttributes, mark?: ChangeMark): Uint8Array {
  const { attributes, creationTime, eaSize } = stored;
  const length = mark !== undefined ? UNTIL + 8 : eaSize !== 0 ? EA_SIZE + 4 : EA_SIZE;
  const value = new Uint8Array(BODY + length);
  const view = viewOf(value);
  view.setUint16(2, 5, LE);
  view.setUint16(4, 5, LE);
  view.setUint32(BODY, VALID_ATTRIBUTES | VALID_CREATE_TIME, LE);
  view.setUint32(BODY + V5.attrib, attributes, LE);
  view.setBigUint64(BODY + V5.create, creationTime, LE);
  if (length > EA_SIZE) view.setUint32(BODY + EA_SIZE, eaSize, LE);
  if (mark === undefined) return value;
  view.setBigUint64(BODY + CHANGE_TIME, mark.changeTime, LE);
  view.setBigInt64(BODY + UNTIL, mark.untilNs, LE);
  return value;
}

function decodeHex(text: Uint8Array): DosAttributes | undefined {
  const match = /^0x([0-9a-f]{1,8})$/i.exec(Buffer.from(text).toString('latin1'));
  if (match === null) return undefined;
  const attributes = Number.parseInt(match[1]!, 16);
  return { attributes, creationTime: undefined, changeMark: undefined, eaSize: 0 };
}

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
 */
import { LE, viewOf } from '../base/bytes.ts';

export const DOSATTRIB_XATTR = 'user.DOSATTRIB';

export interface DosAttributes {
  /** FILE_ATTRIBUTE_*, without NORMAL and DIRECTORY. */
  readonly attributes: number;
  /** FILETIME; undefined where none is stored. */
  readonly creationTime: bigint | undefined;
}

const VALID_ATTRIBUTES = 0x01;
const VALID_CREATE_TIME = 0x10;

/** Body offsets of attributes and creation time by version; `flags` at 0 says which are valid. */
const LAYOUTS: Readonly<
  Record<number, { readonly attrib: number; readonly create: number; readonly hasFlags: boolean }>
> = {
  1: { attrib: 0, create: 24, hasFlags: false },
  2: { attrib: 4, create: 28, hasFlags: false },
  3: { attrib: 4, create: 28, hasFlags: true },
  4: { attrib: 4, create: 16, hasFlags: true },
  5: { attrib: 4, create: 8, hasFlags: true },
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
  };
}

/** Version 5: what Samba 4.16 and later write. */
export function encodeDosAttributes(attributes: number, creationTime: bigint): Uint8Array {
  const value = new Uint8Array(24);
  const view = viewOf(value);
  view.setUint16(2, 5, LE);
  view.setUint16(4, 5, LE);
  view.setUint32(8, VALID_ATTRIBUTES | VALID_CREATE_TIME, LE);
  view.setUint32(12, attributes, LE);
  view.setBigUint64(16, creationTime, LE);
  return value;
}

function decodeHex(text: Uint8Array): DosAttributes | undefined {
  const match = /^0x([0-9a-f]{1,8})$/i.exec(Buffer.from(text).toString('latin1'));
  if (match === null) return undefined;
  return { attributes: Number.parseInt(match[1]!, 16), creationTime: undefined };
}

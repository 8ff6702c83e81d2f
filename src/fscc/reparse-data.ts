import { LE, slice, toHex } from '../base/bytes.ts';
import { decodeUtf16, encodeUtf16 } from '../base/utf16le.ts';

/** [MS-FSCC] 2.1.2.1 Reparse Tags. */
export const IO_REPARSE_TAG_MOUNT_POINT = 0xa000_0003;
export const IO_REPARSE_TAG_SYMLINK = 0xa000_000c;
export const IO_REPARSE_TAG_NFS = 0x8000_0014;
export const IO_REPARSE_TAG_LX_SYMLINK = 0xa000_001d;
export const IO_REPARSE_TAG_AF_UNIX = 0x8000_0023;
export const IO_REPARSE_TAG_LX_FIFO = 0x8000_0024;
export const IO_REPARSE_TAG_LX_CHR = 0x8000_0025;
export const IO_REPARSE_TAG_LX_BLK = 0x8000_0026;

/** [MS-FSCC] 2.1.2.4 Symbolic Link Reparse Data Buffer, Flags. */
export const SYMLINK_FLAG_RELATIVE = 0x0000_0001;

/** Of those assigned by Microsoft. */
const MICROSOFT_TAG = 0x8000_0000;
/** [MS-FSCC] 2.1.2.2: the whole structure takes 16 KiB at the most. */
const REPARSE_DATA_SIZE_MAX = 16_384;
const HEADER_SIZE = 8;
const GUID_HEADER_SIZE = 24;
const SYMLINK_FIXED_SIZE = 20;

export interface ReparseData {
  readonly tag: number;
  /** Hexadecimal; empty for a tag of Microsoft's. */
  readonly guid: string;
  /** What follows the header, a view of the input. */
  readonly data: Uint8Array;
}

/**
 * [MS-FSCC] 2.1.2.2 REPARSE_DATA_BUFFER; undefined when the lengths disagree
 * (STATUS_IO_REPARSE_DATA_INVALID).
 *
 *    0   4  ReparseTag
 *    4   2  ReparseDataLength
 *    6   2  Reserved
 *    8      DataBuffer
 *
 * [MS-FSCC] 2.1.2.3 REPARSE_GUID_DATA_BUFFER, of the tags that are not Microsoft's:
 *
 *    8  16  ReparseGuid
 *   24      DataBuffer
 */
export function decodeReparseData(
  view: DataView,
  at: number,
  end: number,
): ReparseData | undefined {
  if (end - at < HEADER_SIZE) return undefined;
  const tag = view.getUint32(at, LE);
  const header = tag & MICROSOFT_TAG ? HEADER_SIZE : GUID_HEADER_SIZE;
  if (end - at < header || end - at > REPARSE_DATA_SIZE_MAX) return undefined;
  if (at + header + view.getUint16(at + 4, LE) !== end) return undefined;
  const guid = header === HEADER_SIZE ? '' : toHex(slice(view, at + HEADER_SIZE, at + header));
  return { tag, guid, data: slice(view, at + header, end) };
}

export interface SymlinkReparseData {
  readonly substituteName: string;
  readonly printName: string;
  readonly isRelative: boolean;
}

/**
 * [MS-FSCC] 2.1.2.4 Symbolic Link Reparse Data Buffer; undefined when the bytes are none.
 *
 *    0   4  ReparseTag            IO_REPARSE_TAG_SYMLINK
 *    4   2  ReparseDataLength
 *    6   2  Reserved
 *    8   2  SubstituteNameOffset  in PathBuffer
 *   10   2  SubstituteNameLength
 *   12   2  PrintNameOffset       in PathBuffer
 *   14   2  PrintNameLength
 *   16   4  Flags
 *   20      PathBuffer
 */
export function decodeSymlinkReparseData(
  view: DataView,
  at: number,
  end: number,
): SymlinkReparseData | undefined {
  if (end - at < SYMLINK_FIXED_SIZE) return undefined;
  if (view.getUint32(at, LE) !== IO_REPARSE_TAG_SYMLINK) return undefined;
  const dataEnd = at + HEADER_SIZE + view.getUint16(at + 4, LE);
  if (dataEnd > end || dataEnd < at + SYMLINK_FIXED_SIZE) return undefined;
  const substituteName = pathAt(view, at, dataEnd, at + 8);
  const printName = pathAt(view, at, dataEnd, at + 12);
  if (substituteName === undefined || printName === undefined) return undefined;
  const isRelative = (view.getUint32(at + 16, LE) & SYMLINK_FLAG_RELATIVE) !== 0;
  return { substituteName, printName, isRelative };
}

export function symlinkReparseDataSize(link: SymlinkReparseData): number {
  return SYMLINK_FIXED_SIZE + 2 * (link.substituteName.length + link.printName.length);
}

/** Writes the buffer, substitute name first as Windows does, and returns the end offset. */
export function encodeSymlinkReparseData(
  view: DataView,
  at: number,
  link: SymlinkReparseData,
): number {
  const substituteLength = 2 * link.substituteName.length;
  view.setUint32(at, IO_REPARSE_TAG_SYMLINK, LE);
  view.setUint16(at + 4, symlinkReparseDataSize(link) - HEADER_SIZE, LE);
  view.setUint16(at + 6, 0, LE);
  view.setUint16(at + 8, 0, LE);
  view.setUint16(at + 10, substituteLength, LE);
  view.setUint16(at + 12, substituteLength, LE);
  view.setUint16(at + 14, 2 * link.printName.length, LE);
  view.setUint32(at + 16, link.isRelative ? SYMLINK_FLAG_RELATIVE : 0, LE);
  const next = encodeUtf16(view, at + SYMLINK_FIXED_SIZE, link.substituteName);
  return encodeUtf16(view, next, link.printName);
}

/** The name whose offset and length stand at `fieldAt`. */
function pathAt(view: DataView, at: number, end: number, fieldAt: number): string | undefined {
  const start = at + SYMLINK_FIXED_SIZE + view.getUint16(fieldAt, LE);
  const length = view.getUint16(fieldAt + 2, LE);
  if (length % 2 !== 0 || start + length > end) return undefined;
  return decodeUtf16(view, start, start + length);
}

/** [MS-FSCC] 2.1.2.6 Network File System (NFS) Reparse Data Buffer, Type. */
export const NFS_SPECFILE_LNK = 0x0000_0000_014b_4e4cn;
export const NFS_SPECFILE_CHR = 0x0000_0000_0052_4843n;
export const NFS_SPECFILE_BLK = 0x0000_0000_004b_4c42n;
export const NFS_SPECFILE_FIFO = 0x0000_0000_4f46_4946n;
export const NFS_SPECFILE_SOCK = 0x0000_0000_4b43_4f53n;

/**
 * Type of an NFS reparse point; undefined when the bytes are none.
 *
 *    0   4  ReparseTag            IO_REPARSE_TAG_NFS
 *    4   2  ReparseDataLength
 *    6   2  Reserved
 *    8   8  Type
 *   16      DataBuffer
 */
export function decodeNfsType(view: DataView, at: number, end: number): bigint | undefined {
  if (end - at < HEADER_SIZE + 8) return undefined;
  if (view.getUint32(at, LE) !== IO_REPARSE_TAG_NFS) return undefined;
  return view.getBigUint64(at + HEADER_SIZE, LE);
}

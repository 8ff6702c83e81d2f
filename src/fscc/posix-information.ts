/**
 * The information classes of the SMB3 POSIX Extensions: class 100 of files, of listings and of file
 * systems.
 *
 * Samba's librpc/idl/smb3posix.idl and the Linux client's smb2pdu.h describe them; no document of
 * [MS-SMB2] does. Nothing in them is aligned.
 */
import { getOffset, LE, setOffset } from '../base/bytes.ts';
import { decodeUtf16, encodeUtf16 } from '../base/utf16le.ts';
import { decodeSid, encodeSid, sidSize } from '../dtyp/sid.ts';
import { STATUS_INFO_LENGTH_MISMATCH, STATUS_SUCCESS } from '../erref/ntstatus.ts';
import type { Encoded } from './encoded.ts';
import type {
  DirectoryEntryData,
  FileMetadata,
  PosixAttributes,
  PosixMetadata,
} from './file-metadata.ts';

/** What stands in Mode above the permission bits: the file's type. */
export const POSIX_MODE_PERMISSIONS = 0o7777;
export const POSIX_TYPE_FILE = 0o00000;
export const POSIX_TYPE_DIRECTORY = 0o10000;
export const POSIX_TYPE_SYMLINK = 0o20000;
export const POSIX_TYPE_CHARACTER_DEVICE = 0o30000;
export const POSIX_TYPE_BLOCK_DEVICE = 0o40000;
export const POSIX_TYPE_FIFO = 0o50000;
export const POSIX_TYPE_SOCKET = 0o60000;

const ATTRIBUTES_HEAD = 12;
/** From CreationTime up to the attributes. */
const FILE_HEAD = 68;
const ENTRY_HEAD = 8;
const SID_SIZE_MIN = 8;
/** The least that an entry takes: for the check of a client's buffer. */
export const POSIX_ENTRY_SIZE_MIN: number =
  ENTRY_HEAD + FILE_HEAD + ATTRIBUTES_HEAD + 2 * SID_SIZE_MIN + 4;

export function posixAttributesSize({ owner, group }: PosixAttributes): number {
  return ATTRIBUTES_HEAD + sidSize(owner) + sidSize(group);
}

/** Writes `posixAttributesSize` bytes and returns the end offset. */
export function encodePosixAttributes(
  view: DataView,
  at: number,
  attributes: PosixAttributes,
): number {
  view.setUint32(at, attributes.numberOfLinks, LE);
  view.setUint32(at + 4, attributes.reparseTag, LE);
  view.setUint32(at + 8, attributes.mode, LE);
  return encodeSid(view, encodeSid(view, at + ATTRIBUTES_HEAD, attributes.owner), attributes.group);
}

interface Decoded<T> {
  readonly value: T;
  readonly end: number;
}

/** Undefined when the bytes are none; `end` is where they end. */
export function decodePosixAttributes(
  view: DataView,
  at: number,
  end: number,
): Decoded<PosixAttributes> | undefined {
  if (end - at < ATTRIBUTES_HEAD) return undefined;
  const owner = decodeSid(view, at + ATTRIBUTES_HEAD, end);
  const group = owner === undefined ? undefined : decodeSid(view, owner.end, end);
  if (owner === undefined || group === undefined) return undefined;
  const value = {
    numberOfLinks: view.getUint32(at, LE),
    reparseTag: view.getUint32(at + 4, LE),
    mode: view.getUint32(at + 8, LE),
    owner: owner.sid,
    group: group.sid,
  };
  return { value, end: group.end };
}

/** The fields of `FileMetadata` that the class tells. */
export type PosixFile = PosixMetadata &
  Pick<
    FileMetadata,
    | 'creationTime'
    | 'lastAccessTime'
    | 'lastWriteTime'
    | 'changeTime'
    | 'endOfFile'
    | 'allocationSize'
    | 'attributes'
  >;

/**
 * FilePosixInformation of a file
 *
 *    0   8  CreationTime      8   8  LastAccessTime   16   8  LastWriteTime   24   8  ChangeTime
 *   32   8  EndOfFile        40   8  AllocationSize   48   4  FileAttributes
 *   52   8  Inode            60   4  Device           64   4  Reserved
 *   68   -  PosixAttributes
 */
export function encodePosixInformation(
  view: DataView,
  at: number,
  end: number,
  data: FileMetadata,
  posix: PosixMetadata,
): Encoded {
  if (end - at < FILE_HEAD + posixAttributesSize(posix)) {
    return { status: STATUS_INFO_LENGTH_MISMATCH, end: at };
  }
  return { status: STATUS_SUCCESS, end: encodeFile(view, at, data, posix) };
}

export function decodePosixInformation(
  view: DataView,
  at: number,
  end: number,
): PosixFile | undefined {
  return decodeFile(view, at, end)?.value;
}

/**
 * One entry of a listing with NextEntryOffset 0; its end offset (not padded), or -1 when it does
 * not fit before `end`
 *
 *    0   4  NextEntryOffset
 *    4   4  FileIndex
 *    8   -  FilePosixInformation
 *    -   4  FileNameLength
 *    -   -  FileName
 */
export function encodePosixEntry(
  view: DataView,
  at: number,
  end: number,
  entry: DirectoryEntryData,
): number {
  const { posix } = entry;
  if (posix === undefined) return -1;
  const nameAt = at + ENTRY_HEAD + FILE_HEAD + posixAttributesSize(posix) + 4;
  if (nameAt + 2 * entry.name.length > end) return -1;
  view.setUint32(at, 0, LE);
  view.setUint32(at + 4, entry.fileIndex ?? 0, LE);
  encodeFile(view, at + ENTRY_HEAD, entry, posix);
  view.setUint32(nameAt - 4, 2 * entry.name.length, LE);
  return encodeUtf16(view, nameAt, entry.name);
}

export interface PosixEntry {
  readonly name: string;
  readonly file: PosixFile;
}

/** The entries of a QUERY_DIRECTORY reply; undefined when the bytes are no such list. */
export function decodePosixEntries(
  view: DataView,
  at: number,
  end: number,
): readonly PosixEntry[] | undefined {
  const entries: PosixEntry[] = [];
  if (at === end) return entries;
  for (let entryAt = at; ; ) {
    const file = decodeFile(view, entryAt + ENTRY_HEAD, end);
    if (file === undefined || end - file.end < 4) return undefined;
    const nameAt = file.end + 4;
    const length = view.getUint32(file.end, LE);
    if (length % 2 !== 0 || length > end - nameAt) return undefined;
    entries.push({ name: decodeUtf16(view, nameAt, nameAt + length), file: file.value });
    const next = view.getUint32(entryAt, LE);
    if (next === 0) return entries;
    if (next < nameAt + length - entryAt || next > end - entryAt) return undefined;
    entryAt += next;
  }
}

/** What a file system tells through FileFsPosixInformation; counts of blocks and of inodes. */
export interface FsPosixInformation {
  readonly optimalTransferSize: number;
  /** Bytes; the unit of the three counts of blocks. */
  readonly blockSize: number;
  readonly totalBlocks: number;
  readonly blocksFree: number;
  readonly blocksAvailable: number;
  readonly totalFiles: number;
  readonly filesFree: number;
  readonly fileSystemId: bigint;
}

const FS_POSIX_SIZE = 56;

/**
 * FileFsPosixInformation
 *
 *    0   4  OptimalTransferSize   4   4  BlockSize
 *    8   8  TotalBlocks          16   8  BlocksAvail   24   8  UserBlocksAvail
 *   32   8  TotalFileNodes       40   8  FreeFileNodes
 *   48   8  FsIdentifier
 */
export function encodeFsPosixInformation(
  view: DataView,
  at: number,
  end: number,
  data: FsPosixInformation,
): Encoded {
  if (end - at < FS_POSIX_SIZE) return { status: STATUS_INFO_LENGTH_MISMATCH, end: at };
  view.setUint32(at, data.optimalTransferSize, LE);
  view.setUint32(at + 4, data.blockSize, LE);
  setOffset(view, at + 8, data.totalBlocks);
  setOffset(view, at + 16, data.blocksFree);
  setOffset(view, at + 24, data.blocksAvailable);
  setOffset(view, at + 32, data.totalFiles);
  setOffset(view, at + 40, data.filesFree);
  view.setBigUint64(at + 48, data.fileSystemId, LE);
  return { status: STATUS_SUCCESS, end: at + FS_POSIX_SIZE };
}

/** Undefined when the bytes are none, or tell more than 2^53 - 1 of something. */
export function decodeFsPosixInformation(
  view: DataView,
  at: number,
  end: number,
): FsPosixInformation | undefined {
  if (end - at < FS_POSIX_SIZE) return undefined;
  const counts: number[] = [];
  for (let offset = 8; offset < 48; offset += 8) {
    const count = getOffset(view, at + offset);
    if (count === undefined) return undefined;
    counts.push(count);
  }
  return {
    optimalTransferSize: view.getUint32(at, LE),
    blockSize: view.getUint32(at + 4, LE),
    totalBlocks: counts[0]!,
    blocksFree: counts[1]!,
    blocksAvailable: counts[2]!,
    totalFiles: counts[3]!,
    filesFree: counts[4]!,
    fileSystemId: view.getBigUint64(at + 48, LE),
  };
}

function encodeFile(view: DataView, at: number, data: FileMetadata, posix: PosixMetadata): number {
  view.setBigInt64(at, data.creationTime, LE);
  view.setBigInt64(at + 8, data.lastAccessTime, LE);
  view.setBigInt64(at + 16, data.lastWriteTime, LE);
  view.setBigInt64(at + 24, data.changeTime, LE);
  setOffset(view, at + 32, data.endOfFile);
  setOffset(view, at + 40, data.allocationSize);
  view.setUint32(at + 48, data.attributes, LE);
  view.setBigUint64(at + 52, posix.inode, LE);
  view.setUint32(at + 60, posix.device, LE);
  view.setUint32(at + 64, 0, LE);
  return encodePosixAttributes(view, at + FILE_HEAD, posix);
}

function decodeFile(view: DataView, at: number, end: number): Decoded<PosixFile> | undefined {
  if (end - at < FILE_HEAD) return undefined;
  const endOfFile = getOffset(view, at + 32);
  const allocationSize = getOffset(view, at + 40);
  const posix = decodePosixAttributes(view, at + FILE_HEAD, end);
  if (endOfFile === undefined || allocationSize === undefined || posix === undefined) {
    return undefined;
  }
  const value = {
    creationTime: view.getBigInt64(at, LE),
    lastAccessTime: view.getBigInt64(at + 8, LE),
    lastWriteTime: view.getBigInt64(at + 16, LE),
    changeTime: view.getBigInt64(at + 24, LE),
    endOfFile,
    allocationSize,
    attributes: view.getUint32(at + 48, LE),
    inode: view.getBigUint64(at + 52, LE),
    device: view.getUint32(at + 60, LE),
    ...posix.value,
  };
  return { value, end: posix.end };
}

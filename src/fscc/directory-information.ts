import { getOffset, LE, pad, put, setOffset } from '../base/bytes.ts';
import { decodeUtf16, encodeUtf16 } from '../base/utf16le.ts';
import { FILE_ATTRIBUTE_REPARSE_POINT } from './file-attributes.ts';
import type { AppleAttributes, DirectoryEntryData } from './file-metadata.ts';
import {
  FileBothDirectoryInformation,
  FileDirectoryInformation,
  FileFullDirectoryInformation,
  FileId64ExtdBothDirectoryInformation,
  FileId64ExtdDirectoryInformation,
  FileIdAllExtdBothDirectoryInformation,
  FileIdAllExtdDirectoryInformation,
  FileIdBothDirectoryInformation,
  FileIdExtdDirectoryInformation,
  FileIdFullDirectoryInformation,
  FileNamesInformation,
  FilePosixInformation,
} from './info-classes.ts';
import { encodePosixEntry, POSIX_ENTRY_SIZE_MIN } from './posix-information.ts';

/**
 * Offset of FileName in an entry of a directory information class: the size of its fixed part (of
 * FilePosixInformation, where it varies, the least). 0 for every class that lists no directory.
 */
export function directoryEntryFixedSize(infoClass: number): number {
  switch (infoClass) {
    case FileNamesInformation:
      return 12;
    case FileDirectoryInformation:
      return 64;
    case FileFullDirectoryInformation:
      return 68;
    case FileIdFullDirectoryInformation:
    case FileId64ExtdDirectoryInformation:
      return 80;
    case FileIdExtdDirectoryInformation:
      return 88;
    case FileBothDirectoryInformation:
      return 94;
    case FileIdAllExtdDirectoryInformation:
      return 96;
    case FileIdBothDirectoryInformation:
      return 104;
    case FileId64ExtdBothDirectoryInformation:
      return 106;
    case FileIdAllExtdBothDirectoryInformation:
      return 122;
    case FilePosixInformation:
      return POSIX_ENTRY_SIZE_MIN;
    default:
      return 0;
  }
}

/**
 * Writes one entry of a listing with NextEntryOffset 0; returns its end offset (not padded), or -1
 * when the entry does not fit before `end`. Allocates nothing.
 *
 * [MS-FSCC] 2.4.10 FileDirectoryInformation and its relatives. All but Names begin alike:
 *
 *    0   4  NextEntryOffset
 *    4   4  FileIndex
 *    8   8  CreationTime
 *   16   8  LastAccessTime
 *   24   8  LastWriteTime
 *   32   8  ChangeTime
 *   40   8  EndOfFile
 *   48   8  AllocationSize
 *   56   4  FileAttributes
 *   60   4  FileNameLength
 *   64      by class, see `encodeClassPart`; then FileName
 */
export function encodeDirectoryEntry(
  infoClass: number,
  view: DataView,
  at: number,
  end: number,
  entry: DirectoryEntryData,
): number {
  if (infoClass === FilePosixInformation) return encodePosixEntry(view, at, end, entry);
  const nameAt = at + directoryEntryFixedSize(infoClass);
  const nameEnd = nameAt + 2 * entry.name.length;
  if (nameEnd > end || nameAt === at) return -1;
  view.setUint32(at, 0, LE);
  view.setUint32(at + 4, entry.fileIndex ?? 0, LE);
  if (infoClass === FileNamesInformation) {
    view.setUint32(at + 8, nameEnd - nameAt, LE);
    return writeName(view, nameAt, entry.name);
  }
  view.setBigInt64(at + 8, entry.creationTime, LE);
  view.setBigInt64(at + 16, entry.lastAccessTime, LE);
  view.setBigInt64(at + 24, entry.lastWriteTime, LE);
  view.setBigInt64(at + 32, entry.changeTime, LE);
  setOffset(view, at + 40, entry.endOfFile);
  setOffset(view, at + 48, entry.allocationSize);
  view.setUint32(at + 56, entry.attributes, LE);
  view.setUint32(at + 60, nameEnd - nameAt, LE);
  encodeClassPart(infoClass, view, at, entry);
  return writeName(view, nameAt, entry.name);
}

/**
 * Chains a new entry to the one before it: zeroes the padding between them and sets the earlier
 * one's NextEntryOffset. `previousEnd` is what `encodeDirectoryEntry` returned for it.
 */
export function linkDirectoryEntry(
  view: DataView,
  previousAt: number,
  previousEnd: number,
  nextAt: number,
): void {
  pad(view, previousEnd, nextAt);
  view.setUint32(previousAt, nextAt - previousAt, LE);
}

/** Where the entry after one that ends at `entryEnd` begins; `start` is the list's first byte. */
export function nextDirectoryEntryAt(start: number, entryEnd: number): number {
  return start + ((entryEnd - start + 7) & ~7);
}

/** An entry as a client received it; fields that the class lacks are 0 or empty. */
export interface ListedFile {
  readonly name: string;
  readonly shortName: string;
  readonly fileIndex: number;
  readonly creationTime: bigint;
  readonly lastAccessTime: bigint;
  readonly lastWriteTime: bigint;
  readonly changeTime: bigint;
  readonly endOfFile: number;
  readonly allocationSize: number;
  readonly attributes: number;
  readonly eaSize: number;
  readonly reparseTag: number;
  readonly fileId: bigint;
}

/** The entries of a QUERY_DIRECTORY reply; undefined when the bytes are no such list. */
export function decodeDirectoryEntries(
  infoClass: number,
  view: DataView,
  at: number,
  end: number,
): readonly ListedFile[] | undefined {
  const fixed = directoryEntryFixedSize(infoClass);
  if (fixed === 0 || infoClass === FilePosixInformation) return undefined;
  const files: ListedFile[] = [];
  if (at === end) return files;
  for (let entryAt = at; ; ) {
    if (end - entryAt < fixed) return undefined;
    const file = decodeEntry(infoClass, view, entryAt, end);
    if (file === undefined) return undefined;
    files.push(file);
    const next = view.getUint32(entryAt, LE);
    if (next === 0) return files;
    if (next < fixed || next > end - entryAt) return undefined;
    entryAt += next;
  }
}

/**
 * From offset 64, by class:
 *
 *   Full, Both, …   64  4  EaSize                  the reparse tag of a reparse point
 *   IdFull          68  4  Reserved    72  8  FileId
 *   Both            68  1  ShortNameLength   69  1  Reserved   70  24  ShortName
 *   IdBoth          as Both, then      94  2  Reserved   96  8  FileId
 *   IdExtd          68  4  ReparsePointTag   72  16  FileId
 *   Id64Extd        68  4  ReparsePointTag   72   8  FileId   (Both: 80  26  ShortName…)
 *   IdAllExtd       68  4  ReparsePointTag   72   8  FileId   80  16  FileId128
 *                   (Both: 96  26  ShortName…)
 */
function encodeClassPart(
  infoClass: number,
  view: DataView,
  at: number,
  entry: DirectoryEntryData,
): void {
  if (infoClass === FileDirectoryInformation) return;
  switch (infoClass) {
    case FileFullDirectoryInformation:
      view.setUint32(at + 64, eaSizeOrTag(entry), LE);
      return;
    case FileIdFullDirectoryInformation:
      view.setUint32(at + 64, eaSizeOrTag(entry), LE);
      view.setUint32(at + 68, 0, LE);
      view.setBigUint64(at + 72, entry.fileId, LE);
      return;
    case FileBothDirectoryInformation:
      view.setUint32(at + 64, eaSizeOrTag(entry), LE);
      writeShortName(view, at + 68, entry.shortName);
      return;
    case FileIdBothDirectoryInformation:
      if (entry.apple !== undefined) {
        encodeApplePart(view, at, entry.apple);
        view.setBigUint64(at + 96, entry.fileId, LE);
        return;
      }
      view.setUint32(at + 64, eaSizeOrTag(entry), LE);
      writeShortName(view, at + 68, entry.shortName);
      view.setUint16(at + 94, 0, LE);
      view.setBigUint64(at + 96, entry.fileId, LE);
      return;
    default:
      encodeExtendedPart(infoClass, view, at, entry);
  }
}

/**
 * FileIdBothDirectoryInformation for Apple's clients, after AAPL_SUPPORTS_READ_DIR_ATTR
 *
 *   64   4  MaximalAccess
 *   68   2  24               where ShortNameLength is
 *   70   8  ResourceForkSize
 *   78  16  FinderInfo
 *   94   2  UnixMode
 */
function encodeApplePart(view: DataView, at: number, apple: AppleAttributes): void {
  view.setUint32(at + 64, apple.maximalAccess, LE);
  view.setUint16(at + 68, 24, LE);
  setOffset(view, at + 70, apple.resourceForkSize);
  put(view, at + 78, apple.finderInfo);
  view.setUint16(at + 94, apple.mode, LE);
}

function encodeExtendedPart(
  infoClass: number,
  view: DataView,
  at: number,
  entry: DirectoryEntryData,
): void {
  view.setUint32(at + 64, entry.eaSize, LE);
  view.setUint32(at + 68, entry.reparseTag, LE);
  view.setBigUint64(at + 72, entry.fileId, LE);
  if (infoClass === FileId64ExtdDirectoryInformation) return;
  if (infoClass === FileIdExtdDirectoryInformation) {
    view.setBigUint64(at + 80, 0n, LE);
    return;
  }
  if (infoClass === FileId64ExtdBothDirectoryInformation) {
    writeShortName(view, at + 80, entry.shortName);
    return;
  }
  view.setBigUint64(at + 80, entry.fileId, LE);
  view.setBigUint64(at + 88, 0n, LE);
  if (infoClass === FileIdAllExtdBothDirectoryInformation) {
    writeShortName(view, at + 96, entry.shortName);
  }
}

/** [MS-FSCC] 2.4.17: EaSize MUST be the reparse tag where FILE_ATTRIBUTE_REPARSE_POINT is set. */
function eaSizeOrTag(entry: DirectoryEntryData): number {
  return entry.attributes & FILE_ATTRIBUTE_REPARSE_POINT ? entry.reparseTag : entry.eaSize;
}

/** ShortNameLength, Reserved and the 24 bytes of ShortName. */
function writeShortName(view: DataView, at: number, shortName: string | undefined): void {
  const length = shortName === undefined ? 0 : Math.min(shortName.length, 12);
  view.setUint16(at, 2 * length, LE);
  for (let i = 0; i < 12; i++) {
    const unit = shortName !== undefined && i < length ? shortName.charCodeAt(i) : 0;
    view.setUint16(at + 2 + 2 * i, unit, LE);
  }
}

/** A loop beats Buffer.write for names of usual lengths, which allocates a Buffer first. */
function writeName(view: DataView, at: number, name: string): number {
  const length = name.length;
  if (length > 128) return encodeUtf16(view, at, name);
  for (let i = 0; i < length; i++) view.setUint16(at + 2 * i, name.charCodeAt(i), LE);
  return at + 2 * length;
}

function decodeEntry(
  infoClass: number,
  view: DataView,
  at: number,
  end: number,
): ListedFile | undefined {
  const isNames = infoClass === FileNamesInformation;
  const nameAt = at + directoryEntryFixedSize(infoClass);
  const nameLength = view.getUint32(at + (isNames ? 8 : 60), LE);
  if (nameLength > end - nameAt || nameLength % 2 !== 0) return undefined;
  const name = decodeUtf16(view, nameAt, nameAt + nameLength);
  const fileIndex = view.getUint32(at + 4, LE);
  if (isNames) return { ...NOTHING_BUT_A_NAME, name, fileIndex };
  const endOfFile = getOffset(view, at + 40);
  const allocationSize = getOffset(view, at + 48);
  if (endOfFile === undefined || allocationSize === undefined) return undefined;
  const attributes = view.getUint32(at + 56, LE);
  const shortNameAt = shortNameOffset(infoClass);
  const eaSize = infoClass === FileDirectoryInformation ? 0 : view.getUint32(at + 64, LE);
  const isReparsePoint = (attributes & FILE_ATTRIBUTE_REPARSE_POINT) !== 0;
  const hasTag = hasReparseTag(infoClass);
  return {
    name,
    shortName: shortNameAt === 0 ? '' : readShortName(view, at + shortNameAt),
    fileIndex,
    creationTime: view.getBigInt64(at + 8, LE),
    lastAccessTime: view.getBigInt64(at + 16, LE),
    lastWriteTime: view.getBigInt64(at + 24, LE),
    changeTime: view.getBigInt64(at + 32, LE),
    endOfFile,
    allocationSize,
    attributes,
    eaSize: isReparsePoint && !hasTag ? 0 : eaSize,
    reparseTag: hasTag ? view.getUint32(at + 68, LE) : isReparsePoint ? eaSize : 0,
    fileId: readFileId(infoClass, view, at),
  };
}

const NOTHING_BUT_A_NAME: Omit<ListedFile, 'name' | 'fileIndex'> = {
  shortName: '',
  creationTime: 0n,
  lastAccessTime: 0n,
  lastWriteTime: 0n,
  changeTime: 0n,
  endOfFile: 0,
  allocationSize: 0,
  attributes: 0,
  eaSize: 0,
  reparseTag: 0,
  fileId: 0n,
};

function shortNameOffset(infoClass: number): number {
  switch (infoClass) {
    case FileBothDirectoryInformation:
    case FileIdBothDirectoryInformation:
      return 68;
    case FileId64ExtdBothDirectoryInformation:
      return 80;
    case FileIdAllExtdBothDirectoryInformation:
      return 96;
    default:
      return 0;
  }
}

function readShortName(view: DataView, at: number): string {
  const length = Math.min(view.getUint8(at), 24) & ~1;
  return decodeUtf16(view, at + 2, at + 2 + length);
}

/** The extended classes carry the reparse tag in a field of its own. */
function hasReparseTag(infoClass: number): boolean {
  return (
    infoClass === FileIdExtdDirectoryInformation || infoClass >= FileId64ExtdDirectoryInformation
  );
}

function readFileId(infoClass: number, view: DataView, at: number): bigint {
  if (infoClass === FileIdBothDirectoryInformation) return view.getBigUint64(at + 96, LE);
  if (infoClass === FileIdFullDirectoryInformation || hasReparseTag(infoClass)) {
    return view.getBigUint64(at + 72, LE);
  }
  return 0n;
}

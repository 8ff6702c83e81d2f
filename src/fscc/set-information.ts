import { LE, pad } from '../base/bytes.ts';
import { decodeUtf16, encodeUtf16 } from '../base/utf16le.ts';
import type { BasicInformation } from './file-information.ts';
import {
  FileAllocationInformation,
  FileBasicInformation,
  FileDispositionInformation,
  FileDispositionInformationEx,
  FileEndOfFileInformation,
  FileFullEaInformation,
  FileLinkInformation,
  FileLinkInformationEx,
  FileModeInformation,
  FilePipeInformation,
  FilePositionInformation,
  FileRenameInformation,
  FileRenameInformationEx,
  FileShortNameInformation,
  FileValidDataLengthInformation,
} from './info-classes.ts';

/**
 * Smallest SET_INFO buffer of a class; a shorter one is STATUS_INFO_LENGTH_MISMATCH ([MS-FSA]
 * 2.1.5.15). Undefined: the class cannot be set (STATUS_INVALID_INFO_CLASS). What is long enough
 * but does not decode is STATUS_INVALID_PARAMETER.
 */
export function setInformationSize(infoClass: number): number | undefined {
  switch (infoClass) {
    case FileDispositionInformation:
      return 1;
    case FileModeInformation:
    case FileDispositionInformationEx:
    case FileShortNameInformation:
      return 4;
    case FileEndOfFileInformation:
    case FileAllocationInformation:
    case FilePositionInformation:
    case FileValidDataLengthInformation:
    case FilePipeInformation:
    case FileFullEaInformation:
      return 8;
    case FileRenameInformation:
    case FileRenameInformationEx:
    case FileLinkInformation:
    case FileLinkInformationEx:
      return 20;
    case FileBasicInformation:
      return 36;
    default:
      return undefined;
  }
}

/** [MS-FSCC] 2.4.12 FileDispositionInformationEx, Flags; also those of rename and link. */
export const FILE_DISPOSITION_DELETE = 0x01;
export const FILE_DISPOSITION_POSIX_SEMANTICS = 0x02;
export const FILE_DISPOSITION_FORCE_IMAGE_SECTION_CHECK = 0x04;
export const FILE_DISPOSITION_ON_CLOSE = 0x08;
export const FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE = 0x10;
export const FILE_RENAME_REPLACE_IF_EXISTS = 0x01;
export const FILE_RENAME_POSIX_SEMANTICS = 0x02;
export const FILE_RENAME_IGNORE_READONLY_ATTRIBUTE = 0x40;
export const FILE_LINK_REPLACE_IF_EXISTS = 0x01;
export const FILE_LINK_POSIX_SEMANTICS = 0x02;

/** A rename's or hard link's target. */
export interface NewName {
  readonly replaceIfExists: boolean;
  /** FILE_RENAME_* of the Ex classes; of the others only REPLACE_IF_EXISTS. */
  readonly flags: number;
  /** Must be 0 over SMB2; the caller refuses anything else. */
  readonly rootDirectory: bigint;
  readonly name: string;
}

const NEW_NAME_HEADER_SIZE = 20;

/**
 * [MS-FSCC] 2.4.42.2 FileRenameInformationType2 and 2.4.28.2 FileLinkInformationType2; undefined
 * when the bytes are none.
 *
 *    0   1  ReplaceIfExists    (Ex: 4 bytes of Flags)
 *    1   7  Reserved
 *    8   8  RootDirectory
 *   16   4  FileNameLength
 *   20      FileName
 */
export function decodeNewName(
  infoClass: number,
  view: DataView,
  at: number,
  end: number,
): NewName | undefined {
  if (end - at < NEW_NAME_HEADER_SIZE) return undefined;
  const hasFlags = infoClass === FileRenameInformationEx || infoClass === FileLinkInformationEx;
  const flags = hasFlags ? view.getUint32(at, LE) : view.getUint8(at) !== 0 ? 1 : 0;
  const length = view.getUint32(at + 16, LE);
  const nameAt = at + NEW_NAME_HEADER_SIZE;
  if (length % 2 !== 0 || length > end - nameAt) return undefined;
  return {
    replaceIfExists: (flags & FILE_RENAME_REPLACE_IF_EXISTS) !== 0,
    flags,
    rootDirectory: view.getBigUint64(at + 8, LE),
    name: decodeUtf16(view, nameAt, nameAt + length),
  };
}

/** Bytes that `encodeNewName` writes: Windows refuses fewer than 24. */
export function newNameSize(name: string): number {
  return Math.max(24, NEW_NAME_HEADER_SIZE + 2 * name.length);
}

/** The other direction, for the classes without flags; returns the end offset. */
export function encodeNewName(
  view: DataView,
  at: number,
  target: { readonly name: string; readonly replaceIfExists: boolean },
): number {
  pad(view, at, at + 16);
  view.setUint8(at, target.replaceIfExists ? 1 : 0);
  view.setUint32(at + 16, 2 * target.name.length, LE);
  const nameEnd = encodeUtf16(view, at + NEW_NAME_HEADER_SIZE, target.name);
  return pad(view, nameEnd, at + newNameSize(target.name));
}

/** [MS-FSCC] 2.4.11 FileDispositionInformation: DeletePending; undefined when too short. */
export function decodeDisposition(view: DataView, at: number, end: number): boolean | undefined {
  return end - at < 1 ? undefined : view.getUint8(at) !== 0;
}

export function encodeDisposition(view: DataView, at: number, deletePending: boolean): number {
  view.setUint8(at, deletePending ? 1 : 0);
  return at + 1;
}

/** [MS-FSCC] 2.4.12 FileDispositionInformationEx: Flags; undefined when too short. */
export function decodeDispositionEx(view: DataView, at: number, end: number): number | undefined {
  return end - at < 4 ? undefined : view.getUint32(at, LE);
}

export function encodeDispositionEx(view: DataView, at: number, flags: number): number {
  view.setUint32(at, flags, LE);
  return at + 4;
}

/** [MS-FSCC] 2.4.7 FileBasicInformation as a client sets it; decoded in file-information.ts. */
export function encodeBasicInformation(
  view: DataView,
  at: number,
  basic: BasicInformation,
): number {
  view.setBigInt64(at, basic.creationTime, LE);
  view.setBigInt64(at + 8, basic.lastAccessTime, LE);
  view.setBigInt64(at + 16, basic.lastWriteTime, LE);
  view.setBigInt64(at + 24, basic.changeTime, LE);
  view.setUint32(at + 32, basic.attributes, LE);
  view.setUint32(at + 36, 0, LE);
  return at + 40;
}

/**
 * One signed 64-bit number: [MS-FSCC] 2.4.14 FileEndOfFileInformation, 2.4.4
 * FileAllocationInformation, 2.4.40 FilePositionInformation, 2.4.52 FileValidDataLengthInformation.
 * Undefined when too short; the caller refuses negative values and those above 2^53 - 1.
 */
export function decodeFileSize(view: DataView, at: number, end: number): bigint | undefined {
  return end - at < 8 ? undefined : view.getBigInt64(at, LE);
}

export function encodeFileSize(view: DataView, at: number, size: bigint): number {
  view.setBigInt64(at, size, LE);
  return at + 8;
}

/** [MS-FSCC] 2.4.31 FileModeInformation; undefined when too short. */
export function decodeMode(view: DataView, at: number, end: number): number | undefined {
  return end - at < 4 ? undefined : view.getUint32(at, LE);
}

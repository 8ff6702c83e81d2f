import { getOffset, LE, pad, setOffset } from '../base/bytes.ts';
import { decodeUtf16, encodeUtf16 } from '../base/utf16le.ts';
import {
  STATUS_BUFFER_OVERFLOW,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import type { Encoded } from './encoded.ts';
import type { FileInformationData, FileMetadata } from './file-metadata.ts';
import {
  FileAccessInformation,
  FileAlignmentInformation,
  FileAllInformation,
  FileAlternateNameInformation,
  FileAttributeTagInformation,
  FileBasicInformation,
  FileCompressionInformation,
  FileEaInformation,
  FileIdInformation,
  FileInternalInformation,
  FileModeInformation,
  FileNameInformation,
  FileNetworkOpenInformation,
  FileNormalizedNameInformation,
  FilePositionInformation,
  FileStandardInformation,
} from './info-classes.ts';
import { refusedFileQuery } from './refused-classes.ts';

/**
 * Smallest output buffer that a query of this class accepts: `sizeof` of Windows' structure, with
 * its tail padding (smbtorture smb2.getinfo.qfile_buffercheck). 0 for classes not encoded here.
 */
export function fileInformationFixedSize(infoClass: number): number {
  switch (infoClass) {
    case FileEaInformation:
    case FileAccessInformation:
    case FileModeInformation:
    case FileAlignmentInformation:
      return 4;
    case FileInternalInformation:
    case FilePositionInformation:
    case FileNameInformation:
    case FileAlternateNameInformation:
    case FileNormalizedNameInformation:
    case FileAttributeTagInformation:
      return 8;
    case FileCompressionInformation:
      return 16;
    case FileStandardInformation:
    case FileIdInformation:
      return 24;
    case FileBasicInformation:
      return 40;
    case FileNetworkOpenInformation:
      return 56;
    case FileAllInformation:
      return 104;
    default:
      return 0;
  }
}

/**
 * Answers a query of one file information class.
 *
 * [MS-FSA] 2.1.5.12 Server Requests a Query of File Information, the buffer rules; [MS-FSCC] 2.4
 * the layouts. STATUS_OBJECT_NAME_NOT_FOUND: an alternate name was asked for and there is none.
 * FileStreamInformation and FileFullEaInformation take lists and have encoders of their own.
 */
export function encodeFileInformation(
  infoClass: number,
  view: DataView,
  at: number,
  end: number,
  data: FileInformationData,
): Encoded {
  const fixed = fileInformationFixedSize(infoClass);
  if (fixed === 0) return { status: refusedFileQuery(infoClass), end: at };
  if (end - at < fixed) return { status: STATUS_INFO_LENGTH_MISMATCH, end: at };
  switch (infoClass) {
    case FileAllInformation:
      encodeAllButName(view, at, data);
      return encodeName(view, at + 96, end, data.name);
    case FileNameInformation:
      return encodeName(view, at, end, data.name);
    case FileNormalizedNameInformation:
      return encodeName(view, at, end, data.name.replace(/^\\/, ''));
    case FileAlternateNameInformation:
      if (!data.shortName) return { status: STATUS_OBJECT_NAME_NOT_FOUND, end: at };
      return encodeName(view, at, end, data.shortName);
    default:
      return { status: STATUS_SUCCESS, end: encodeFixed(infoClass, view, at, data) };
  }
}

/** Classes without a variable part; the caller checked the room. Returns the end offset. */
function encodeFixed(
  infoClass: number,
  view: DataView,
  at: number,
  data: FileInformationData,
): number {
  switch (infoClass) {
    case FileBasicInformation:
      return encodeBasic(view, at, data);
    case FileStandardInformation:
      return encodeStandard(view, at, data);
    case FileNetworkOpenInformation:
      return encodeNetworkOpen(view, at, data);
    case FileInternalInformation:
      view.setBigUint64(at, data.fileId, LE);
      return at + 8;
    case FileEaInformation:
      view.setUint32(at, data.eaSize, LE);
      return at + 4;
    case FileAccessInformation:
      view.setUint32(at, data.accessFlags, LE);
      return at + 4;
    case FilePositionInformation:
      view.setBigInt64(at, data.positionOffset, LE);
      return at + 8;
    case FileModeInformation:
      view.setUint32(at, data.mode, LE);
      return at + 4;
    case FileAlignmentInformation:
      view.setUint32(at, data.alignment, LE);
      return at + 4;
    case FileCompressionInformation:
      return encodeCompression(view, at, data);
    case FileAttributeTagInformation:
      view.setUint32(at, data.attributes, LE);
      view.setUint32(at + 4, data.reparseTag, LE);
      return at + 8;
    default:
      view.setBigUint64(at, data.volumeSerialNumber, LE);
      view.setBigUint64(at + 8, data.fileId, LE);
      view.setBigUint64(at + 16, 0n, LE);
      return at + 24;
  }
}

/**
 * [MS-FSCC] 2.4.7 FileBasicInformation
 *
 *    0   8  CreationTime
 *    8   8  LastAccessTime
 *   16   8  LastWriteTime
 *   24   8  ChangeTime
 *   32   4  FileAttributes
 *   36   4  Reserved
 */
function encodeBasic(view: DataView, at: number, data: FileMetadata): number {
  view.setBigInt64(at, data.creationTime, LE);
  view.setBigInt64(at + 8, data.lastAccessTime, LE);
  view.setBigInt64(at + 16, data.lastWriteTime, LE);
  view.setBigInt64(at + 24, data.changeTime, LE);
  view.setUint32(at + 32, data.attributes, LE);
  view.setUint32(at + 36, 0, LE);
  return at + 40;
}

/**
 * [MS-FSCC] 2.4.47 FileStandardInformation
 *
 *    0   8  AllocationSize
 *    8   8  EndOfFile
 *   16   4  NumberOfLinks
 *   20   1  DeletePending
 *   21   1  Directory
 *   22   2  Reserved
 */
function encodeStandard(view: DataView, at: number, data: FileMetadata): number {
  setOffset(view, at, data.allocationSize);
  setOffset(view, at + 8, data.endOfFile);
  view.setUint32(at + 16, data.numberOfLinks, LE);
  view.setUint8(at + 20, data.deletePending ? 1 : 0);
  view.setUint8(at + 21, data.isDirectory ? 1 : 0);
  view.setUint16(at + 22, 0, LE);
  return at + 24;
}

/**
 * [MS-FSCC] 2.4.2 FileAllInformation, up to the length of its name
 *
 *    0  40  BasicInformation
 *   40  24  StandardInformation
 *   64   8  InternalInformation
 *   72   4  EaInformation
 *   76   4  AccessInformation
 *   80   8  PositionInformation
 *   88   4  ModeInformation
 *   92   4  AlignmentInformation
 *   96      NameInformation
 */
function encodeAllButName(view: DataView, at: number, data: FileInformationData): void {
  encodeBasic(view, at, data);
  encodeStandard(view, at + 40, data);
  view.setBigUint64(at + 64, data.fileId, LE);
  view.setUint32(at + 72, data.eaSize, LE);
  view.setUint32(at + 76, data.accessFlags, LE);
  view.setBigInt64(at + 80, data.positionOffset, LE);
  view.setUint32(at + 88, data.mode, LE);
  view.setUint32(at + 92, data.alignment, LE);
}

/**
 * [MS-FSCC] 2.4.34 FileNetworkOpenInformation
 *
 *    0  32  CreationTime, LastAccessTime, LastWriteTime, ChangeTime
 *   32   8  AllocationSize
 *   40   8  EndOfFile
 *   48   4  FileAttributes
 *   52   4  Reserved
 */
function encodeNetworkOpen(view: DataView, at: number, data: FileMetadata): number {
  encodeBasic(view, at, data);
  setOffset(view, at + 32, data.allocationSize);
  setOffset(view, at + 40, data.endOfFile);
  view.setUint32(at + 48, data.attributes, LE);
  view.setUint32(at + 52, 0, LE);
  return at + 56;
}

/**
 * [MS-FSCC] 2.4.9 FileCompressionInformation: nothing is ever compressed here.
 *
 *    0   8  CompressedFileSize
 *    8   2  CompressionFormat
 *   10   3  CompressionUnitShift, ChunkShift, ClusterShift
 *   13   3  Reserved
 */
function encodeCompression(view: DataView, at: number, data: FileMetadata): number {
  setOffset(view, at, data.endOfFile);
  return pad(view, at + 8, at + 16);
}

/**
 * [MS-FSCC] 2.4.32 FileNameInformation: FileNameLength and as much of the name as fits. The length
 * is the whole name's even then, so that a client knows what to ask for.
 */
function encodeName(view: DataView, at: number, end: number, name: string): Encoded {
  view.setUint32(at, 2 * name.length, LE);
  const unitsMax = (end - at - 4) >> 1;
  if (name.length <= unitsMax) {
    return { status: STATUS_SUCCESS, end: encodeUtf16(view, at + 4, name) };
  }
  const cut = encodeUtf16(view, at + 4, name.slice(0, unitsMax));
  return { status: STATUS_BUFFER_OVERFLOW, end: cut };
}

export interface BasicInformation {
  readonly creationTime: bigint;
  readonly lastAccessTime: bigint;
  readonly lastWriteTime: bigint;
  readonly changeTime: bigint;
  readonly attributes: number;
}

export interface StandardInformation {
  readonly allocationSize: number;
  readonly endOfFile: number;
  readonly numberOfLinks: number;
  readonly deletePending: boolean;
  readonly isDirectory: boolean;
}

export interface AllInformation extends BasicInformation, StandardInformation {
  readonly fileId: bigint;
  readonly eaSize: number;
  readonly accessFlags: number;
  readonly positionOffset: bigint;
  readonly mode: number;
  readonly alignment: number;
  readonly name: string;
}

export interface NetworkOpenInformation extends BasicInformation {
  readonly allocationSize: number;
  readonly endOfFile: number;
}

/** [MS-FSCC] 2.4.7, both as an answer and as a SET_INFO buffer; undefined when too short. */
export function decodeBasicInformation(
  view: DataView,
  at: number,
  end: number,
): BasicInformation | undefined {
  // The reserved last four bytes are optional: some clients leave them out.
  if (end - at < 36) return undefined;
  return {
    creationTime: view.getBigInt64(at, LE),
    lastAccessTime: view.getBigInt64(at + 8, LE),
    lastWriteTime: view.getBigInt64(at + 16, LE),
    changeTime: view.getBigInt64(at + 24, LE),
    attributes: view.getUint32(at + 32, LE),
  };
}

/** [MS-FSCC] 2.4.47; undefined when the bytes are none. */
export function decodeStandardInformation(
  view: DataView,
  at: number,
  end: number,
): StandardInformation | undefined {
  if (end - at < 24) return undefined;
  const allocationSize = getOffset(view, at);
  const endOfFile = getOffset(view, at + 8);
  if (allocationSize === undefined || endOfFile === undefined) return undefined;
  return {
    allocationSize,
    endOfFile,
    numberOfLinks: view.getUint32(at + 16, LE),
    deletePending: view.getUint8(at + 20) !== 0,
    isDirectory: view.getUint8(at + 21) !== 0,
  };
}

/** [MS-FSCC] 2.4.2; undefined when the bytes are none, a cut name included. */
export function decodeAllInformation(
  view: DataView,
  at: number,
  end: number,
): AllInformation | undefined {
  const basic = decodeBasicInformation(view, at, end);
  const standard = decodeStandardInformation(view, at + 40, end);
  const name = decodeNameInformation(view, at + 96, end);
  if (basic === undefined || standard === undefined || name === undefined) return undefined;
  return {
    ...basic,
    ...standard,
    fileId: view.getBigUint64(at + 64, LE),
    eaSize: view.getUint32(at + 72, LE),
    accessFlags: view.getUint32(at + 76, LE),
    positionOffset: view.getBigInt64(at + 80, LE),
    mode: view.getUint32(at + 88, LE),
    alignment: view.getUint32(at + 92, LE),
    name,
  };
}

/** [MS-FSCC] 2.4.34; undefined when the bytes are none. */
export function decodeNetworkOpenInformation(
  view: DataView,
  at: number,
  end: number,
): NetworkOpenInformation | undefined {
  if (end - at < 56) return undefined;
  const allocationSize = getOffset(view, at + 32);
  const endOfFile = getOffset(view, at + 40);
  if (allocationSize === undefined || endOfFile === undefined) return undefined;
  return {
    creationTime: view.getBigInt64(at, LE),
    lastAccessTime: view.getBigInt64(at + 8, LE),
    lastWriteTime: view.getBigInt64(at + 16, LE),
    changeTime: view.getBigInt64(at + 24, LE),
    allocationSize,
    endOfFile,
    attributes: view.getUint32(at + 48, LE),
  };
}

/** [MS-FSCC] 2.4.32 and 2.4.5: a length and a name; undefined when the bytes are none. */
export function decodeNameInformation(view: DataView, at: number, end: number): string | undefined {
  if (end - at < 4) return undefined;
  const length = view.getUint32(at, LE);
  if (length % 2 !== 0 || length > end - at - 4) return undefined;
  return decodeUtf16(view, at + 4, at + 4 + length);
}

/** [MS-FSCC] 2.4.27 FileInternalInformation: the 64-bit file id; undefined when too short. */
export function decodeInternalInformation(
  view: DataView,
  at: number,
  end: number,
): bigint | undefined {
  return end - at < 8 ? undefined : view.getBigUint64(at, LE);
}

import { getOffset, LE, pad, put, setOffset } from '../base/bytes.ts';
import { decodeUtf16, encodeUtf16 } from '../base/utf16le.ts';
import {
  STATUS_BUFFER_OVERFLOW,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import type { Encoded } from './encoded.ts';
import {
  FILE_DEVICE_DISK,
  FILE_DEVICE_IS_MOUNTED,
  FILE_READ_ONLY_DEVICE,
  FILE_SUPPORTS_SPARSE_FILES,
  FileFsAttributeInformation,
  FileFsControlInformation,
  FileFsDeviceInformation,
  FileFsFullSizeInformation,
  FileFsObjectIdInformation,
  FileFsSectorSizeInformation,
  FileFsSizeInformation,
  FileFsVolumeInformation,
} from './info-classes.ts';
import { refusedFsQuery } from './refused-classes.ts';

/** What [MS-FSCC] 2.5 tells about a volume. */
export interface FsInformationData {
  readonly creationTime: bigint;
  readonly serialNumber: number;
  readonly label: string;
  readonly totalUnits: number;
  readonly callerAvailableUnits: number;
  readonly actualAvailableUnits: number;
  readonly sectorsPerUnit: number;
  readonly bytesPerSector: number;
  /** FILE_CASE_PRESERVED_NAMES and its relatives. */
  readonly attributes: number;
  readonly componentNameLengthMax: number;
  readonly fileSystemName: string;
  readonly readOnly: boolean;
  /** 16 bytes; zeroes when absent. */
  readonly objectId?: Uint8Array;
}

/**
 * Smallest output buffer that a query of this class accepts: `sizeof` of Windows' structure
 * (smbtorture smb2.getinfo.qfs_buffercheck). 0 for classes that cannot be queried, such as
 * FileFsLabelInformation.
 */
export function fsInformationFixedSize(infoClass: number): number {
  switch (infoClass) {
    case FileFsVolumeInformation:
    case FileFsSizeInformation:
      return 24;
    case FileFsDeviceInformation:
      return 8;
    case FileFsAttributeInformation:
      return 16;
    case FileFsControlInformation:
      return 48;
    case FileFsFullSizeInformation:
      return 32;
    case FileFsObjectIdInformation:
      return 64;
    case FileFsSectorSizeInformation:
      return 28;
    default:
      return 0;
  }
}

/**
 * Answers a query of one file system information class.
 *
 * [MS-FSA] 2.1.5.13 Server Requests a Query of File System Information; [MS-FSCC] 2.5.
 */
export function encodeFsInformation(
  infoClass: number,
  view: DataView,
  at: number,
  end: number,
  data: FsInformationData,
): Encoded {
  const fixed = fsInformationFixedSize(infoClass);
  if (fixed === 0) return { status: refusedFsQuery(infoClass), end: at };
  if (end - at < fixed) return { status: STATUS_INFO_LENGTH_MISMATCH, end: at };
  switch (infoClass) {
    case FileFsVolumeInformation:
      return encodeVolume(view, at, end, data);
    case FileFsAttributeInformation:
      return encodeAttribute(view, at, end, data);
    default:
      return { status: STATUS_SUCCESS, end: encodeFixed(infoClass, view, at, data) };
  }
}

function encodeFixed(
  infoClass: number,
  view: DataView,
  at: number,
  data: FsInformationData,
): number {
  switch (infoClass) {
    case FileFsSizeInformation:
      return encodeSize(view, at, data);
    case FileFsFullSizeInformation:
      return encodeFullSize(view, at, data);
    case FileFsDeviceInformation:
      view.setUint32(at, FILE_DEVICE_DISK, LE);
      view.setUint32(at + 4, deviceCharacteristics(data), LE);
      return at + 8;
    case FileFsControlInformation:
      return encodeControl(view, at);
    case FileFsObjectIdInformation:
      if (data.objectId?.length === 16) put(view, at, data.objectId);
      else pad(view, at, at + 16);
      return pad(view, at + 16, at + 64);
    default:
      return encodeSectorSize(view, at, data);
  }
}

/**
 * [MS-FSCC] 2.5.9 FileFsVolumeInformation
 *
 *    0   8  VolumeCreationTime
 *    8   4  VolumeSerialNumber
 *   12   4  VolumeLabelLength
 *   16   1  SupportsObjects
 *   17   1  Reserved
 *   18      VolumeLabel
 */
function encodeVolume(view: DataView, at: number, end: number, data: FsInformationData): Encoded {
  view.setBigInt64(at, data.creationTime, LE);
  view.setUint32(at + 8, data.serialNumber, LE);
  view.setUint16(at + 16, 0, LE);
  return encodeText(view, { lengthAt: at + 12, at: at + 18, end }, data.label);
}

/**
 * [MS-FSCC] 2.5.1 FileFsAttributeInformation
 *
 *    0   4  FileSystemAttributes
 *    4   4  MaximumComponentNameLength
 *    8   4  FileSystemNameLength
 *   12      FileSystemName
 */
function encodeAttribute(
  view: DataView,
  at: number,
  end: number,
  data: FsInformationData,
): Encoded {
  view.setUint32(at, data.attributes, LE);
  view.setUint32(at + 4, data.componentNameLengthMax, LE);
  return encodeText(view, { lengthAt: at + 8, at: at + 12, end }, data.fileSystemName);
}

/** Windows: a cut label's or name's length is that of what is there, unlike a file name's. */
function encodeText(
  view: DataView,
  place: { readonly lengthAt: number; readonly at: number; readonly end: number },
  text: string,
): Encoded {
  const unitsMax = (place.end - place.at) >> 1;
  const fits = text.length <= unitsMax;
  const written = fits ? text : text.slice(0, unitsMax);
  view.setUint32(place.lengthAt, 2 * written.length, LE);
  return {
    status: fits ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW,
    end: encodeUtf16(view, place.at, written),
  };
}

/**
 * [MS-FSCC] 2.5.8 FileFsSizeInformation
 *
 *    0   8  TotalAllocationUnits
 *    8   8  AvailableAllocationUnits   for the caller
 *   16   4  SectorsPerAllocationUnit
 *   20   4  BytesPerSector
 */
function encodeSize(view: DataView, at: number, data: FsInformationData): number {
  setOffset(view, at, data.totalUnits);
  setOffset(view, at + 8, data.callerAvailableUnits);
  view.setUint32(at + 16, data.sectorsPerUnit, LE);
  view.setUint32(at + 20, data.bytesPerSector, LE);
  return at + 24;
}

/**
 * [MS-FSCC] 2.5.4 FileFsFullSizeInformation
 *
 *    0   8  TotalAllocationUnits
 *    8   8  CallerAvailableAllocationUnits
 *   16   8  ActualAvailableAllocationUnits
 *   24   4  SectorsPerAllocationUnit
 *   28   4  BytesPerSector
 */
function encodeFullSize(view: DataView, at: number, data: FsInformationData): number {
  setOffset(view, at, data.totalUnits);
  setOffset(view, at + 8, data.callerAvailableUnits);
  setOffset(view, at + 16, data.actualAvailableUnits);
  view.setUint32(at + 24, data.sectorsPerUnit, LE);
  view.setUint32(at + 28, data.bytesPerSector, LE);
  return at + 32;
}

function deviceCharacteristics(data: FsInformationData): number {
  return FILE_DEVICE_IS_MOUNTED | (data.readOnly ? FILE_READ_ONLY_DEVICE : 0);
}

/**
 * [MS-FSCC] 2.5.2 FileFsControlInformation: no content index, no quotas.
 *
 *    0  24  FreeSpaceStartFiltering, FreeSpaceThreshold, FreeSpaceStopFiltering
 *   24   8  DefaultQuotaThreshold   all ones: none
 *   32   8  DefaultQuotaLimit       all ones: none
 *   40   4  FileSystemControlFlags
 *   44   4  Padding
 */
function encodeControl(view: DataView, at: number): number {
  pad(view, at, at + 24);
  view.setBigInt64(at + 24, -1n, LE);
  view.setBigInt64(at + 32, -1n, LE);
  return pad(view, at + 40, at + 48);
}

/** [MS-FSCC] 2.5.7 SSINFO_FLAGS_ALIGNED_DEVICE and SSINFO_FLAGS_PARTITION_ALIGNED_ON_DEVICE. */
const SECTORS_ALIGNED = 0x3;
/** SSINFO_FLAGS_TRIM_ENABLED: FSCTL_FILE_LEVEL_TRIM gives storage back. */
const TRIM_ENABLED = 0x8;

/**
 * [MS-FSCC] 2.5.7 FileFsSectorSizeInformation
 *
 *    0   4  LogicalBytesPerSector
 *    4   4  PhysicalBytesPerSectorForAtomicity
 *    8   4  PhysicalBytesPerSectorForPerformance
 *   12   4  FileSystemEffectivePhysicalBytesPerSectorForAtomicity
 *   16   4  Flags
 *   20   4  ByteOffsetForSectorAlignment
 *   24   4  ByteOffsetForPartitionAlignment
 */
function encodeSectorSize(view: DataView, at: number, data: FsInformationData): number {
  for (let i = 0; i < 16; i += 4) view.setUint32(at + i, data.bytesPerSector, LE);
  const trims = (data.attributes & FILE_SUPPORTS_SPARSE_FILES) !== 0;
  view.setUint32(at + 16, SECTORS_ALIGNED | (trims ? TRIM_ENABLED : 0), LE);
  return pad(view, at + 20, at + 28);
}

export type FullSizeInformation = Pick<
  FsInformationData,
  | 'totalUnits'
  | 'callerAvailableUnits'
  | 'actualAvailableUnits'
  | 'sectorsPerUnit'
  | 'bytesPerSector'
>;

/** [MS-FSCC] 2.5.4; undefined when the bytes are none. */
export function decodeFullSizeInformation(
  view: DataView,
  at: number,
  end: number,
): FullSizeInformation | undefined {
  if (end - at < 32) return undefined;
  const totalUnits = getOffset(view, at);
  const callerAvailableUnits = getOffset(view, at + 8);
  const actualAvailableUnits = getOffset(view, at + 16);
  if (totalUnits === undefined || callerAvailableUnits === undefined) return undefined;
  if (actualAvailableUnits === undefined) return undefined;
  const sectorsPerUnit = view.getUint32(at + 24, LE);
  const bytesPerSector = view.getUint32(at + 28, LE);
  return {
    totalUnits,
    callerAvailableUnits,
    actualAvailableUnits,
    sectorsPerUnit,
    bytesPerSector,
  };
}

export type VolumeLabelInformation = Pick<
  FsInformationData,
  'creationTime' | 'serialNumber' | 'label'
>;

/** [MS-FSCC] 2.5.9; undefined when the bytes are none. */
export function decodeVolumeInformation(
  view: DataView,
  at: number,
  end: number,
): VolumeLabelInformation | undefined {
  if (end - at < 18) return undefined;
  const length = view.getUint32(at + 12, LE);
  if (length % 2 !== 0 || length > end - at - 18) return undefined;
  return {
    creationTime: view.getBigInt64(at, LE),
    serialNumber: view.getUint32(at + 8, LE),
    label: decodeUtf16(view, at + 18, at + 18 + length),
  };
}

export type AttributeInformation = Pick<
  FsInformationData,
  'attributes' | 'componentNameLengthMax' | 'fileSystemName'
>;

/** [MS-FSCC] 2.5.1; undefined when the bytes are none. */
export function decodeAttributeInformation(
  view: DataView,
  at: number,
  end: number,
): AttributeInformation | undefined {
  if (end - at < 12) return undefined;
  const length = view.getUint32(at + 8, LE);
  if (length % 2 !== 0 || length > end - at - 12) return undefined;
  return {
    attributes: view.getUint32(at, LE),
    componentNameLengthMax: view.getUint32(at + 4, LE),
    fileSystemName: decodeUtf16(view, at + 12, at + 12 + length),
  };
}

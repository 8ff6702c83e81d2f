import { LE, pad } from '../base/bytes.ts';

/** [MS-FSCC] 2.3.20, ChecksumAlgorithm: values of ReFS. */
export const CHECKSUM_TYPE_NONE = 0x0000;
export const CHECKSUM_TYPE_CRC32 = 0x0001;
export const CHECKSUM_TYPE_CRC64 = 0x0002;
/** 2.3.73: the file keeps what it has. */
export const CHECKSUM_TYPE_UNCHANGED = 0xffff;

/** Reads succeed although checksums do not match. */
export const FSCTL_INTEGRITY_FLAG_CHECKSUM_ENFORCEMENT_OFF = 0x0000_0001;

export const INTEGRITY_INFORMATION_SIZE = 16;
const SET_INTEGRITY_SIZE = 8;
const SET_INTEGRITY_EX_SIZE = 16;
const SET_INTEGRITY_EX_VERSION = 1;

export interface IntegrityInformation {
  readonly checksumAlgorithm: number;
  readonly flags: number;
  readonly checksumChunkSize: number;
  readonly clusterSize: number;
}

/** What a client wants of a file. */
export interface IntegrityChange {
  readonly wanted: 'checksums' | 'none' | 'unchanged';
  readonly flags: number;
}

/**
 * [MS-FSCC] 2.3.20 FSCTL_GET_INTEGRITY_INFORMATION Reply.
 *
 *    0   2  ChecksumAlgorithm
 *    2   2  Reserved
 *    4   4  Flags
 *    8   4  ChecksumChunkSizeInBytes
 *   12   4  ClusterSizeInBytes
 */
export function encodeIntegrityInformation(
  view: DataView,
  at: number,
  information: IntegrityInformation,
): number {
  view.setUint16(at, information.checksumAlgorithm, LE);
  pad(view, at + 2, at + 4);
  view.setUint32(at + 4, information.flags, LE);
  view.setUint32(at + 8, information.checksumChunkSize, LE);
  view.setUint32(at + 12, information.clusterSize, LE);
  return at + INTEGRITY_INFORMATION_SIZE;
}

export function decodeIntegrityInformation(
  view: DataView,
  at: number,
  end: number,
): IntegrityInformation | undefined {
  if (end - at < INTEGRITY_INFORMATION_SIZE) return undefined;
  return {
    checksumAlgorithm: view.getUint16(at, LE),
    flags: view.getUint32(at + 4, LE),
    checksumChunkSize: view.getUint32(at + 8, LE),
    clusterSize: view.getUint32(at + 12, LE),
  };
}

/**
 * [MS-FSCC] 2.3.73 FSCTL_SET_INTEGRITY_INFORMATION Request: undefined when the bytes are none, an
 * algorithm that there is not included.
 *
 *    0   2  ChecksumAlgorithm
 *    2   2  Reserved
 *    4   4  Flags
 */
export function decodeSetIntegrity(
  view: DataView,
  at: number,
  end: number,
): IntegrityChange | undefined {
  if (end - at < SET_INTEGRITY_SIZE) return undefined;
  const wanted = WANTED.get(view.getUint16(at, LE));
  return wanted === undefined ? undefined : { wanted, flags: view.getUint32(at + 4, LE) };
}

const WANTED: ReadonlyMap<number, IntegrityChange['wanted']> = new Map([
  [CHECKSUM_TYPE_NONE, 'none'],
  [CHECKSUM_TYPE_CRC32, 'checksums'],
  [CHECKSUM_TYPE_CRC64, 'checksums'],
  [CHECKSUM_TYPE_UNCHANGED, 'unchanged'],
]);

export function encodeSetIntegrity(
  view: DataView,
  at: number,
  { checksumAlgorithm, flags }: Pick<IntegrityInformation, 'checksumAlgorithm' | 'flags'>,
): number {
  view.setUint16(at, checksumAlgorithm, LE);
  pad(view, at + 2, at + 4);
  view.setUint32(at + 4, flags, LE);
  return at + SET_INTEGRITY_SIZE;
}

/**
 * [MS-FSCC] 2.3.75 FSCTL_SET_INTEGRITY_INFORMATION_EX Request: undefined when the bytes are none.
 *
 *    0   1  EnableIntegrity
 *    1   1  KeepIntegrityStateUnchanged
 *    2   2  Reserved1
 *    4   4  Flags
 *    8   1  Version          1
 *    9   7  Reserved2
 */
export function decodeSetIntegrityEx(
  view: DataView,
  at: number,
  end: number,
): IntegrityChange | undefined {
  if (end - at < SET_INTEGRITY_EX_SIZE) return undefined;
  if (view.getUint8(at + 8) !== SET_INTEGRITY_EX_VERSION) return undefined;
  const enabled = view.getUint8(at) !== 0 ? 'checksums' : 'none';
  const wanted = view.getUint8(at + 1) !== 0 ? 'unchanged' : enabled;
  return { wanted, flags: view.getUint32(at + 4, LE) };
}

export function encodeSetIntegrityEx(view: DataView, at: number, change: IntegrityChange): number {
  view.setUint8(at, change.wanted === 'checksums' ? 1 : 0);
  view.setUint8(at + 1, change.wanted === 'unchanged' ? 1 : 0);
  pad(view, at + 2, at + 4);
  view.setUint32(at + 4, change.flags, LE);
  view.setUint8(at + 8, SET_INTEGRITY_EX_VERSION);
  return pad(view, at + 9, at + SET_INTEGRITY_EX_SIZE);
}

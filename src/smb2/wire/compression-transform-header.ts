import { LE } from '../../base/bytes.ts';
import {
  SMB2_COMPRESSION_FLAG_CHAINED,
  SMB2_COMPRESSION_LZ4,
  SMB2_COMPRESSION_LZ77,
  SMB2_COMPRESSION_LZ77_HUFFMAN,
  SMB2_COMPRESSION_LZNT1,
} from './constants.ts';
import { SMB2_COMPRESSION_PROTOCOL_ID } from './header.ts';

/**
 * [MS-SMB2] 2.2.42.1 SMB2_COMPRESSION_TRANSFORM_HEADER_UNCHAINED
 *
 *    0   4  ProtocolId                     0xFC 'S' 'M' 'B'
 *    4   4  OriginalCompressedSegmentSize
 *    8   2  CompressionAlgorithm
 *   10   2  Flags                          SMB2_COMPRESSION_FLAG_NONE
 *   12   4  Offset                         uncompressed bytes before the compressed ones
 */
export interface UnchainedCompressionHeader {
  readonly originalCompressedSegmentSize: number;
  readonly compressionAlgorithm: number;
  readonly offset: number;
}
export const UNCHAINED_COMPRESSION_HEADER_SIZE = 16;

/** Whether a message with this ProtocolId is chained: its first payload header's flag says so. */
export function isChainedCompression(view: DataView, at: number, end: number): boolean {
  if (end - at < UNCHAINED_COMPRESSION_HEADER_SIZE) return false;
  return (view.getUint16(at + 10, LE) & SMB2_COMPRESSION_FLAG_CHAINED) !== 0;
}

/** Undefined when the bytes are no unchained header, or Offset lies beyond the message. */
export function decodeUnchainedCompressionHeader(
  view: DataView,
  at: number,
  end: number,
): UnchainedCompressionHeader | undefined {
  if (end - at < UNCHAINED_COMPRESSION_HEADER_SIZE) return undefined;
  if (view.getUint32(at, LE) !== SMB2_COMPRESSION_PROTOCOL_ID) return undefined;
  if (view.getUint16(at + 10, LE) !== 0) return undefined;
  const offset = view.getUint32(at + 12, LE);
  if (offset > end - at - UNCHAINED_COMPRESSION_HEADER_SIZE) return undefined;
  return {
    originalCompressedSegmentSize: view.getUint32(at + 4, LE),
    compressionAlgorithm: view.getUint16(at + 8, LE),
    offset,
  };
}

export function encodeUnchainedCompressionHeader(
  view: DataView,
  at: number,
  header: UnchainedCompressionHeader,
): number {
  view.setUint32(at, SMB2_COMPRESSION_PROTOCOL_ID, LE);
  view.setUint32(at + 4, header.originalCompressedSegmentSize, LE);
  view.setUint16(at + 8, header.compressionAlgorithm, LE);
  view.setUint16(at + 10, 0, LE);
  view.setUint32(at + 12, header.offset, LE);
  return at + UNCHAINED_COMPRESSION_HEADER_SIZE;
}

/**
 * [MS-SMB2] 2.2.42.2 SMB2_COMPRESSION_TRANSFORM_HEADER_CHAINED
 *
 *    0   4  ProtocolId                     0xFC 'S' 'M' 'B'
 *    4   4  OriginalCompressedSegmentSize
 *    8   -  payload headers, each with its payload
 */
export interface ChainedCompressionHeader {
  readonly originalCompressedSegmentSize: number;
}
export const CHAINED_COMPRESSION_HEADER_SIZE = 8;

/** Undefined when the bytes are no chained header. */
export function decodeChainedCompressionHeader(
  view: DataView,
  at: number,
  end: number,
): ChainedCompressionHeader | undefined {
  if (end - at < CHAINED_COMPRESSION_HEADER_SIZE) return undefined;
  if (view.getUint32(at, LE) !== SMB2_COMPRESSION_PROTOCOL_ID) return undefined;
  return { originalCompressedSegmentSize: view.getUint32(at + 4, LE) };
}

export function encodeChainedCompressionHeader(
  view: DataView,
  at: number,
  header: ChainedCompressionHeader,
): number {
  view.setUint32(at, SMB2_COMPRESSION_PROTOCOL_ID, LE);
  view.setUint32(at + 4, header.originalCompressedSegmentSize, LE);
  return at + CHAINED_COMPRESSION_HEADER_SIZE;
}

/**
 * [MS-SMB2] 2.2.42.2.1 SMB2_COMPRESSION_CHAINED_PAYLOAD_HEADER
 *
 *    0   2  CompressionAlgorithm
 *    2   2  Flags                 SMB2_COMPRESSION_FLAG_CHAINED in the first
 *    4   4  Length                of what follows: OriginalPayloadSize and payload
 *    8   4  OriginalPayloadSize   only with LZNT1, LZ77, LZ77+Huffman and LZ4
 */
export interface CompressionPayloadHeader {
  readonly compressionAlgorithm: number;
  readonly flags: number;
  /** Bytes of the payload itself, without OriginalPayloadSize. */
  readonly payloadLength: number;
  /** Undefined with SMB2_COMPRESSION_NONE and PATTERN_V1, which do not carry it. */
  readonly originalPayloadSize: number | undefined;
}

/** The bytes of the payload header, 8 or 12; the payload follows. */
export function compressionPayloadHeaderSize(compressionAlgorithm: number): 8 | 12 {
  switch (compressionAlgorithm) {
    case SMB2_COMPRESSION_LZNT1:
    case SMB2_COMPRESSION_LZ77:
    case SMB2_COMPRESSION_LZ77_HUFFMAN:
    case SMB2_COMPRESSION_LZ4:
      return 12;
    default:
      return 8;
  }
}

/** Undefined when header and payload do not fit before `end`. */
export function decodeCompressionPayloadHeader(
  view: DataView,
  at: number,
  end: number,
): CompressionPayloadHeader | undefined {
  if (end - at < 8) return undefined;
  const compressionAlgorithm = view.getUint16(at, LE);
  const length = view.getUint32(at + 4, LE);
  const sizeLength = compressionPayloadHeaderSize(compressionAlgorithm) - 8;
  if (length < sizeLength || length > end - at - 8) return undefined;
  return {
    compressionAlgorithm,
    flags: view.getUint16(at + 2, LE),
    payloadLength: length - sizeLength,
    originalPayloadSize: sizeLength === 0 ? undefined : view.getUint32(at + 8, LE),
  };
}

/** Returns where the payload starts. */
export function encodeCompressionPayloadHeader(
  view: DataView,
  at: number,
  header: CompressionPayloadHeader,
): number {
  const size = compressionPayloadHeaderSize(header.compressionAlgorithm);
  view.setUint16(at, header.compressionAlgorithm, LE);
  view.setUint16(at + 2, header.flags, LE);
  view.setUint32(at + 4, size - 8 + header.payloadLength, LE);
  if (size === 12) view.setUint32(at + 8, header.originalPayloadSize ?? 0, LE);
  return at + size;
}

/**
 * [MS-SMB2] 2.2.42.2.2 SMB2_COMPRESSION_PATTERN_PAYLOAD_V1
 *
 *    0   1  Pattern
 *    1   1  Reserved1
 *    2   2  Reserved2
 *    4   4  Repetitions
 */
export interface CompressionPatternPayload {
  readonly pattern: number;
  readonly repetitions: number;
}
export const COMPRESSION_PATTERN_PAYLOAD_SIZE = 8;

/** Undefined when fewer than 8 bytes are there. */
export function decodeCompressionPatternPayload(
  view: DataView,
  at: number,
  end: number,
): CompressionPatternPayload | undefined {
  if (end - at < COMPRESSION_PATTERN_PAYLOAD_SIZE) return undefined;
  return { pattern: view.getUint8(at), repetitions: view.getUint32(at + 4, LE) };
}

export function encodeCompressionPatternPayload(
  view: DataView,
  at: number,
  payload: CompressionPatternPayload,
): number {
  view.setUint32(at, payload.pattern, LE);
  view.setUint32(at + 4, payload.repetitions, LE);
  return at + COMPRESSION_PATTERN_PAYLOAD_SIZE;
}

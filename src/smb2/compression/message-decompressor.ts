import { recycle, takeBuffer } from '../../base/buffer-pool.ts';
import { viewOf } from '../../base/bytes.ts';
import {
  CHAINED_COMPRESSION_HEADER_SIZE,
  COMPRESSION_PATTERN_PAYLOAD_SIZE,
  type CompressionPayloadHeader,
  compressionPayloadHeaderSize,
  decodeChainedCompressionHeader,
  decodeCompressionPatternPayload,
  decodeCompressionPayloadHeader,
  decodeUnchainedCompressionHeader,
  isChainedCompression,
  UNCHAINED_COMPRESSION_HEADER_SIZE,
} from '../wire/compression-transform-header.ts';
import {
  SMB2_COMPRESSION_FLAG_CHAINED,
  SMB2_COMPRESSION_NONE,
  SMB2_COMPRESSION_PATTERN_V1,
} from '../wire/constants.ts';
import { type Compression, codecOf } from './algorithms.ts';

/**
 * [MS-SMB2] 3.3.5.2.1.2 and 3.2.5.1.1.2 Decompressing the Message. The message that was compressed,
 * in memory that is to be recycled. Undefined when the connection is to be closed: more than
 * `sizeMax` bytes were compressed, with an algorithm that was not agreed on; sizes that do not fit,
 * or data that is none.
 */
export function decompressMessage(
  message: Uint8Array,
  compression: Compression,
  sizeMax: number,
): Uint8Array | undefined {
  const size = decompressedSize(message, compression, sizeMax);
  if (size === undefined) return undefined;
  const plain = takeBuffer(size).subarray(0, size);
  const isWhole = isChainedCompression(viewOf(message), 0, message.length)
    ? decompressChain(message, compression, plain)
    : decompressUnchained(message, plain);
  if (isWhole) return plain;
  recycle(plain);
  return undefined;
}

/** What the message says of its size; undefined when it is malformed in its fixed part. */
function decompressedSize(
  message: Uint8Array,
  compression: Compression,
  sizeMax: number,
): number | undefined {
  const view = viewOf(message);
  const end = message.length;
  if (isChainedCompression(view, 0, end)) {
    if (!compression.chained) return undefined;
    const size = decodeChainedCompressionHeader(view, 0, end)?.originalCompressedSegmentSize;
    return size === undefined || size > sizeMax ? undefined : size;
  }
  const header = decodeUnchainedCompressionHeader(view, 0, end);
  if (header === undefined || !compression.algorithms.includes(header.compressionAlgorithm)) {
    return undefined;
  }
  if (codecOf(header.compressionAlgorithm) === undefined) return undefined;
  const size = header.originalCompressedSegmentSize;
  return size > sizeMax ? undefined : header.offset + size;
}

function decompressUnchained(message: Uint8Array, plain: Uint8Array): boolean {
  const header = decodeUnchainedCompressionHeader(viewOf(message), 0, message.length);
  if (header === undefined) return false;
  const { offset, compressionAlgorithm } = header;
  const rest = message.subarray(UNCHAINED_COMPRESSION_HEADER_SIZE);
  plain.set(rest.subarray(0, offset));
  const codec = codecOf(compressionAlgorithm);
  return codec?.decompress(rest.subarray(offset), plain.subarray(offset)) === true;
}

/** [MS-SMB2] 3.1.5.3 Decompressing the Chained Message. */
function decompressChain(
  message: Uint8Array,
  { algorithms }: Compression,
  plain: Uint8Array,
): boolean {
  const view = viewOf(message);
  const end = message.length;
  let at = CHAINED_COMPRESSION_HEADER_SIZE;
  let filled = 0;
  while (at < end) {
    const header = decodeCompressionPayloadHeader(view, at, end);
    if (header === undefined) return false;
    const { compressionAlgorithm, payloadLength } = header;
    const isFirst = at === CHAINED_COMPRESSION_HEADER_SIZE;
    // Windows: flags of the others are whatever stood there, but not this one.
    if ((header.flags === SMB2_COMPRESSION_FLAG_CHAINED) !== isFirst) return false;
    const isAgreed =
      compressionAlgorithm === SMB2_COMPRESSION_NONE || algorithms.includes(compressionAlgorithm);
    if (!isAgreed) return false;
    const payloadAt = at + compressionPayloadHeaderSize(compressionAlgorithm);
    at = payloadAt + payloadLength;
    const added = decompressPayload(
      header,
      message.subarray(payloadAt, at),
      plain.subarray(filled),
    );
    if (added === undefined) return false;
    filled += added;
  }
  return filled === plain.length;
}

/** How many bytes of `out` one payload of a chain filled; undefined when it is none. */
function decompressPayload(
  { compressionAlgorithm, originalPayloadSize }: CompressionPayloadHeader,
  payload: Uint8Array,
  out: Uint8Array,
): number | undefined {
  if (compressionAlgorithm === SMB2_COMPRESSION_NONE) {
    if (payload.length > out.length) return undefined;
    out.set(payload);
    return payload.length;
  }
  if (compressionAlgorithm === SMB2_COMPRESSION_PATTERN_V1) {
    if (payload.length !== COMPRESSION_PATTERN_PAYLOAD_SIZE) return undefined;
    const run = decodeCompressionPatternPayload(viewOf(payload), 0, payload.length);
    if (run === undefined || run.repetitions > out.length) return undefined;
    out.fill(run.pattern, 0, run.repetitions);
    return run.repetitions;
  }
  const size = originalPayloadSize;
  if (size === undefined || size > out.length) return undefined;
  const codec = codecOf(compressionAlgorithm);
  return codec?.decompress(payload, out.subarray(0, size)) === true ? size : undefined;
}

import { LE, viewOf } from '../../base/bytes.ts';
import {
  CHAINED_COMPRESSION_HEADER_SIZE,
  COMPRESSION_PATTERN_PAYLOAD_SIZE,
  compressionPayloadHeaderSize,
  encodeChainedCompressionHeader,
  encodeCompressionPatternPayload,
  encodeCompressionPayloadHeader,
  encodeUnchainedCompressionHeader,
  UNCHAINED_COMPRESSION_HEADER_SIZE,
} from '../wire/compression-transform-header.ts';
import {
  SMB2_COMPRESSION_FLAG_CHAINED,
  SMB2_COMPRESSION_FLAG_NONE,
  SMB2_COMPRESSION_NONE,
  SMB2_COMPRESSION_PATTERN_V1,
} from '../wire/constants.ts';
import { type Compression, codecOf, preferredAlgorithm } from './algorithms.ts';
import { isHopeless } from './codec.ts';

/** A message of two parts: headers, which stay as they are, and data. */
export interface PlainMessage {
  readonly head: Uint8Array;
  readonly data: Uint8Array;
}

/** Bytes that a compressed message may take beyond the ones that it is made of. */
export const COMPRESSION_OVERHEAD = 64;
/** A run of fewer equal bytes is left to the algorithm: its payload takes 16 bytes. */
const RUN_SIZE_MIN = 64;

/**
 * [MS-SMB2] 3.1.4.4 Compressing the Message. Writes it to `out`, which has room for the message and
 * COMPRESSION_OVERHEAD, and returns the end; 0 when the data does not shrink by an eighth.
 */
export function compressMessage(
  message: PlainMessage,
  compression: Compression,
  out: Uint8Array,
): number {
  const algorithm = preferredAlgorithm(compression);
  if (compression.chained) {
    const withRuns = compression.algorithms.includes(SMB2_COMPRESSION_PATTERN_V1);
    return compressChained(message, { algorithm, withRuns }, out);
  }
  return algorithm === undefined ? 0 : compressUnchained(message, algorithm, out);
}

function compressUnchained(
  { head, data }: PlainMessage,
  algorithm: number,
  out: Uint8Array,
): number {
  const at = encodeUnchainedCompressionHeader(viewOf(out), 0, {
    originalCompressedSegmentSize: data.length,
    compressionAlgorithm: algorithm,
    offset: head.length,
  });
  out.set(head, at);
  const dataAt = UNCHAINED_COMPRESSION_HEADER_SIZE + head.length;
  const room = out.subarray(dataAt, dataAt + data.length);
  const size = codecOf(algorithm)?.compress(data, room) ?? 0;
  return size === 0 ? 0 : dataAt + size;
}

interface ChainOptions {
  readonly algorithm: number | undefined;
  readonly withRuns: boolean;
}

/** The head, a run of equal bytes, what is between, and a run again: as long as each is there. */
function compressChained(
  { head, data }: PlainMessage,
  { algorithm, withRuns }: ChainOptions,
  out: Uint8Array,
): number {
  const front = withRuns ? runAtStart(data) : 0;
  const back = withRuns && front < data.length ? runAtEnd(data) : 0;
  const middle = data.subarray(front, data.length - back);
  const chain = new ChainWriter(out, head.length + data.length);
  chain.plain(head);
  const dataAt = chain.at;
  if (front > 0) chain.run(data[0]!, front);
  if (middle.length > 0 && (algorithm === undefined || !chain.compressed(middle, algorithm))) {
    if (isHopeless(data.length, middle.length)) return 0;
    chain.plain(middle);
  }
  if (back > 0) chain.run(data[data.length - 1]!, back);
  return isHopeless(data.length, chain.at - dataAt) ? 0 : chain.at;
}

class ChainWriter {
  at: number;
  readonly #out: Uint8Array;
  readonly #view: DataView;

  constructor(out: Uint8Array, originalCompressedSegmentSize: number) {
    this.#out = out;
    this.#view = viewOf(out);
    this.at = encodeChainedCompressionHeader(this.#view, 0, { originalCompressedSegmentSize });
  }

  plain(bytes: Uint8Array): void {
    this.#header(SMB2_COMPRESSION_NONE, bytes.length, undefined);
    this.#out.set(bytes, this.at);
    this.at += bytes.length;
  }

  run(pattern: number, repetitions: number): void {
    this.#header(SMB2_COMPRESSION_PATTERN_V1, COMPRESSION_PATTERN_PAYLOAD_SIZE, undefined);
    const run = { pattern, repetitions };
    this.at = encodeCompressionPatternPayload(this.#view, this.at, run);
  }

  /** False, and nothing written, when the bytes do not shrink enough. */
  compressed(bytes: Uint8Array, algorithm: number): boolean {
    const payloadAt = this.at + compressionPayloadHeaderSize(algorithm);
    const room = this.#out.subarray(payloadAt, payloadAt + bytes.length);
    const size = codecOf(algorithm)?.compress(bytes, room) ?? 0;
    if (size === 0) return false;
    this.#header(algorithm, size, bytes.length);
    this.at += size;
    return true;
  }

  #header(
    compressionAlgorithm: number,
    payloadLength: number,
    originalPayloadSize: number | undefined,
  ): void {
    const isFirst = this.at === CHAINED_COMPRESSION_HEADER_SIZE;
    this.at = encodeCompressionPayloadHeader(this.#view, this.at, {
      compressionAlgorithm,
      flags: isFirst ? SMB2_COMPRESSION_FLAG_CHAINED : SMB2_COMPRESSION_FLAG_NONE,
      payloadLength,
      originalPayloadSize,
    });
  }
}

/** Bytes equal to the first one at the start, when they are enough; else 0. */
function runAtStart(data: Uint8Array): number {
  if (data.length < RUN_SIZE_MIN) return 0;
  const view = viewOf(data);
  const word = data[0]! * 0x0101_0101;
  let at = 0;
  while (at + 4 <= data.length && view.getUint32(at, LE) === word) at += 4;
  while (at < data.length && data[at] === data[0]) at++;
  return at < RUN_SIZE_MIN ? 0 : at;
}

/** Likewise at the end. */
function runAtEnd(data: Uint8Array): number {
  if (data.length < RUN_SIZE_MIN) return 0;
  const view = viewOf(data);
  const last = data[data.length - 1]!;
  const word = last * 0x0101_0101;
  let at = data.length;
  while (at >= 4 && view.getUint32(at - 4, LE) === word) at -= 4;
  while (at > 0 && data[at - 1] === last) at--;
  const size = data.length - at;
  return size < RUN_SIZE_MIN ? 0 : size;
}

import { concat } from '../../base/bytes.ts';
import { COMPRESSION_SIZE_MIN } from '../../base/limits.ts';
import type { Clock } from '../../env/ports.ts';
import type { Compression } from '../compression/algorithms.ts';
import {
  afterPassing,
  afterTrying,
  type CompressionGain,
  mayCompress,
  NO_GAIN_YET,
} from '../compression/decide-compression.ts';
import { COMPRESSION_OVERHEAD, compressMessage } from '../compression/message-compressor.ts';
import { decompressMessage } from '../compression/message-decompressor.ts';
import type { Negotiated } from './negotiate.ts';

/** [MS-SMB2] 3.2.5.1.1.2: what a compressed segment may have beyond the server's limits. */
const COMPRESSED_SIZE_EXTRA = 256 + 16;

/** What compresses and decompresses on a connection; undefined when nothing was agreed on. */
export function compressorOf(
  { compression, response }: Negotiated,
  clock: Clock | undefined,
): MessageCompressor | undefined {
  if (compression === undefined) return undefined;
  const { maxReadSize, maxWriteSize, maxTransactSize } = response;
  const sizeMax = Math.max(maxReadSize, maxWriteSize, maxTransactSize) + COMPRESSED_SIZE_EXTRA;
  return new MessageCompressor({ compression, sizeMax, clock });
}

/** Compression of one connection, with what it has seen of its gain. */
export class MessageCompressor {
  readonly #compression: Compression;
  readonly #sizeMax: number;
  readonly #clock: Clock | undefined;
  #gain: CompressionGain = NO_GAIN_YET;

  constructor(options: {
    readonly compression: Compression;
    readonly sizeMax: number;
    readonly clock: Clock | undefined;
  }) {
    this.#compression = options.compression;
    this.#sizeMax = options.sizeMax;
    this.#clock = options.clock;
  }

  /** [MS-SMB2] 3.2.5.1.1.2 Decompressing the Message. */
  decompress(message: Uint8Array): Uint8Array | undefined {
    return decompressMessage(message, this.#compression, this.#sizeMax);
  }

  /**
   * [MS-SMB2] 3.2.4.1.9 Compressing the Message. The first chunk begins with `headroom` bytes and
   * holds headers; undefined when the message is to go out as it is.
   */
  compress(chunks: readonly Uint8Array[], headroom: number): readonly Uint8Array[] | undefined {
    const [first, ...rest] = chunks;
    if (first === undefined || rest.length === 0) return undefined;
    const head = first.subarray(headroom);
    const data = rest.length === 1 ? rest[0]! : concat(...rest);
    const size = head.length + data.length;
    if (size < COMPRESSION_SIZE_MIN) return undefined;
    if (!mayCompress(this.#gain, size)) {
      this.#gain = afterPassing(this.#gain, size);
      return undefined;
    }
    const out = Buffer.allocUnsafeSlow(headroom + size + COMPRESSION_OVERHEAD);
    const startMs = this.#clock?.monotonicMs() ?? 0;
    const end = compressMessage({ head, data }, this.#compression, out.subarray(headroom));
    const elapsedMs = (this.#clock?.monotonicMs() ?? 0) - startMs;
    this.#gain = afterTrying(this.#gain, { savedSize: end === 0 ? 0 : size - end, elapsedMs });
    return end === 0 ? undefined : [out.subarray(0, headroom + end)];
  }
}

import {
  SMB2_COMPRESSION_LZ4,
  SMB2_COMPRESSION_LZ77,
  SMB2_COMPRESSION_LZ77_HUFFMAN,
  SMB2_COMPRESSION_LZNT1,
  SMB2_COMPRESSION_PATTERN_V1,
} from '../wire/constants.ts';
import type { Codec } from './codec.ts';
import { lz4 } from './lz4.ts';
import { lz77 } from './lz77.ts';
import { lz77Huffman } from './lz77-huffman.ts';
import { lznt1 } from './lznt1.ts';

/** What one connection agreed on: Connection.CompressionIds and SupportsChainedCompression. */
export interface Compression {
  readonly algorithms: readonly number[];
  readonly chained: boolean;
}

/** By speed, which here costs more than the ratio: see bench/compression.ts. */
const BY_PREFERENCE: readonly number[] = [
  SMB2_COMPRESSION_LZ4,
  SMB2_COMPRESSION_LZ77,
  SMB2_COMPRESSION_LZ77_HUFFMAN,
  SMB2_COMPRESSION_LZNT1,
];

/** All that there are, as a NEGOTIATE offers them. */
export const COMPRESSION_ALGORITHMS: readonly number[] = [
  ...BY_PREFERENCE,
  SMB2_COMPRESSION_PATTERN_V1,
];

const CODECS: ReadonlyMap<number, Codec> = new Map([
  [SMB2_COMPRESSION_LZNT1, lznt1],
  [SMB2_COMPRESSION_LZ77, lz77],
  [SMB2_COMPRESSION_LZ77_HUFFMAN, lz77Huffman],
  [SMB2_COMPRESSION_LZ4, lz4],
]);

/** Undefined for SMB2_COMPRESSION_NONE and PATTERN_V1, and for what is no algorithm. */
export function codecOf(algorithm: number): Codec | undefined {
  return CODECS.get(algorithm);
}

/**
 * [MS-SMB2] 3.3.5.4, SMB2_COMPRESSION_CAPABILITIES: what both sides can, in the order of the offer.
 * Undefined when that is nothing. Without chaining a message names one algorithm, and Linux (6.12)
 * takes an answer of one only: then it is the first.
 */
export function agreeOnCompression(offered: Compression): Compression | undefined {
  const { chained } = offered;
  const common = offered.algorithms.filter((id) =>
    chained ? COMPRESSION_ALGORITHMS.includes(id) : CODECS.has(id),
  );
  const algorithms = chained ? [...new Set(common)] : common.slice(0, 1);
  return algorithms.length === 0 ? undefined : { algorithms, chained };
}

/** What this side sends with; undefined when only patterns were agreed on. */
export function preferredAlgorithm({ algorithms }: Compression): number | undefined {
  return BY_PREFERENCE.find((id) => algorithms.includes(id));
}

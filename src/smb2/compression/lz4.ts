import { type Codec, copyLiterals, copyMatch, isHopeless } from './codec.ts';
import { BLOCK_SIZE, MatchFinder } from './match-finder.ts';

/**
 * The LZ4 block format, which [MS-SMB2] 3.1.4.4 takes from the LZ4 project's lz4_Block_format.md.
 * A block is a list of sequences, the last of them without a match:
 *
 *   1   Token      number of literals in the high half, length - 4 of the match in the low one
 *   -   more of the first, where it was 15: bytes to be added, up to one that is not 255
 *   -   literals
 *   2   distance
 *   -   more of the length, likewise
 */
const DISTANCE_MAX = 65_535;
const LENGTH_BIAS = 4;
const IN_TOKEN = 15;
/** The last bytes of a block are literals. */
const LAST_LITERALS = 5;
/** Of one sequence without its literals and what counts them: token, distance, one of length. */
const SEQUENCE_SIZE = 4;

export const lz4: Codec = { compress, decompress };

function compress(source: Uint8Array, out: Uint8Array): number {
  const finder = new MatchFinder(source);
  const { matches } = finder;
  let at = 0;
  let literals = 0;
  for (let from = 0; from < source.length; from += BLOCK_SIZE) {
    const to = Math.min(from + BLOCK_SIZE, source.length);
    const matchesEnd = Math.min(to, source.length - LAST_LITERALS);
    const block = { from, to: matchesEnd, windowStart: 0, distanceMax: DISTANCE_MAX };
    const count = finder.find(block);
    for (let i = 0; i < count; i += 3) {
      const start = matches[i]!;
      const length = matches[i + 1]!;
      const distance = matches[i + 2]!;
      const room = sizeMax(start - literals) + Math.trunc(length / 255);
      if (at + room > out.length) return 0;
      const tokenAt = at;
      at = putLiterals(source, { from: literals, to: start }, out, at);
      out[at++] = distance;
      out[at++] = distance >>> 8;
      out[tokenAt]! |= Math.min(length - LENGTH_BIAS, IN_TOKEN);
      at = putRest(out, at, length - LENGTH_BIAS);
      literals = start + length;
    }
    if (isHopeless(to, at + to - literals)) return 0;
  }
  if (at + sizeMax(source.length - literals) > out.length) return 0;
  const end = putLiterals(source, { from: literals, to: source.length }, out, at);
  return isHopeless(source.length, end) ? 0 : end;
}

function sizeMax(literals: number): number {
  return SEQUENCE_SIZE + literals + Math.trunc(literals / 255) + 1;
}

function putLiterals(
  source: Uint8Array,
  range: { readonly from: number; readonly to: number },
  out: Uint8Array,
  at: number,
): number {
  const count = range.to - range.from;
  out[at] = Math.min(count, IN_TOKEN) << 4;
  return copyLiterals(source, range, out, putRest(out, at + 1, count));
}

/** What of a number did not go into its half of the token. */
function putRest(out: Uint8Array, at: number, number: number): number {
  if (number < IN_TOKEN) return at;
  let rest = number - IN_TOKEN;
  for (; rest >= 255; rest -= 255) out[at++] = 255;
  out[at++] = rest;
  return at;
}

function decompress(source: Uint8Array, out: Uint8Array): boolean {
  const end = source.length;
  let at = 0;
  let outAt = 0;
  while (at < end) {
    const token = source[at++]!;
    let literals = token >>> 4;
    if (literals === IN_TOKEN) {
      let byte: number;
      do {
        if (at === end) return false;
        byte = source[at++]!;
        literals += byte;
      } while (byte === 255);
    }
    if (literals > end - at || literals > out.length - outAt) return false;
    outAt = copyLiterals(source, { from: at, to: at + literals }, out, outAt);
    at += literals;
    if (at === end) return outAt === out.length;

    if (end - at < 2) return false;
    const distance = source[at]! | (source[at + 1]! << 8);
    at += 2;
    let length = (token & IN_TOKEN) + LENGTH_BIAS;
    if (length === IN_TOKEN + LENGTH_BIAS) {
      let byte: number;
      do {
        if (at === end) return false;
        byte = source[at++]!;
        length += byte;
      } while (byte === 255);
    }
    if (distance === 0 || distance > outAt || length > out.length - outAt) return false;
    copyMatch(out, outAt, distance, length);
    outAt += length;
  }
  return false;
}

import { LE, viewOf } from '../../base/bytes.ts';
import { type Codec, copyLiterals, copyMatch, isHopeless } from './codec.ts';
import { MatchFinder } from './match-finder.ts';

/**
 * [MS-XCA] 2.5 LZNT1 Algorithm Details: chunks of 4096 bytes, each for itself.
 *
 *   2   Header     bytes of the chunk's data - 1 in 12 bits, 3 in the next three, the highest:
 *                  whether it is compressed; a header of 0 ends the data
 *   1   Flags      one bit for each of the next 8 items, from the lowest: 0 literal, 1 match
 *   1   a literal, or
 *   2   a match    distance - 1 and length - 3, whose bits shift with the place in the chunk
 */
const CHUNK_SIZE = 4096;
const HEADER_SIZE = 2;
const SIGNATURE = 0x3000;
const IS_COMPRESSED = 0x8000;
const SIZE_MASK = 0x0fff;
const LENGTH_BIAS = 3;
const DISTANCE_BITS_MIN = 4;
const ITEMS = 8;
/** Bytes that 8 items take with their flags. */
const GROUP_SIZE_MAX = 17;

export const lznt1: Codec = { compress, decompress };

/** [MS-XCA] 2.5.2.1 to 2.5.2.4: bits of a distance that stands behind `position` bytes. */
function distanceBits(position: number): number {
  return position <= 1 << DISTANCE_BITS_MIN ? DISTANCE_BITS_MIN : 32 - Math.clz32(position - 1);
}

function compress(source: Uint8Array, out: Uint8Array): number {
  const finder = new MatchFinder(source);
  const view = viewOf(out);
  let at = 0;
  for (let from = 0; from < source.length; from += CHUNK_SIZE) {
    const to = Math.min(from + CHUNK_SIZE, source.length);
    const rawSize = HEADER_SIZE + to - from;
    if (at + rawSize + GROUP_SIZE_MAX > out.length) return 0;
    const count = finder.find({ from, to, windowStart: from, distanceMax: CHUNK_SIZE });
    const chunk = { from, to, at, matches: finder.matches.subarray(0, count) };
    let end = compressChunk(source, out, chunk);
    if (end === 0) {
      view.setUint16(at, SIGNATURE | (to - from - 1), LE);
      end = copyLiterals(source, { from, to }, out, at + HEADER_SIZE);
    } else {
      view.setUint16(at, IS_COMPRESSED | SIGNATURE | (end - at - HEADER_SIZE - 1), LE);
    }
    at = end;
    if (isHopeless(to, at)) return 0;
  }
  return at;
}

interface Chunk {
  readonly from: number;
  readonly to: number;
  readonly at: number;
  readonly matches: Int32Array;
}

/** The chunk's end in `out`; 0 when it takes no less room than its bytes do. */
function compressChunk(source: Uint8Array, out: Uint8Array, chunk: Chunk): number {
  const { from, to, matches } = chunk;
  const limit = chunk.at + to - from;
  let at = chunk.at + HEADER_SIZE;
  let flagsAt = 0;
  let item = ITEMS;
  let next = 0;
  let position = from;
  let length = 0;
  while (position < to) {
    if (item === ITEMS) {
      if (at >= limit) return 0;
      flagsAt = at;
      out[at++] = 0;
      item = 0;
    }
    if (length < LENGTH_BIAS) {
      // Past a match, or what of it was too short: on to the next one.
      while (next < matches.length && matches[next]! < position) next += 3;
      length = matches[next] === position ? matches[next + 1]! : 0;
    }
    if (length < LENGTH_BIAS) {
      out[at++] = source[position++]!;
      item++;
      continue;
    }
    const lengthBits = 16 - distanceBits(position - from);
    const taken = Math.min(length, (1 << lengthBits) - 1 + LENGTH_BIAS);
    const word = ((matches[next + 2]! - 1) << lengthBits) | (taken - LENGTH_BIAS);
    out[at++] = word;
    out[at++] = word >>> 8;
    out[flagsAt]! |= 1 << item++;
    position += taken;
    length -= taken;
  }
  return at < limit ? at : 0;
}

function decompress(source: Uint8Array, out: Uint8Array): boolean {
  const view = viewOf(source);
  let at = 0;
  let outAt = 0;
  while (outAt < out.length) {
    // A chunk that is not full is the last one.
    if (source.length - at < HEADER_SIZE || outAt % CHUNK_SIZE !== 0) return false;
    const header = view.getUint16(at, LE);
    at += HEADER_SIZE;
    const end = at + (header & SIZE_MASK) + 1;
    if ((header & 0x7000) !== SIGNATURE || end > source.length) return false;
    if ((header & IS_COMPRESSED) !== 0) {
      outAt = decompressChunk(source.subarray(at, end), out, outAt);
      if (outAt < 0) return false;
    } else {
      if (end - at > out.length - outAt) return false;
      outAt = copyLiterals(source, { from: at, to: end }, out, outAt);
    }
    at = end;
  }
  return true;
}

/** Where the chunk ends in `out`, or -1 when it is none. */
function decompressChunk(source: Uint8Array, out: Uint8Array, chunkAt: number): number {
  const outEnd = Math.min(out.length, chunkAt + CHUNK_SIZE);
  let outAt = chunkAt;
  let flags = 0;
  let item = ITEMS;
  for (let at = 0; at < source.length; ) {
    if (item === ITEMS) {
      flags = source[at++]!;
      item = 0;
      continue;
    }
    const isMatch = ((flags >>> item++) & 1) !== 0;
    if (!isMatch) {
      if (outAt === outEnd) return -1;
      out[outAt++] = source[at++]!;
      continue;
    }
    if (source.length - at < 2) return -1;
    const word = source[at]! | (source[at + 1]! << 8);
    at += 2;
    const lengthBits = 16 - distanceBits(outAt - chunkAt);
    const distance = (word >>> lengthBits) + 1;
    const length = (word & ((1 << lengthBits) - 1)) + LENGTH_BIAS;
    if (distance > outAt - chunkAt || length > outEnd - outAt) return -1;
    copyMatch(out, outAt, distance, length);
    outAt += length;
  }
  return outAt;
}

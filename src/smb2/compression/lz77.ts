import { LE, viewOf } from '../../base/bytes.ts';
import { type Codec, copyMatch, isHopeless } from './codec.ts';
import { BLOCK_SIZE, MatchFinder } from './match-finder.ts';

/**
 * [MS-XCA] 2.3 and 2.4, the plain LZ77 algorithm:
 *
 *   4   Flags       one bit for each of the next 32 items, from the highest: 0 literal, 1 match
 *   1   a literal, or
 *   2   a match     distance - 1 in 13 bits, length - 3 in 3, where 7 means that more follows:
 *                   half a byte (two matches share one), a byte, 2 bytes, 4 bytes
 */
const DISTANCE_MAX = 8192;
const LENGTH_BIAS = 3;
const IN_WORD = 7;
const IN_HALF = 15;
const IN_BYTE = 255;
/** Bytes that one match can take: 2, half a byte, 1, 2, 4, and the flags behind it. */
const MATCH_SIZE_MAX = 14;
const FLAGS = 32;

export const lz77: Codec = { compress, decompress };

/** [MS-XCA] 2.3.4 Processing. */
function compress(source: Uint8Array, out: Uint8Array): number {
  if (out.length < MATCH_SIZE_MAX) return 0;
  const finder = new MatchFinder(source);
  const { matches } = finder;
  const writer: Writer = { out, view: viewOf(out), at: 4, flagsAt: 0, flags: 1, halfAt: 0 };
  for (let from = 0; from < source.length; from += BLOCK_SIZE) {
    const to = Math.min(from + BLOCK_SIZE, source.length);
    const count = finder.find({ from, to, windowStart: 0, distanceMax: DISTANCE_MAX });
    // What follows the last match is a match of nothing to `writeItems`.
    matches[count] = to;
    matches[count + 1] = 0;
    if (!writeItems(writer, source, { from, matches, end: count + 3 })) return 0;
    if (isHopeless(to, writer.at)) return 0;
  }
  return finish(writer);
}

interface Writer {
  readonly out: Uint8Array;
  readonly view: DataView;
  at: number;
  flagsAt: number;
  /** The flags so far below a one that shows how many they are: full when it has gone. */
  flags: number;
  /** Where the half byte stands whose other half the next long match takes; 0: nowhere. */
  halfAt: number;
}

interface Items {
  readonly from: number;
  readonly matches: Int32Array;
  readonly end: number;
}

/** False when the output is full. Its state is in variables: that halves its time. */
function writeItems(writer: Writer, source: Uint8Array, { from, matches, end }: Items): boolean {
  const { out, view } = writer;
  let { at, flagsAt, flags } = writer;
  let read = from;
  for (let i = 0; i < end; i += 3) {
    const start = matches[i]!;
    const length = matches[i + 1]!;
    const literals = start - read;
    if (at + literals + (literals >>> 3) + MATCH_SIZE_MAX > out.length) return false;
    while (read < start) {
      out[at++] = source[read++]!;
      const isFull = flags < 0;
      flags <<= 1;
      if (isFull) {
        view.setInt32(flagsAt, flags, LE);
        flagsAt = at;
        at += 4;
        flags = 1;
      }
    }
    if (length === 0) break;
    const all = length - LENGTH_BIAS;
    const word = (matches[i + 2]! - 1) << 3;
    view.setUint16(at, word | (all < IN_WORD ? all : IN_WORD), LE);
    at += 2;
    if (all >= IN_WORD) at = writeLength(writer, at, all);
    read += length;
    const isFull = flags < 0;
    flags = (flags << 1) | 1;
    if (isFull) {
      view.setInt32(flagsAt, flags, LE);
      flagsAt = at;
      at += 4;
      flags = 1;
    }
  }
  writer.at = at;
  writer.flagsAt = flagsAt;
  writer.flags = flags;
  return true;
}

/** What of a length - 3 does not go into its word. */
function writeLength(writer: Writer, at: number, all: number): number {
  const { out, view } = writer;
  const half = Math.min(all - IN_WORD, IN_HALF);
  if (writer.halfAt === 0) {
    writer.halfAt = at;
    out[at++] = half;
  } else {
    out[writer.halfAt]! |= half << 4;
    writer.halfAt = 0;
  }
  if (half < IN_HALF) return at;
  const rest = all - IN_WORD - IN_HALF;
  out[at++] = Math.min(rest, IN_BYTE);
  if (rest < IN_BYTE) return at;
  view.setUint16(at, all, LE);
  return at + 2;
}

/** The flags that stand for nothing are ones. */
function finish({ view, at, flagsAt, flags }: Writer): number {
  const left = Math.clz32(flags) + 1;
  view.setInt32(flagsAt, left === FLAGS ? -1 : (flags << left) | ((1 << left) - 1), LE);
  return at;
}

/** [MS-XCA] 2.4.4 Processing. */
function decompress(source: Uint8Array, out: Uint8Array): boolean {
  const view = viewOf(source);
  const end = source.length;
  let flags = 0;
  let flagsLeft = 0;
  let halfAt = 0;
  let at = 0;
  let outAt = 0;
  while (outAt < out.length) {
    if (flagsLeft === 0) {
      if (end - at < 4) return false;
      flags = view.getInt32(at, LE);
      flagsLeft = FLAGS;
      at += 4;
    }
    const isLiteral = flags >= 0;
    flags <<= 1;
    flagsLeft--;
    if (isLiteral) {
      if (at === end) return false;
      out[outAt++] = source[at++]!;
      continue;
    }
    if (end - at < 2) return false;
    const word = view.getUint16(at, LE);
    at += 2;
    const distance = (word >>> 3) + 1;
    let length = word & IN_WORD;
    if (length === IN_WORD) {
      let half: number;
      if (halfAt === 0) {
        if (at === end) return false;
        halfAt = at;
        half = source[at++]! & IN_HALF;
      } else {
        half = source[halfAt]! >>> 4;
        halfAt = 0;
      }
      length += half;
      if (half === IN_HALF) {
        if (at === end) return false;
        const byte = source[at++]!;
        length += byte;
        if (byte === IN_BYTE) {
          if (end - at < 2) return false;
          length = view.getUint16(at, LE);
          at += 2;
          if (length === 0) {
            if (end - at < 4) return false;
            length = view.getUint32(at, LE);
            at += 4;
          }
          if (length < IN_WORD + IN_HALF) return false;
        }
      }
    }
    length += LENGTH_BIAS;
    if (distance > outAt || length > out.length - outAt) return false;
    copyMatch(out, outAt, distance, length);
    outAt += length;
  }
  return true;
}

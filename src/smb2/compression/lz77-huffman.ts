import { LE, viewOf } from '../../base/bytes.ts';
import { type Codec, copyMatch, isHopeless } from './codec.ts';
import {
  assignCodes,
  CODE_BITS_MAX,
  chooseLengths,
  ENTRY_LENGTH_BITS,
  fillDecodingTable,
  SYMBOLS,
} from './huffman-code.ts';
import { BLOCK_SIZE, MatchFinder } from './match-finder.ts';

/**
 * [MS-XCA] 2.1 and 2.2, LZ77+Huffman: for each 64 KiB of data a table and a stream.
 *
 *   256   lengths of the codes of symbols 0 … 511, half a byte each, the even ones low
 *     -   16-bit words whose bits, from the highest, are codes, and bytes between those words.
 *
 * Symbol 0 … 255 is a literal. Any other is a match: 256 + 16 * bits + length - 3, where bits says
 * how many bits of the distance follow its code, below the highest one, and a length of 15 that
 * more of it follows: a byte, then 2 bytes, then 4 bytes. A reader holds two words, so bytes stand
 * behind the two that are being read: see `BitWriter`.
 */
const TABLE_SIZE = SYMBOLS / 2;
const DISTANCE_MAX = 65_535;
const LENGTH_BIAS = 3;
const IN_SYMBOL = 15;
const IN_BYTE = 255;
const FIRST_MATCH = 256;
/** Where the data ends; as a match it would be three bytes that repeat the last one. */
const END_OF_DATA = 256;
/** Bytes that one symbol can take: 15 + 15 bits, 7 of a length, and the words begun. */
const SYMBOL_SIZE_MAX = 16;

export const lz77Huffman: Codec = { compress, decompress };

const counts = new Uint32Array(SYMBOLS);
const lengths = new Uint8Array(SYMBOLS);
const codes = new Uint16Array(SYMBOLS);
const table = new Uint16Array(1 << CODE_BITS_MAX);

/** [MS-XCA] 2.1.4 Processing. */
function compress(source: Uint8Array, out: Uint8Array): number {
  const finder = new MatchFinder(source);
  let at = 0;
  for (let from = 0; from < source.length; from += BLOCK_SIZE) {
    const to = Math.min(from + BLOCK_SIZE, source.length);
    const count = finder.find({ from, to, windowStart: 0, distanceMax: DISTANCE_MAX });
    const isLast = to === source.length;
    const block = { from, to, isLast, matches: finder.matches.subarray(0, count) };
    countSymbols(source, block);
    chooseLengths(counts, lengths);
    assignCodes(lengths, codes);
    if (at + TABLE_SIZE + SYMBOL_SIZE_MAX > out.length) return 0;
    for (let i = 0; i < TABLE_SIZE; i++) {
      out[at++] = lengths[2 * i]! | (lengths[2 * i + 1]! << 4);
    }
    at = writeBlock(source, block, new BitWriter(out, at));
    if (at === 0 || isHopeless(to, at)) return 0;
  }
  return at;
}

interface Block {
  readonly from: number;
  readonly to: number;
  readonly isLast: boolean;
  readonly matches: Int32Array;
}

/** [MS-XCA] 2.1.4.1: how often each symbol comes. */
function countSymbols(source: Uint8Array, { from, to, isLast, matches }: Block): void {
  counts.fill(0);
  let at = from;
  for (let i = 0; i < matches.length; i += 3) {
    for (const start = matches[i]!; at < start; at++) counts[source[at]!]!++;
    counts[symbolOf(matches[i + 1]!, matches[i + 2]!)]!++;
    at += matches[i + 1]!;
  }
  for (; at < to; at++) counts[source[at]!]!++;
  if (isLast) counts[END_OF_DATA]!++;
}

function symbolOf(length: number, distance: number): number {
  const distanceBits = 31 - Math.clz32(distance);
  return FIRST_MATCH + (distanceBits << 4) + Math.min(length - LENGTH_BIAS, IN_SYMBOL);
}

/** [MS-XCA] 2.1.4.3; returns where the block ends, 0 when the output is full. */
function writeBlock(
  source: Uint8Array,
  { from, to, isLast, matches }: Block,
  writer: BitWriter,
): number {
  let at = from;
  for (let i = 0; i < matches.length; i += 3) {
    if (!writer.literals(source, at, matches[i]!)) return 0;
    const length = matches[i + 1]!;
    const distance = matches[i + 2]!;
    if (!writer.hasRoom()) return 0;
    const symbol = symbolOf(length, distance);
    writer.bits(codes[symbol]!, lengths[symbol]!);
    if (length - LENGTH_BIAS >= IN_SYMBOL) writer.length(length - LENGTH_BIAS);
    const distanceBits = 31 - Math.clz32(distance);
    writer.bits(distance - (1 << distanceBits), distanceBits);
    at = matches[i]! + length;
  }
  if (!writer.literals(source, at, to) || !writer.hasRoom()) return 0;
  if (isLast) writer.bits(codes[END_OF_DATA]!, lengths[END_OF_DATA]!);
  return writer.finish();
}

/** Bits go to the first of two words set aside; as it is full, the next one is set aside. */
class BitWriter {
  readonly #out: Uint8Array;
  readonly #view: DataView;
  #word = 0;
  #free = 16;
  #first: number;
  #second: number;
  #at: number;

  constructor(out: Uint8Array, at: number) {
    this.#out = out;
    this.#view = viewOf(out);
    this.#first = at;
    this.#second = at + 2;
    this.#at = at + 4;
  }

  hasRoom(): boolean {
    return this.#at + SYMBOL_SIZE_MAX <= this.#out.length;
  }

  literals(source: Uint8Array, from: number, to: number): boolean {
    if (this.#at + 2 * (to - from) + SYMBOL_SIZE_MAX > this.#out.length) {
      return this.#lastLiterals(source, from, to);
    }
    for (let i = from; i < to; i++) this.bits(codes[source[i]!]!, lengths[source[i]!]!);
    return true;
  }

  /** As `literals`, where they might not fit. */
  #lastLiterals(source: Uint8Array, from: number, to: number): boolean {
    for (let i = from; i < to; i++) {
      if (!this.hasRoom()) return false;
      this.bits(codes[source[i]!]!, lengths[source[i]!]!);
    }
    return true;
  }

  bits(value: number, count: number): void {
    if (this.#free >= count) {
      this.#free -= count;
      this.#word = (this.#word << count) | value;
      return;
    }
    const rest = count - this.#free;
    this.#view.setUint16(this.#first, (this.#word << this.#free) | (value >>> rest), LE);
    this.#first = this.#second;
    this.#second = this.#at;
    this.#at += 2;
    this.#word = value & ((1 << rest) - 1);
    this.#free = 16 - rest;
  }

  /** What of a length - 3 does not go into its symbol. */
  length(all: number): void {
    const rest = all - IN_SYMBOL;
    this.#out[this.#at++] = Math.min(rest, IN_BYTE);
    if (rest < IN_BYTE) return;
    this.#view.setUint16(this.#at, all, LE);
    this.#at += 2;
  }

  finish(): number {
    this.#view.setUint16(this.#first, this.#word << this.#free, LE);
    this.#view.setUint16(this.#second, 0, LE);
    return this.#at;
  }
}

/** [MS-XCA] 2.2.4 Processing. */
function decompress(source: Uint8Array, out: Uint8Array): boolean {
  const reader: BlockReader = { source, view: viewOf(source), out, at: 0, outAt: 0 };
  while (reader.outAt < out.length) if (!readBlock(reader)) return false;
  return true;
}

interface BlockReader {
  readonly source: Uint8Array;
  readonly view: DataView;
  readonly out: Uint8Array;
  at: number;
  outAt: number;
}

function readBlock(reader: BlockReader): boolean {
  const { source, view, out } = reader;
  const end = source.length;
  let { at, outAt } = reader;
  if (end - at < TABLE_SIZE + 4) return false;
  for (let i = 0; i < TABLE_SIZE; i++) {
    const two = source[at++]!;
    lengths[2 * i] = two & 15;
    lengths[2 * i + 1] = two >>> 4;
  }
  if (!fillDecodingTable(lengths, table)) return false;
  // 32 bits, of which the next ones are the highest; `spare` of them are there beyond 16.
  let bits = (view.getUint16(at, LE) << 16) | view.getUint16(at + 2, LE);
  let spare = 16;
  at += 4;
  const blockEnd = Math.min(out.length, outAt + BLOCK_SIZE);
  while (outAt < blockEnd) {
    const entry = table[bits >>> (32 - CODE_BITS_MAX)]!;
    const codeBits = entry & ((1 << ENTRY_LENGTH_BITS) - 1);
    const symbol = entry >>> ENTRY_LENGTH_BITS;
    bits <<= codeBits;
    spare -= codeBits;
    if (spare < 0) {
      if (end - at < 2) return false;
      bits |= view.getUint16(at, LE) << -spare;
      spare += 16;
      at += 2;
    }
    if (symbol < FIRST_MATCH) {
      out[outAt++] = symbol;
      continue;
    }
    let length = symbol & IN_SYMBOL;
    const distanceBits = (symbol - FIRST_MATCH) >>> 4;
    if (length === IN_SYMBOL) {
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
        if (length < IN_SYMBOL) return false;
      }
    }
    length += LENGTH_BIAS;
    let distance = 1;
    if (distanceBits > 0) {
      distance = (1 << distanceBits) + (bits >>> (32 - distanceBits));
      bits <<= distanceBits;
      spare -= distanceBits;
      if (spare < 0) {
        if (end - at < 2) return false;
        bits |= view.getUint16(at, LE) << -spare;
        spare += 16;
        at += 2;
      }
    }
    if (distance > outAt || length > out.length - outAt) return false;
    copyMatch(out, outAt, distance, length);
    outAt += length;
  }
  reader.at = at;
  reader.outAt = outAt;
  return true;
}

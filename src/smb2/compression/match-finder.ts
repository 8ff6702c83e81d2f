/**
 * Finds repetitions for the encoders: greedy, one candidate a position, with steps that grow where
 * nothing repeats. What it finds is valid for every format here; each writes it in its own way.
 */

/** Source bytes that encoders look at, and write, at a time. */
export const BLOCK_SIZE = 65_536;
/** Bytes of the shortest match. */
const LENGTH_MIN = 4;
/** A match starts at least this far before the end of its block: LZ4 asks for that at the end. */
const TAIL = 8;
/** 64 KiB of table: clearing it costs microseconds, and it stays in the processor's cache. */
const HASH_BITS = 14;
/** After 2^6 positions in a row without a match the finder begins to skip some. */
const SKIP_TRIGGER = 6;
const FIELDS = 3;

/** For each hash the last position that had it, plus one; 0: none. */
const positions = new Int32Array(1 << HASH_BITS);
const found = new Int32Array(FIELDS * (BLOCK_SIZE / LENGTH_MIN + 1));

export interface FindOptions {
  /** The block `[from, to)`; matches end before `to`. */
  readonly from: number;
  readonly to: number;
  /** Matches reach back to no byte before this one, */
  readonly windowStart: number;
  /** nor further than this. */
  readonly distanceMax: number;
}

/**
 * The matches of one block in order: three numbers each, where it starts, its length and its
 * distance. Good until the next call of `find`; encoders are synchronous, so one memory serves all.
 */
export class MatchFinder {
  readonly matches: Int32Array = found;
  readonly #source: Uint8Array;
  readonly #view: DataView;

  constructor(source: Uint8Array) {
    this.#source = source;
    this.#view = new DataView(source.buffer, source.byteOffset, source.byteLength);
    positions.fill(0);
  }

  /** How many numbers of `matches` are set. Blocks come in order and take BLOCK_SIZE at most. */
  find({ from, to, windowStart, distanceMax }: FindOptions): number {
    const view = this.#view;
    const source = this.#source;
    const lastStart = to - TAIL;
    let count = 0;
    let anchor = from;
    let tries = 1 << SKIP_TRIGGER;
    for (let at = from; at <= lastStart; ) {
      const word = view.getInt32(at, true);
      const hash = hashOf(word);
      const candidate = positions[hash]! - 1;
      positions[hash] = at + 1;
      if (
        candidate < windowStart ||
        at - candidate > distanceMax ||
        view.getInt32(candidate, true) !== word
      ) {
        at += tries++ >> SKIP_TRIGGER;
        continue;
      }
      let start = at;
      let back = candidate;
      while (start > anchor && back > windowStart && source[start - 1] === source[back - 1]) {
        start--;
        back--;
      }
      const end = this.#matchEnd(at + LENGTH_MIN, candidate + LENGTH_MIN, to);
      found[count] = start;
      found[count + 1] = end - start;
      found[count + 2] = start - back;
      count += FIELDS;
      anchor = end;
      at = end;
      tries = 1 << SKIP_TRIGGER;
      if (at <= lastStart) positions[hashOf(view.getInt32(at - 2, true))] = at - 1;
    }
    return count;
  }

  #matchEnd(at: number, candidate: number, to: number): number {
    const view = this.#view;
    const source = this.#source;
    while (at + 4 <= to && view.getInt32(at, true) === view.getInt32(candidate, true)) {
      at += 4;
      candidate += 4;
    }
    while (at < to && source[at] === source[candidate]) {
      at++;
      candidate++;
    }
    return at;
  }
}

function hashOf(word: number): number {
  return Math.imul(word, 0x9e37_79b1) >>> (32 - HASH_BITS);
}

/**
 * Blocks of memory that processes share, given out and taken back under one lock.
 *
 * A process may be killed between any two of its writes. So a block, once cut, keeps its size, and
 * the cut ones follow each other without a hole up to the top: from that and from the blocks in use
 * `rebuild` makes the lists of free blocks anew, whatever state they were left in.
 */
import { assert } from '../../base/assert.ts';
import { SEGMENT_SIZE, type SharedMemory } from '../../env/shared-memory.ts';

/** Blocks are addressed, and sized, in units. */
export const UNIT_SIZE = 64;
const SEGMENT_UNITS = SEGMENT_SIZE / UNIT_SIZE;
const SEGMENT_BITS = Math.log2(SEGMENT_UNITS);
const WORDS_OF_UNIT_BITS = 4;
/** The memory grows by at least so much. */
const GROWTH_SIZE = 1024 * 1024;

/** Words of the first segment. */
const TOP = 2;
const RESERVED = 3;
const FREE_LISTS = 16;

/** Words of a block; a gap before the end of a segment has its length where others have `next`. */
const SIZE_CLASS = 0;
const NEXT = 1;
const GAP = 0xffff;

/** Units of a block by class: 2, 3, 4, 6, 8, 12, ... up to a whole segment. */
const CLASSES: readonly number[] = Array.from({ length: 40 }, (_, index) =>
  index % 2 === 0 ? 2 ** (index / 2 + 1) : 3 * 2 ** ((index - 1) / 2),
).filter((units) => units <= SEGMENT_UNITS);

/** There is no memory left for a record. Nothing was changed. */
export class SharedMemoryFullError extends Error {}

export class Heap {
  readonly #memory: SharedMemory;
  readonly #firstUnit: number;
  #words: Uint32Array[] = [];
  #bytes: Buffer[] = [];

  /** The first `headerSize` bytes are the caller's, but for words 2 to 63. */
  constructor(memory: SharedMemory, headerSize: number) {
    this.#memory = memory;
    this.#firstUnit = Math.ceil(headerSize / UNIT_SIZE);
    if (!memory.reserve(0, headerSize)) throw new SharedMemoryFullError(FULL);
  }

  /** Of the first segment. */
  get header(): Uint32Array {
    return this.wordsOf(0);
  }

  /** The words of the segment that a block is in. */
  wordsOf(unit: number): Uint32Array {
    return this.#words[unit >>> SEGMENT_BITS] ?? this.#map(unit >>> SEGMENT_BITS).words;
  }

  bytesOf(unit: number): Buffer {
    return this.#bytes[unit >>> SEGMENT_BITS] ?? this.#map(unit >>> SEGMENT_BITS).bytes;
  }

  /** Where a block's words begin in `wordsOf`. */
  wordOf(unit: number): number {
    return (unit & (SEGMENT_UNITS - 1)) << WORDS_OF_UNIT_BITS;
  }

  /** A block of at least so many bytes. Word 0 is the heap's; its other content is anything. */
  allocate(size: number): number {
    const sizeClass = classOf(size);
    const header = this.header;
    const free = header[FREE_LISTS + sizeClass]!;
    if (free === 0) return this.#cut(sizeClass);
    header[FREE_LISTS + sizeClass] = this.wordsOf(free)[this.wordOf(free) + NEXT]!;
    return free;
  }

  /** Nobody may find the block any more. */
  free(unit: number): void {
    const [words, at, header] = [this.wordsOf(unit), this.wordOf(unit), this.header];
    const list = FREE_LISTS + words[at + SIZE_CLASS]!;
    words[at + NEXT] = header[list]!;
    header[list] = unit;
  }

  /** After a process died in the middle: every block that is not in use is free. */
  rebuild(used: ReadonlySet<number>): void {
    this.header.fill(0, FREE_LISTS, FREE_LISTS + CLASSES.length);
    for (const unit of this.#blocks()) if (!used.has(unit)) this.free(unit);
  }

  /** Bytes in blocks, used or free. Throws where a block is neither, or both. For tests. */
  check(used: ReadonlySet<number>): number {
    const free = new Set<number>();
    for (let sizeClass = 0; sizeClass < CLASSES.length; sizeClass++) {
      let unit = this.header[FREE_LISTS + sizeClass]!;
      for (; unit !== 0; unit = this.wordsOf(unit)[this.wordOf(unit) + NEXT]!) {
        assert(!free.has(unit) && !used.has(unit), `block ${unit} is given out twice`);
        assert(this.#classOfBlock(unit) === sizeClass, `block ${unit} is in another class's list`);
        free.add(unit);
      }
    }
    let [blocks, units] = [0, 0];
    for (const unit of this.#blocks()) {
      assert(used.has(unit) || free.has(unit), `block ${unit} is lost`);
      blocks++;
      units += CLASSES[this.#classOfBlock(unit)]!;
    }
    assert(blocks === free.size + used.size, `${blocks} blocks: ${free.size} + ${used.size}`);
    return units * UNIT_SIZE;
  }

  close(): void {
    this.#words = [];
    this.#bytes = [];
    this.#memory.close();
  }

  #cut(sizeClass: number): number {
    const units = CLASSES[sizeClass]!;
    const header = this.header;
    let unit = header[TOP]! || this.#firstUnit;
    const left = SEGMENT_UNITS - (unit & (SEGMENT_UNITS - 1));
    if (units > left) {
      const next = unit + left;
      this.#reserve(next + units);
      this.wordsOf(unit)[this.wordOf(unit) + NEXT] = left;
      this.wordsOf(unit)[this.wordOf(unit) + SIZE_CLASS] = GAP;
      unit = next;
    } else this.#reserve(unit + units);
    this.wordsOf(unit)[this.wordOf(unit) + SIZE_CLASS] = sizeClass;
    header[TOP] = unit + units;
    return unit;
  }

  #reserve(endUnit: number): void {
    const header = this.header;
    const reserved = header[RESERVED]!;
    if (endUnit <= reserved) return;
    const all = SEGMENT_UNITS * this.#memory.segmentsMax;
    const wanted = Math.min(Math.max(endUnit, reserved + GROWTH_SIZE / UNIT_SIZE), all);
    const isThere =
      endUnit <= wanted && this.#memory.reserve(reserved * UNIT_SIZE, wanted * UNIT_SIZE);
    if (!isThere) throw new SharedMemoryFullError(FULL);
    header[RESERVED] = wanted;
  }

  *#blocks(): Generator<number> {
    const top = this.header[TOP]!;
    for (let unit = this.#firstUnit; unit < top; ) {
      const sizeClass = this.#classOfBlock(unit);
      if (sizeClass === GAP) {
        unit += this.wordsOf(unit)[this.wordOf(unit) + NEXT]!;
        continue;
      }
      const units = CLASSES[sizeClass];
      assert(units !== undefined, `block ${unit} has no size`);
      yield unit;
      unit += units;
    }
  }

  #classOfBlock(unit: number): number {
    return this.wordsOf(unit)[this.wordOf(unit) + SIZE_CLASS]!;
  }

  #map(segment: number): { readonly words: Uint32Array; readonly bytes: Buffer } {
    const memory = this.#memory.segment(segment);
    const [words, bytes] = [new Uint32Array(memory), Buffer.from(memory)];
    this.#words[segment] = words;
    this.#bytes[segment] = bytes;
    return { words, bytes };
  }
}

const FULL = 'no shared memory is left for records';

function classOf(size: number): number {
  const units = Math.ceil(size / UNIT_SIZE);
  const found = CLASSES.findIndex((one) => one >= units);
  if (found === -1) throw new SharedMemoryFullError(`a record of ${size} bytes is too large`);
  return found;
}

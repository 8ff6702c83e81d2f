/**
 * Named records in memory that processes share: a table of chains by the hash of the name.
 *
 *     segment 0: header, heads of the chains, blocks      segments 1 to n: blocks
 *     a block:   class, next, hash, generation, length of name, length of value, name, value
 *
 * A record is never written over: its next value goes into a block of its own, and then takes the
 * place of the old one with the write of one word. So whenever a process is killed, every chain is
 * whole, and only the lists of free blocks may be wrong: who takes the lock next makes them anew.
 * The lock is held to look a record up or to put one in its place, never while somebody decides.
 */
import { assert } from '../../base/assert.ts';
import type { Clock } from '../../env/ports.ts';
import type { ProcessCalls, SharedMemory } from '../../env/shared-memory.ts';
import { Heap } from './heap.ts';
import { RobustLock } from './robust-lock.ts';

/** 'semb', and the layout of what follows. */
const MAGIC = 0x73656d00 + 2;
const HEADER_SIZE = 4096;
const CHAINS = 2 ** 17;

/** Words of the header; those of the heap are in between. */
const IS_SEMBA = 0;
const LOCK = 1;
const GENERATION = 14;
/** Set while something is changed: the lists of free blocks are not to be trusted. */
const IS_CHANGING = 15;
const FIRST_CHAIN = HEADER_SIZE / 4;

/** Words of a block. */
const NEXT = 1;
const HASH = 2;
const BLOCK_GENERATION = 3;
const NAME_LENGTH = 4;
const VALUE_LENGTH = 5;
const NAME_AT = 24;

const NAME_SIZE_MAX = 65_536;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** What `put` answers when the record is another one by now. */
export const CHANGED = -1;
/** The generation of a record that is not there. */
export const ABSENT = 0;

export interface SharedRecordsOptions {
  readonly memory: SharedMemory;
  readonly processes: ProcessCalls;
  readonly clock: Clock;
  /** A process that stops within a change is killed after so long, unless undefined. */
  readonly patienceMs?: number | undefined;
}

export class SharedRecords {
  readonly #heap: Heap;
  readonly #header: Uint32Array;
  readonly #lock: RobustLock;
  readonly #name = Buffer.alloc(NAME_SIZE_MAX);
  #nameLength = 0;
  #hash = 0;

  /** Throws where the memory holds something else. */
  constructor({ memory, processes, clock, patienceMs }: SharedRecordsOptions) {
    this.#heap = new Heap(memory, HEADER_SIZE + CHAINS * 4);
    this.#header = this.#heap.header;
    const words = this.#header;
    const found = Atomics.compareExchange(words, IS_SEMBA, 0, MAGIC);
    if (found !== 0 && found !== MAGIC) throw new Error('the shared memory has another layout');
    this.#lock = new RobustLock({ words, at: LOCK, processes, clock, patienceMs });
  }

  /** The process that keeps all others out at this moment; 0: none. */
  get holder(): number {
    return this.#lock.holder;
  }

  /**
   * The record's generation, ABSENT where there is none. Its value is copied by `copy`, unless the
   * generation is the `known` one.
   */
  look(name: string, known: number, copy: (value: Buffer) => void): number {
    this.#setName(name);
    this.#enter();
    try {
      const unit = this.#wordAt(this.#findLink());
      if (unit === 0) return ABSENT;
      const [words, at] = [this.#heap.wordsOf(unit), this.#heap.wordOf(unit)];
      const generation = words[at + BLOCK_GENERATION]!;
      if (generation !== known) copy(this.#valueOf(unit));
      return generation;
    } finally {
      this.#lock.leave();
    }
  }

  /**
   * Puts a value in the place of the generation `expected` (undefined: anything), or removes the
   * record. The new generation, ABSENT when it was removed; CHANGED: nothing was done. Throws
   * `SharedMemoryFullError`.
   */
  put(name: string, expected: number | undefined, value: Uint8Array | undefined): number {
    this.#setName(name);
    this.#enter();
    try {
      const link = this.#findLink();
      const old = this.#wordAt(link);
      const generation = old === 0 ? ABSENT : this.#generationOf(old);
      if (expected !== undefined && generation !== expected) return CHANGED;
      this.#header[IS_CHANGING] = 1;
      const next = value === undefined ? ABSENT : this.#replace(link, old, value);
      if (value === undefined && old !== 0) this.#setWord(link, this.#nextOf(old));
      if (old !== 0) this.#heap.free(old);
      this.#header[IS_CHANGING] = 0;
      return next;
    } finally {
      this.#lock.leave();
    }
  }

  /** Names and values of all records whose name begins with `prefix`, at this moment. */
  scan(prefix: string): readonly (readonly [name: string, value: Buffer])[] {
    const found: [string, Buffer][] = [];
    this.#setName(prefix);
    const start = Buffer.from(this.#name.subarray(0, this.#nameLength));
    this.#enter();
    try {
      for (const unit of this.#all()) {
        const name = this.#nameOf(unit);
        if (name.length < start.length) continue;
        if (start.compare(name, 0, start.length) !== 0) continue;
        found.push([name.toString(), Buffer.from(this.#valueOf(unit))]);
      }
    } finally {
      this.#lock.leave();
    }
    return found;
  }

  /** Bytes in blocks. Throws where the memory is not in order. For tests. */
  check(): number {
    this.#enter();
    try {
      return this.#heap.check(new Set(this.#all()));
    } finally {
      this.#lock.leave();
    }
  }

  close(): void {
    this.#heap.close();
  }

  #enter(): void {
    this.#lock.enter();
    if (this.#header[IS_CHANGING] === 0) return;
    this.#heap.rebuild(new Set(this.#all()));
    this.#header[IS_CHANGING] = 0;
  }

  /** The order of the writes is what makes it safe to be killed here. */
  #replace(link: Link, old: number, value: Uint8Array): number {
    const heap = this.#heap;
    const unit = heap.allocate(NAME_AT + this.#nameLength + value.length);
    const [words, at, bytes] = [heap.wordsOf(unit), heap.wordOf(unit), heap.bytesOf(unit)];
    const generation = nextGeneration(this.#header[GENERATION]!);
    this.#header[GENERATION] = generation;
    words[at + HASH] = this.#hash;
    words[at + BLOCK_GENERATION] = generation;
    words[at + NAME_LENGTH] = this.#nameLength;
    words[at + VALUE_LENGTH] = value.length;
    const start = at * 4 + NAME_AT;
    this.#name.copy(bytes, start, 0, this.#nameLength);
    bytes.set(value, start + this.#nameLength);
    words[at + NEXT] = old === 0 ? 0 : this.#nextOf(old);
    this.#setWord(link, unit);
    return generation;
  }

  /** The word that leads to the record of the name, or that would. */
  #findLink(): Link {
    let link: Link = { words: this.#header, at: FIRST_CHAIN + (this.#hash & (CHAINS - 1)) };
    for (;;) {
      const unit = this.#wordAt(link);
      if (unit === 0) return link;
      const [words, at] = [this.#heap.wordsOf(unit), this.#heap.wordOf(unit)];
      if (words[at + HASH] === this.#hash && this.#isNamed(unit, words, at)) return link;
      link = { words, at: at + NEXT };
    }
  }

  #isNamed(unit: number, words: Uint32Array, at: number): boolean {
    const length = words[at + NAME_LENGTH]!;
    if (length !== this.#nameLength) return false;
    const start = at * 4 + NAME_AT;
    return this.#name.compare(this.#heap.bytesOf(unit), start, start + length, 0, length) === 0;
  }

  #wordAt(link: Link): number {
    return link.words[link.at]!;
  }

  #setWord(link: Link, value: number): void {
    link.words[link.at] = value;
  }

  #nextOf(unit: number): number {
    return this.#heap.wordsOf(unit)[this.#heap.wordOf(unit) + NEXT]!;
  }

  #generationOf(unit: number): number {
    return this.#heap.wordsOf(unit)[this.#heap.wordOf(unit) + BLOCK_GENERATION]!;
  }

  #nameOf(unit: number): Buffer {
    const [words, at] = [this.#heap.wordsOf(unit), this.#heap.wordOf(unit)];
    const start = at * 4 + NAME_AT;
    return this.#heap.bytesOf(unit).subarray(start, start + words[at + NAME_LENGTH]!);
  }

  #valueOf(unit: number): Buffer {
    const [words, at] = [this.#heap.wordsOf(unit), this.#heap.wordOf(unit)];
    const start = at * 4 + NAME_AT + words[at + NAME_LENGTH]!;
    return this.#heap.bytesOf(unit).subarray(start, start + words[at + VALUE_LENGTH]!);
  }

  *#all(): Generator<number> {
    for (let chain = FIRST_CHAIN; chain < FIRST_CHAIN + CHAINS; chain++) {
      for (let unit = this.#header[chain]!; unit !== 0; unit = this.#nextOf(unit)) yield unit;
    }
  }

  /** Most names are short and ASCII: those cost no call. */
  #setName(name: string): void {
    const bytes = this.#name;
    assert(name.length * 3 <= NAME_SIZE_MAX, 'the name of a record is too long');
    let hash = FNV_OFFSET;
    for (let i = 0; i < name.length; i++) {
      const code = name.charCodeAt(i);
      if (code > 0x7f) {
        this.#setWideName(name);
        return;
      }
      bytes[i] = code;
      hash = Math.imul(hash ^ code, FNV_PRIME);
    }
    this.#nameLength = name.length;
    this.#hash = hash >>> 0;
  }

  #setWideName(name: string): void {
    this.#nameLength = this.#name.write(name);
    let hash = FNV_OFFSET;
    for (let i = 0; i < this.#nameLength; i++) {
      hash = Math.imul(hash ^ this.#name[i]!, FNV_PRIME);
    }
    this.#hash = hash >>> 0;
  }
}

interface Link {
  readonly words: Uint32Array;
  readonly at: number;
}

function nextGeneration(generation: number): number {
  return generation === 0xffff_ffff ? 1 : generation + 1;
}

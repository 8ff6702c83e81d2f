/**
 * The names of one directory by a key of each, in little memory that no garbage collection walks:
 * 8 bytes a slot (3/8 to 3/4 of them are in use) and the name's own bytes.
 *
 * Slots are open addressing with linear probing over hashes of the keys; keys themselves are not
 * kept, but computed again from the names that a hash leads to. Several names may have one key: the
 * first VARIANTS_MAX of them are kept, in the order in which they came. Hashes depend on a seed, so
 * that nobody can choose names that collide. Names lie in chunks, as Latin-1 where that holds them,
 * else as UTF-16; the room of a removed one is for the next of its size.
 */
import { assert } from '../base/assert.ts';
import { LE } from '../base/bytes.ts';

/** What a name is looked for by; '' for a name that is not to be found. */
export type KeyOf = (name: string) => string;

const SLOTS_MIN = 16;
const CHUNK_BITS = 16;
const CHUNK_SIZE = 1 << CHUNK_BITS;
const FIRST_CHUNK_SIZE = 512;
/** Record: 0 length in code units and whether they are wide (u16), 2 the units. */
const HEAD_SIZE = 2;
const WIDE = 0x8000;
/** Room is given in such steps; a free record begins with the position of the next one (u32). */
const STEP = 4;
const UNITS_MAX = (CHUNK_SIZE - HEAD_SIZE) / 2 - STEP;
/** Names with one key; more would make each further one dearer. */
const VARIANTS_MAX = 64;
/** Position 0 is in use; slots and free lists say +1, so that 0 is none. */
const NONE = 0;

export class NameTable {
  readonly #keyOf: KeyOf;
  readonly #seed: number;
  /** Two words a slot: hash, position + 1. */
  #slots = new Uint32Array(2 * SLOTS_MIN);
  #mask = SLOTS_MIN - 1;
  #size = 0;
  #chunks: DataView[] = [new DataView(new ArrayBuffer(FIRST_CHUNK_SIZE))];
  /** Bytes of the last chunk in use. */
  #used = 0;
  /** By size in steps, the first free record. */
  readonly #free = new Map<number, number>();

  constructor(keyOf: KeyOf, seed: number) {
    this.#keyOf = keyOf;
    this.#seed = seed;
  }

  /** Names that can be found. */
  get size(): number {
    return this.#size;
  }

  /** Bytes held, but for a few objects. */
  get byteSize(): number {
    const last = this.#chunks.at(-1)!.byteLength;
    return this.#slots.byteLength + (this.#chunks.length - 1) * CHUNK_SIZE + last;
  }

  /** False where the name is there already, has no key or one that too many have. */
  add(name: string): boolean {
    const key = this.#keyOf(name);
    if (key === '') return false;
    const hash = hashOf(key, this.#seed);
    let at = hash & this.#mask;
    let variants = 0;
    for (let position = this.#at(at); position !== NONE; position = this.#at(at)) {
      if (this.#slots[2 * at] === hash) {
        if (++variants === VARIANTS_MAX || this.#isName(position - 1, name)) return false;
      }
      at = (at + 1) & this.#mask;
    }
    this.#set(at, hash, this.#keep(name) + 1);
    this.#size++;
    if (this.#size > (this.#mask + 1) * LOAD_MAX) this.#grow();
    return true;
  }

  /** False where the name is not there. */
  remove(name: string): boolean {
    const key = this.#keyOf(name);
    if (key === '') return false;
    const hash = hashOf(key, this.#seed);
    let at = hash & this.#mask;
    for (let position = this.#at(at); position !== NONE; position = this.#at(at)) {
      if (this.#slots[2 * at] === hash && this.#isName(position - 1, name)) {
        this.#release(position - 1);
        this.#vacate(at);
        this.#size--;
        return true;
      }
      at = (at + 1) & this.#mask;
    }
    return false;
  }

  /** Of the names with this key `preferred`, or else the first that came. */
  find(key: string, preferred = ''): string | undefined {
    const hash = hashOf(key, this.#seed);
    let first: string | undefined;
    let at = hash & this.#mask;
    for (let position = this.#at(at); position !== NONE; position = this.#at(at)) {
      if (this.#slots[2 * at] === hash) {
        const name = this.#nameAt(position - 1);
        if (name === preferred && this.#keyOf(name) === key) return name;
        if (first === undefined && this.#keyOf(name) === key) first = name;
      }
      at = (at + 1) & this.#mask;
    }
    return first;
  }

  #at(slot: number): number {
    return this.#slots[2 * slot + 1]!;
  }

  #set(slot: number, hash: number, position: number): void {
    this.#slots[2 * slot] = hash;
    this.#slots[2 * slot + 1] = position;
  }

  /** Empties a slot; what was pushed on by it moves back, so that no search ends early. */
  #vacate(slot: number): void {
    let hole = slot;
    let at = slot;
    for (;;) {
      at = (at + 1) & this.#mask;
      const position = this.#at(at);
      if (position === NONE) break;
      const hash = this.#slots[2 * at]!;
      // Distances from where the entry would like to be: it must not come before that.
      const fromHome = (at - (hash & this.#mask)) & this.#mask;
      const fromHole = (at - hole) & this.#mask;
      if (fromHome < fromHole) continue;
      this.#set(hole, hash, position);
      hole = at;
    }
    this.#set(hole, 0, NONE);
  }

  /** From a free slot on, so that names of one key keep their order. */
  #grow(): void {
    const old = this.#slots;
    const count = this.#mask + 1;
    let start = 0;
    while (old[2 * start + 1] !== NONE) start++;
    this.#slots = new Uint32Array(4 * count);
    this.#mask = 2 * count - 1;
    for (let i = 0; i < count; i++) {
      const from = (start + i) & (count - 1);
      const position = old[2 * from + 1]!;
      if (position === NONE) continue;
      const hash = old[2 * from]!;
      let at = hash & this.#mask;
      while (this.#at(at) !== NONE) at = (at + 1) & this.#mask;
      this.#set(at, hash, position);
    }
  }

  /** Where the name is kept. */
  #keep(name: string): number {
    const { length } = name;
    assert(length > 0 && length <= UNITS_MAX, `a name of ${length} units`);
    const isWide = !isLatin1(name);
    const position = this.#room(sizeOf(length, isWide));
    const chunk = this.#chunks[position >>> CHUNK_BITS]!;
    const at = position & (CHUNK_SIZE - 1);
    chunk.setUint16(at, isWide ? length | WIDE : length, LE);
    for (let i = 0; i < length; i++) {
      if (isWide) chunk.setUint16(at + HEAD_SIZE + 2 * i, name.charCodeAt(i), LE);
      else chunk.setUint8(at + HEAD_SIZE + i, name.charCodeAt(i));
    }
    return position;
  }

  #room(size: number): number {
    const free = this.#free.get(size);
    if (free !== undefined) {
      const next = this.#chunks[free >>> CHUNK_BITS]!.getUint32(free & (CHUNK_SIZE - 1), LE);
      if (next === NONE) this.#free.delete(size);
      else this.#free.set(size, next - 1);
      return free;
    }
    while (this.#used + size > this.#chunks.at(-1)!.byteLength) this.#extend();
    const position = (this.#chunks.length - 1) * CHUNK_SIZE + this.#used;
    this.#used += size;
    return position;
  }

  /** The first chunk grows to its size; then there are more. */
  #extend(): void {
    const last = this.#chunks.at(-1)!;
    if (last.byteLength === CHUNK_SIZE) {
      this.#chunks.push(new DataView(new ArrayBuffer(CHUNK_SIZE)));
      this.#used = 0;
      return;
    }
    const grown = new Uint8Array(last.byteLength * 2);
    grown.set(new Uint8Array(last.buffer));
    this.#chunks[this.#chunks.length - 1] = new DataView(grown.buffer);
  }

  #release(position: number): void {
    const chunk = this.#chunks[position >>> CHUNK_BITS]!;
    const at = position & (CHUNK_SIZE - 1);
    const head = chunk.getUint16(at, LE);
    const size = sizeOf(head & ~WIDE, (head & WIDE) !== 0);
    const next = this.#free.get(size);
    chunk.setUint32(at, next === undefined ? NONE : next + 1, LE);
    this.#free.set(size, position);
  }

  #isName(position: number, name: string): boolean {
    const chunk = this.#chunks[position >>> CHUNK_BITS]!;
    const at = position & (CHUNK_SIZE - 1);
    const head = chunk.getUint16(at, LE);
    if ((head & ~WIDE) !== name.length) return false;
    return this.#nameAt(position) === name;
  }

  #nameAt(position: number): string {
    const { buffer } = this.#chunks[position >>> CHUNK_BITS]!;
    const at = position & (CHUNK_SIZE - 1);
    const bytes = Buffer.from(buffer, at);
    const head = bytes.readUInt16LE(0);
    const length = head & ~WIDE;
    return (head & WIDE) === 0
      ? bytes.toString('latin1', HEAD_SIZE, HEAD_SIZE + length)
      : bytes.toString('utf16le', HEAD_SIZE, HEAD_SIZE + 2 * length);
  }
}

/** Of the slots, as a part of all. */
const LOAD_MAX = 0.75;

function sizeOf(length: number, isWide: boolean): number {
  const bytes = HEAD_SIZE + (isWide ? 2 * length : length);
  return Math.ceil(bytes / STEP) * STEP;
}

function isLatin1(name: string): boolean {
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) > 0xff) return false;
  return true;
}

/** Code units one by one, each moved all over the word; then mixed for the slot's low bits. */
function hashOf(key: string, seed: number): number {
  let hash = seed | 0;
  for (let i = 0; i < key.length; i++) {
    hash = Math.imul((hash << 13) ^ (hash >>> 19) ^ key.charCodeAt(i), 0x9e37_79b1);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

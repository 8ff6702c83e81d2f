/** Seeded choices and mutations: one number replays a case. */

/** Values that lengths, offsets and counts trip over. */
const TELLING = [0, 1, 2, 4, 7, 8, 15, 16, 24, 48, 63, 64, 65, 112, 120, 255, 256, 4096, 0x7fff];
const TELLING_LARGE = [
  0x8000, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_ffff,
];

export class SoakRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** The generator of case `index` of a run: independent of the other cases. */
  static ofCase(seed: number, index: number): SoakRandom {
    const random = new SoakRandom(Math.imul(seed ^ 0x9e37_79b9, 0x85eb_ca6b) ^ index);
    random.#state = (random.u32() ^ Math.imul(index + 1, 0xc2b2_ae35)) >>> 0;
    return random;
  }

  /** mulberry32 */
  u32(): number {
    this.#state = (this.#state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  below(limit: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * limit);
  }

  chance(probability: number): boolean {
    return this.u32() / 0x1_0000_0000 < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.u32();
    return bytes;
  }

  telling(): number {
    return this.pick(this.chance(0.7) ? TELLING : TELLING_LARGE);
  }
}

/**
 * One to four changes in `[from, …)`: a bit, a byte, a telling u16, u32 or u64, a cut, more bytes.
 */
export function mutate(bytes: Uint8Array, from: number, random: SoakRandom): Uint8Array {
  let mutated: Uint8Array = bytes.slice();
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    if (mutated.length <= from) return mutated;
    mutated = mutateOnce(mutated, from + random.below(mutated.length - from), random);
  }
  return mutated;
}

function mutateOnce(bytes: Uint8Array, position: number, random: SoakRandom): Uint8Array {
  switch (random.below(8)) {
    case 0:
      bytes[position]! ^= 1 << random.below(8);
      return bytes;
    case 1:
      bytes[position] = random.u32();
      return bytes;
    case 2:
    case 3:
      return writeTelling(bytes, position & ~1, 2, random);
    case 4:
      return writeTelling(bytes, position & ~3, 4, random);
    case 5:
      return writeTelling(bytes, position & ~7, 8, random);
    case 6:
      return bytes.slice(0, position);
    default:
      return Uint8Array.from([...bytes, ...bytes.subarray(position, position + random.below(64))]);
  }
}

function writeTelling(
  bytes: Uint8Array,
  position: number,
  size: 2 | 4 | 8,
  random: SoakRandom,
): Uint8Array {
  const value = random.telling() + random.below(3) - 1;
  const high = size === 8 && random.chance(0.3) ? 0xff : 0;
  for (let i = 0; i < size && position + i < bytes.length; i++) {
    bytes[position + i] = i < 4 ? value >>> (8 * i) : high;
  }
  return bytes;
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WIRE_TARGETS, type WireTarget } from './wire-targets.ts';

/** Bodies stand behind a header's room; every target's first byte is here. */
const AT = 64;
const MUTATIONS = Number(process.env.SEMBA_FUZZ_MUTATIONS ?? 2000);
const SEED = Number(process.env.SEMBA_FUZZ_SEED ?? 0x5eed);

describe(`[MS-SMB2] 2.2 decoders under mutation, seed=${SEED}`, () => {
  for (const target of WIRE_TARGETS) {
    it(`${target.name}: never throws and never looks outside its bytes`, () => fuzz(target));
  }
});

function fuzz(target: WireTarget): void {
  const random = mulberry32(SEED ^ hash(target.name));
  const sample = encodeSample(target);
  for (let i = 0; i < MUTATIONS; i++) {
    const mutated = mutate(sample, random);
    try {
      assert.deepEqual(decodeWithin(target, mutated, 0x00), decodeWithin(target, mutated, 0xff));
    } catch (error) {
      const hex = Buffer.from(mutated).toString('hex');
      throw new Error(`${target.name} seed=${SEED} mutation=${i} bytes=${hex}`, { cause: error });
    }
  }
}

/** Decodes in a buffer that ends with the sample, all that stands before it being `around`. */
function decodeWithin(target: WireTarget, bytes: Uint8Array, around: number): unknown {
  const room = new Uint8Array(AT + bytes.length).fill(around);
  room.set(bytes, AT);
  const exact = target.decode(new DataView(room.buffer), AT, room.length);
  // Once more with foreign bytes behind the end: they must make no difference.
  const larger = new Uint8Array(AT + bytes.length + 512).fill(around);
  larger.set(bytes, AT);
  const inside = target.decode(new DataView(larger.buffer), AT, AT + bytes.length);
  assert.deepEqual(inside, exact);
  return exact;
}

function encodeSample(target: WireTarget): Uint8Array {
  const room = new Uint8Array(4096);
  return room.slice(AT, target.encode(new DataView(room.buffer), AT));
}

/** One to four changes: a bit, a byte, a telling u16 or u32, a cut or some more bytes. */
function mutate(sample: Uint8Array, random: () => number): Uint8Array {
  let bytes = sample.slice();
  for (let changes = 1 + below(random, 4); changes > 0 && bytes.length > 0; changes--) {
    const position = below(random, bytes.length);
    switch (below(random, 6)) {
      case 0:
        bytes[position]! ^= 1 << below(random, 8);
        break;
      case 1:
        bytes[position] = below(random, 256);
        break;
      case 2:
        writeTelling(bytes, position & ~1, 2, random);
        break;
      case 3:
        writeTelling(bytes, position & ~3, 4, random);
        break;
      case 4:
        bytes = bytes.slice(0, position);
        break;
      default:
        bytes = Uint8Array.from([...bytes, ...bytes.subarray(position).subarray(0, 64)]);
    }
  }
  return bytes;
}

const TELLING = [0, 1, 4, 7, 8, 15, 16, 63, 64, 65, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_fff8];

function writeTelling(
  bytes: Uint8Array,
  position: number,
  size: 2 | 4,
  random: () => number,
): void {
  const value = TELLING[below(random, TELLING.length)]! + below(random, 3) - 1;
  for (let i = 0; i < size && position + i < bytes.length; i++) {
    bytes[position + i] = (value >>> (8 * i)) & 0xff;
  }
}

function below(random: () => number, limit: number): number {
  return Math.floor(random() * limit);
}

function hash(text: string): number {
  let value = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x0100_0193);
  return value;
}

/** A small seeded generator, uniform in [0, 1). */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { COMPRESSION_ALGORITHMS, codecOf } from '../../src/smb2/compression/algorithms.ts';
import { compressMessage } from '../../src/smb2/compression/message-compressor.ts';
import { decompressMessage } from '../../src/smb2/compression/message-decompressor.ts';
import { numbers, SAMPLES } from '../vectors/compressible.ts';

const MUTATIONS = Number(process.env.SEMBA_FUZZ_MUTATIONS ?? 2000);
const SEED = Number(process.env.SEMBA_FUZZ_SEED ?? 0x5eed);
const GUARD = 64;
const SIZE = 3000;

describe(`[MS-XCA] decoders under mutation, seed=${SEED}`, () => {
  for (const algorithm of COMPRESSION_ALGORITHMS) {
    const codec = codecOf(algorithm);
    if (codec === undefined) continue;
    it(`algorithm ${algorithm}: never throws, writes in its room only, and all of it`, () => {
      const next = numbers(SEED ^ algorithm);
      for (const { kind, make } of SAMPLES) {
        const out = new Uint8Array(SIZE + GUARD);
        const size = codec.compress(make(SIZE), out);
        for (let i = 0; size > 0 && i < MUTATIONS / SAMPLES.length; i++) {
          const mutated = mutate(out.slice(0, size), next);
          const room = new Uint8Array(GUARD + SIZE + GUARD).fill(0xaa);
          const other = new Uint8Array(SIZE).fill(0x55);
          try {
            const isWhole = codec.decompress(mutated, room.subarray(GUARD, GUARD + SIZE));
            assert.equal(codec.decompress(mutated, other), isWhole);
            // Memory is used again: what stood there before is another client's.
            if (isWhole) assert.deepEqual(room.subarray(GUARD, GUARD + SIZE), other);
          } catch (error) {
            const hex = Buffer.from(mutated).toString('hex');
            throw new Error(`${kind} seed=${SEED} mutation=${i} bytes=${hex}`, { cause: error });
          }
          assert.ok(room.subarray(0, GUARD).every((byte) => byte === 0xaa));
          assert.ok(room.subarray(GUARD + SIZE).every((byte) => byte === 0xaa));
        }
      }
    });
  }
});

describe(`[MS-SMB2] 3.1.5.3 Decompressing the Message under mutation, seed=${SEED}`, () => {
  for (const chained of [false, true]) {
    it(`${chained ? 'chained' : 'unchained'}: never throws, and makes no more than allowed`, () => {
      const next = numbers(SEED);
      const compression = { algorithms: COMPRESSION_ALGORITHMS, chained };
      const head = new Uint8Array(112).fill(1);
      const samples = SAMPLES.flatMap(({ make }) => {
        const out = new Uint8Array(SIZE + 1024);
        const size = compressMessage({ head, data: make(SIZE) }, compression, out);
        return size === 0 ? [] : [out.slice(0, size)];
      });
      for (let i = 0; i < 5 * MUTATIONS; i++) {
        const mutated = mutate(samples[i % samples.length]!.slice(), next);
        const plain = decompressMessage(mutated, compression, 2 * SIZE);
        assert.ok(plain === undefined || plain.length <= 2 * SIZE + mutated.length);
      }
    });
  }
});

/** One to four changes: a bit, a byte, or a cut. The front, with its lengths, is hit more often. */
function mutate(bytes: Uint8Array, next: () => number): Uint8Array {
  let mutated = bytes;
  for (let changes = 1 + (next() % 4); changes > 0 && mutated.length > 0; changes--) {
    const reach = next() % 2 === 0 ? Math.min(64, mutated.length) : mutated.length;
    const position = next() % reach;
    const kind = next() % 8;
    if (kind < 4) mutated[position]! ^= 1 << (next() % 8);
    else if (kind < 7) mutated[position] = next();
    else mutated = mutated.slice(0, position);
  }
  return mutated;
}

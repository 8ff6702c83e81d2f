import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SAMPLES } from '../../../test/vectors/compressible.ts';
import { hex } from '../../../test/vectors/hex.ts';
import type { Codec } from './codec.ts';
import { lz4 } from './lz4.ts';
import { lz77 } from './lz77.ts';
import { lz77Huffman } from './lz77-huffman.ts';
import { lznt1 } from './lznt1.ts';

const CODECS: readonly (readonly [name: string, codec: Codec, citation: string])[] = [
  ['LZNT1', lznt1, '[MS-XCA] 2.5 LZNT1 Algorithm Details'],
  ['LZ77', lz77, '[MS-XCA] 2.3, 2.4 Plain LZ77'],
  ['LZ77+Huffman', lz77Huffman, '[MS-XCA] 2.1, 2.2 LZ77+Huffman'],
  ['LZ4', lz4, 'LZ4 block format'],
];
const SIZES = [1, 7, 64, 300, 4095, 4096, 4097, 10_000, 65_535, 65_536, 65_537, 200_000];
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz';

for (const [name, codec, citation] of CODECS) {
  describe(`${citation}: round trips`, () => {
    for (const { kind, make } of SAMPLES) {
      it(`of ${kind}`, () => {
        for (const size of SIZES) {
          const source = make(size);
          const compressed = compress(codec, source);
          if (compressed === undefined) continue;
          assert.ok(compressed.length <= size - (size >>> 3), `${name} ${kind} ${size}`);
          assert.deepEqual(decompress(codec, compressed, size), source, `${name} ${kind} ${size}`);
        }
      });
    }

    it('shrink what repeats, and give up what does not', () => {
      for (const kind of ['zeros', 'words', 'a period of 3', 'random and zeros in turns']) {
        assert.ok(compress(codec, sample(kind, 100_000)) !== undefined, kind);
      }
      assert.equal(compress(codec, sample('random bytes', 100_000)), undefined);
    });
  });

  describe(`${citation}: hostile data`, () => {
    it('of which a part is missing never makes anything else', () => {
      for (const kind of ['words', 'few symbols', 'a period of 3']) {
        const source = sample(kind, 3000);
        const compressed = compress(codec, source);
        assert.ok(compressed !== undefined, kind);
        for (let end = 0; end < compressed.length; end++) {
          const cut = decompress(codec, compressed.slice(0, end), source.length);
          // Some formats end with bytes that say nothing.
          if (compressed.length - end > 8) assert.equal(cut, undefined, `${kind} ${end}`);
          if (cut !== undefined) assert.deepEqual(cut, source, `${kind} ${end}`);
        }
      }
    });

    it('that makes more or less than was told is refused', () => {
      const source = sample('words', 3000);
      const compressed = compress(codec, source);
      assert.ok(compressed !== undefined);
      assert.equal(decompress(codec, compressed, source.length + 1), undefined);
    });

    it('is not written past the room that there is', () => {
      const source = sample('words', 70_000);
      const whole = compress(codec, source);
      assert.ok(whole !== undefined);
      for (const size of [0, 1, 3, 255, 256, 300, 1000, whole.length - 1]) {
        const room = new Uint8Array(size + 64).fill(0xaa);
        assert.equal(codec.compress(source, room.subarray(0, size)), 0, `${size}`);
        assert.ok(room.subarray(size).every((byte) => byte === 0xaa));
      }
    });
  });
}

describe('[MS-XCA] 3.1 Plain LZ77', () => {
  it('decompresses the examples', () => {
    const literals = hex(`3f000000 ${Buffer.from(ALPHABET).toString('hex')}`);
    assert.deepEqual(decompress(lz77, literals, 26), bytes(ALPHABET));
    const repeated = hex('ffffff1f 616263 1700 0f ff 2601');
    assert.deepEqual(decompress(lz77, repeated, 300), bytes('abc'.repeat(100)));
  });

  it('shares a byte between the lengths of two matches', () => {
    // 'a' and 11 more, 'b' and 12 more: 3 + 7 + 1 and 3 + 7 + 2.
    const shared = hex('ffffff5f 61 0700 21 62 0700');
    assert.deepEqual(decompress(lz77, shared, 25), bytes(`${'a'.repeat(12)}${'b'.repeat(13)}`));
  });

  it('refuses distances before the start, and lengths that are too short for their form', () => {
    assert.equal(decompress(lz77, hex('ffffff7f 61 0800'), 4), undefined);
    assert.equal(decompress(lz77, hex('ffffff7f 61 0700 0f ff 1500'), 25), undefined);
    assert.equal(decompress(lz77, hex('ffffff7f 61 0700 0f ff 0000 ffffffff'), 25), undefined);
  });
});

describe('[MS-XCA] 3.2 LZ77+Huffman', () => {
  it('decompresses the examples', () => {
    const letters = tableOf([
      [0x30, '50'],
      [0x31, '55555555555555555555'],
      [0x3b, '454404'],
      [0x80, '04'],
    ]);
    const stream = hex('d8523ed794115be9195ff9d67cdf8d0400000000');
    const alphabet = Uint8Array.from([...letters, ...stream]);
    assert.deepEqual(decompress(lz77Huffman, alphabet, 26), bytes(ALPHABET));
    const three = tableOf([
      [0x30, '3023'],
      [0x80, '02'],
      [0x8f, '20'],
    ]);
    const repeated = Uint8Array.from([...three, ...hex('a8dc0000ff2601')]);
    assert.deepEqual(decompress(lz77Huffman, repeated, 300), bytes('abc'.repeat(100)));
  });

  it('refuses lengths that make no whole code', () => {
    const stream = new Uint8Array(16);
    const over = tableOf([[0x30, '1111']]);
    assert.equal(decompress(lz77Huffman, Uint8Array.from([...over, ...stream]), 4), undefined);
    const under = tableOf([[0x30, '20']]);
    assert.equal(decompress(lz77Huffman, Uint8Array.from([...under, ...stream]), 4), undefined);
    assert.equal(decompress(lz77Huffman, new Uint8Array(300), 4), undefined);
  });
});

describe('[MS-XCA] 3.3 LZNT1', () => {
  const text =
    'F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E ' +
    'F# D E F# G F# D E F# G F# E D E A F# F# G A A G F# E D D E F# E D D\0';
  const compressed = hex(`
    38b08846232000204720410010a24701 a04520440008450150790 0c045200524
    138805b4024a44ef0358028c09160148 4500be009e000401189000`);

  it('decompresses the example', () => {
    assert.deepEqual(decompress(lznt1, compressed, text.length), bytes(text));
  });

  it('refuses a chunk with a wrong signature, and one after a chunk that is not full', () => {
    const other = compressed.slice();
    other[1] = 0xa0;
    assert.equal(decompress(lznt1, other, text.length), undefined);
    const two = Uint8Array.from([...compressed, ...compressed]);
    assert.equal(decompress(lznt1, two, 2 * text.length), undefined);
  });
});

describe('LZ4 block format', () => {
  it('decompresses a sequence with a match that reaches into itself', () => {
    // 'abc', 9 more from 3 bytes before, and five literals at the end.
    const block = hex('35 616263 0300 50 3132333435');
    assert.deepEqual(decompress(lz4, block, 17), bytes('abcabcabcabc12345'));
  });

  it('refuses distances of 0 and before the start, and a block that ends with a match', () => {
    assert.equal(decompress(lz4, hex('35 616263 0000 50 3132333435'), 17), undefined);
    assert.equal(decompress(lz4, hex('35 616263 0400 50 3132333435'), 17), undefined);
    assert.equal(decompress(lz4, hex('35 616263 0300'), 12), undefined);
  });

  it('ends with five literals at least, and begins no match in the last twelve bytes', () => {
    for (const size of [13, 14, 20, 100]) {
      const block = compress(lz4, new Uint8Array(size).fill(0x61));
      if (block === undefined) continue;
      assert.ok(block.at(-6)! >>> 4 >= 5, `${size}`);
      assert.deepEqual([...block.subarray(-5)], [0x61, 0x61, 0x61, 0x61, 0x61]);
    }
  });
});

function compress(codec: Codec, source: Uint8Array): Uint8Array | undefined {
  const out = new Uint8Array(source.length + 64);
  const size = codec.compress(source, out);
  return size === 0 ? undefined : out.slice(0, size);
}

function decompress(codec: Codec, source: Uint8Array, size: number): Uint8Array | undefined {
  const out = new Uint8Array(size);
  return codec.decompress(source, out) ? out : undefined;
}

function sample(kind: string, size: number): Uint8Array {
  const found = SAMPLES.find((candidate) => candidate.kind === kind);
  assert.ok(found !== undefined, kind);
  return found.make(size);
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}

/** A table of code lengths that is zero but for some places. */
function tableOf(parts: readonly (readonly [at: number, text: string])[]): Uint8Array {
  const table = new Uint8Array(256);
  for (const [at, text] of parts) table.set(hex(text), at);
  return table;
}

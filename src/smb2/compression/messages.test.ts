import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SAMPLES } from '../../../test/vectors/compressible.ts';
import { hex } from '../../../test/vectors/hex.ts';
import { concat } from '../../base/bytes.ts';
import {
  SMB2_COMPRESSION_LZ4,
  SMB2_COMPRESSION_LZ77,
  SMB2_COMPRESSION_LZ77_HUFFMAN,
  SMB2_COMPRESSION_LZNT1,
  SMB2_COMPRESSION_PATTERN_V1,
} from '../wire/constants.ts';
import { agreeOnCompression, type Compression, preferredAlgorithm } from './algorithms.ts';
import { COMPRESSION_OVERHEAD, compressMessage } from './message-compressor.ts';
import { decompressMessage } from './message-decompressor.ts';

const HEAD = Uint8Array.from({ length: 112 }, (_, i) => i);
const SIZE_MAX = 1 << 20;
const LZ: readonly number[] = [
  SMB2_COMPRESSION_LZNT1,
  SMB2_COMPRESSION_LZ77,
  SMB2_COMPRESSION_LZ77_HUFFMAN,
  SMB2_COMPRESSION_LZ4,
];

describe('[MS-SMB2] 3.1.4.4 Compressing the Message and 3.1.5.3 Decompressing', () => {
  for (const algorithm of [...LZ, SMB2_COMPRESSION_PATTERN_V1]) {
    for (const chained of [false, true]) {
      for (const withRuns of [false, true]) {
        const algorithms = withRuns ? [algorithm, SMB2_COMPRESSION_PATTERN_V1] : [algorithm];
        it(`round-trips algorithms ${algorithms}, ${chained ? 'chained' : 'unchained'}`, () => {
          for (const { kind, make } of SAMPLES) {
            for (const size of [1, 63, 64, 4096, 70_000]) {
              roundTrip({ algorithms, chained }, make(size), `${kind} ${size}`);
            }
          }
        });
      }
    }
  }

  it('tells runs of equal bytes at both ends as patterns', () => {
    const data = concat(new Uint8Array(1000), sampleOfWords(5000), new Uint8Array(900).fill(7));
    const algorithms = [SMB2_COMPRESSION_PATTERN_V1];
    const compressed = compress({ algorithms, chained: true }, data);
    assert.ok(compressed !== undefined);
    // Chain header, head, run, words, run: each with 8 bytes before it.
    assert.equal(compressed.length, 8 + 8 + HEAD.length + 16 + 8 + 5000 + 16);
    const tail = hex('0400 0000 08000000 07000000 84030000');
    assert.deepEqual(compressed.subarray(-16), tail);
  });

  it('compresses only what shrinks by an eighth', () => {
    const random = SAMPLES.find(({ kind }) => kind === 'random bytes')!.make(10_000);
    for (const chained of [false, true]) {
      assert.equal(compress({ algorithms: LZ, chained }, random), undefined);
    }
  });
});

describe('[MS-SMB2] 3.3.5.2.1.2 Decompressing the Message', () => {
  const chain: Compression = {
    algorithms: [SMB2_COMPRESSION_LZ77, SMB2_COMPRESSION_PATTERN_V1],
    chained: true,
  };
  const unchained: Compression = { algorithms: [SMB2_COMPRESSION_LZ77], chained: false };
  const start = 'fc534d42 68000000';
  const run = '08000000 61000000 64000000';
  const plain = '0000 0000 04000000 62626262';

  it('takes a chain of a pattern and plain bytes', () => {
    const expected = new Uint8Array(104).fill(0x61).fill(0x62, 100);
    assert.deepEqual(decompress(chain, `${start} 0400 0100 ${run} ${plain}`), expected);
  });

  it('minds no flags behind the first payload, but for the one that begins a chain', () => {
    const flagged = (flags: string): string => `0000 ${flags} 04000000 62626262`;
    const first = `${start} 0400 0100 ${run}`;
    assert.equal(decompress(chain, `${first} ${flagged('cdab')}`)?.length, 104);
    assert.equal(decompress(chain, `${first} ${flagged('0100')}`), undefined);
  });

  it('is undefined where the parts do not make the size that was told', () => {
    assert.equal(decompress(chain, `${start} 0400 0100 ${run}`), undefined);
    const twice = `${start} 0400 0100 ${run} ${plain} ${plain}`;
    assert.equal(decompress(chain, twice), undefined);
    const long = '08000000 61000000 ffffffff';
    assert.equal(decompress(chain, `${start} 0400 0100 ${long} ${plain}`), undefined);
  });

  it('is undefined for what was not agreed on', () => {
    const message = `${start} 0400 0100 ${run} ${plain}`;
    const { algorithms } = unchained;
    assert.equal(decompress({ algorithms, chained: true }, message), undefined);
    assert.equal(decompress({ ...chain, chained: false }, message), undefined);
    const lz4 = 'fc534d42 04000000 0500 0000 00000000 40 61626364';
    assert.equal(decompress(chain, lz4), undefined);
    assert.equal(decompress(unchained, lz4), undefined);
    const pattern = 'fc534d42 64000000 0400 0000 00000000 61000000 64000000';
    assert.equal(decompress(chain, pattern), undefined);
  });

  it('is undefined for an unchained Offset behind the end', () => {
    const offset = 'fc534d42 04000000 0200 0000 06000000 ffffff7f 61';
    assert.equal(decompress(unchained, offset), undefined);
  });

  it('is undefined beyond the size that is allowed, whatever the message is', () => {
    const bomb = 'fc534d42 01001000 0400 0100 08000000 00000000 01001000';
    assert.equal(decompress(chain, bomb), undefined);
    const small = 'fc534d42 00001000 0400 0100 08000000 00000000 00001000';
    assert.equal(decompress(chain, small)?.length, SIZE_MAX);
    const claim = 'fc534d42 ffffffff 0200 0000 00000000 ffffff1f 616263 1700 0f ff 2601';
    assert.equal(decompress(unchained, claim), undefined);
  });

  it('is undefined after a cut at each byte', () => {
    for (const compression of [chain, unchained]) {
      const whole = compress(compression, sampleOfWords(3000));
      assert.ok(whole !== undefined);
      for (let end = 0; end < whole.length - 8; end++) {
        const cut = decompressMessage(whole.slice(0, end), compression, SIZE_MAX);
        assert.equal(cut, undefined, `end ${end}`);
      }
    }
  });
});

describe('[MS-SMB2] 3.3.5.4 SMB2_COMPRESSION_CAPABILITIES', () => {
  it('takes all that both have in a chain, one without, in the order of the offer', () => {
    const algorithms = [9, SMB2_COMPRESSION_PATTERN_V1, SMB2_COMPRESSION_LZ77, 5, 2];
    assert.deepEqual(agreeOnCompression({ algorithms, chained: true }), {
      algorithms: [SMB2_COMPRESSION_PATTERN_V1, SMB2_COMPRESSION_LZ77, SMB2_COMPRESSION_LZ4],
      chained: true,
    });
    assert.deepEqual(agreeOnCompression({ algorithms, chained: false }), {
      algorithms: [SMB2_COMPRESSION_LZ77],
      chained: false,
    });
    assert.equal(agreeOnCompression({ algorithms: [0, 9], chained: true }), undefined);
  });

  it('is sent with the fastest that was agreed on', () => {
    assert.equal(preferredAlgorithm({ algorithms: LZ, chained: true }), SMB2_COMPRESSION_LZ4);
    assert.equal(preferredAlgorithm({ algorithms: [4], chained: true }), undefined);
  });
});

function roundTrip(compression: Compression, data: Uint8Array, what: string): void {
  const compressed = compress(compression, data);
  if (compressed === undefined) return;
  const plain = decompressMessage(compressed, compression, SIZE_MAX);
  assert.ok(plain !== undefined, what);
  assert.deepEqual(Uint8Array.from(plain), concat(HEAD, data), what);
}

function compress(compression: Compression, data: Uint8Array): Uint8Array | undefined {
  const out = new Uint8Array(HEAD.length + data.length + COMPRESSION_OVERHEAD);
  const size = compressMessage({ head: HEAD, data }, compression, out);
  return size === 0 ? undefined : out.slice(0, size);
}

function decompress(compression: Compression, text: string): Uint8Array | undefined {
  const plain = decompressMessage(hex(text), compression, SIZE_MAX);
  return plain && Uint8Array.from(plain);
}

function sampleOfWords(size: number): Uint8Array {
  return SAMPLES.find(({ kind }) => kind === 'words')!.make(size);
}

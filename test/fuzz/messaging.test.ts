import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, type Frame, FrameCutter } from '../../src/messaging/frames.ts';
import {
  bytes,
  INVALID,
  int,
  list,
  oneOf,
  optional,
  struct,
  text,
  u64,
  u128,
} from '../../src/messaging/shape.ts';

const RUNS = Number(process.env.SEMBA_FUZZ_MUTATIONS ?? 2000);
interface Sample {
  readonly name: string;
  readonly id: bigint;
  readonly kind: 'a' | 'b';
  readonly counts: readonly number[];
  readonly more: string | undefined;
  readonly wide: bigint;
  readonly key: Uint8Array;
}
const SAMPLE = struct<Sample>({
  name: text,
  id: u64,
  kind: oneOf(['a', 'b']),
  counts: list(int, 8),
  more: optional(text),
  wide: u128,
  key: bytes(4),
});
const sample: Sample = {
  name: 'ä',
  id: 1n << 63n,
  kind: 'b',
  counts: [1, -2],
  more: undefined,
  wide: 1n << 127n,
  key: Uint8Array.of(0, 1, 254, 255),
};

/** The frames of a stream that comes in pieces of `size`; undefined: it is broken. */
function cut(stream: Uint8Array, size: number): readonly Frame[] | undefined {
  const frames: Frame[] = [];
  const cutter = new FrameCutter((frame) => frames.push(frame));
  for (let at = 0; at < stream.length; at += size) {
    if (!cutter.push(stream.slice(at, at + size))) return undefined;
  }
  return frames;
}

describe('frames between processes', () => {
  it('are cut the same however they arrive', () => {
    const sent = [1, 2, 3].map((n) => encodeFrame(`m${n}`, { n, text: 'x'.repeat(n * 100) })!);
    const stream = Uint8Array.from(sent.flatMap((one) => [...one]));
    for (let size = 1; size <= stream.length; size++) {
      const frames = cut(stream, size);
      assert.deepEqual(
        frames?.map(({ name }) => name),
        ['m1', 'm2', 'm3'],
      );
    }
    assert.deepEqual(
      Buffer.from(encodeFrame('a', [1])!).toString('hex'),
      '090000005b2261222c5b315d5d',
    );
  });

  it('are not there while a byte is missing', () => {
    const sent = encodeFrame('m', SAMPLE.toJson(sample))!;
    for (let length = 0; length < sent.length; length++) {
      assert.deepEqual(cut(sent.subarray(0, length), 7), []);
    }
  });

  it('never throw, whatever the bytes', () => {
    const sent = encodeFrame('m', SAMPLE.toJson(sample))!;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(sent.length - 1), fc.nat(255)), { maxLength: 4 }),
        fc.integer({ min: 1, max: 80 }),
        (changes, size) => {
          const mutated = sent.slice();
          for (const [at, value] of changes) mutated[at] = value;
          for (const { json } of cut(mutated, size) ?? []) SAMPLE.fromJson(json);
        },
      ),
      { numRuns: RUNS },
    );
  });
});

describe('shapes of messages', () => {
  it('give back what they were given', () => {
    assert.deepEqual(SAMPLE.fromJson(JSON.parse(JSON.stringify(SAMPLE.toJson(sample)))), sample);
  });

  it('never throw, and let nothing else through', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.equal(SAMPLE.fromJson(value), INVALID);
      }),
      { numRuns: RUNS },
    );
  });

  for (const [what, change] of [
    ['a number too large', { id: '18446744073709551616' }],
    ['a negative one', { id: '-1' }],
    ['a word that is none of its words', { kind: 'c' }],
    ['a list too long', { counts: [1, 2, 3, 4, 5, 6, 7, 8, 9] }],
    ['a fraction', { counts: [1.5] }],
    ['another type', { name: 3 }],
  ] as const) {
    it(`refuse ${what}`, () => {
      const json = { ...(SAMPLE.toJson(sample) as object), ...change };
      assert.equal(SAMPLE.fromJson(json), INVALID);
    });
  }
});

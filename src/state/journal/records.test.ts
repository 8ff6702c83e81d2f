import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RecordDecoder, type Shapes } from './decode-record.ts';
import { RecordEncoder, SHAPES_MAX } from './encode-record.ts';

const SAMPLE = {
  none: undefined,
  nothing: null,
  is: [true, false],
  numbers: [0, 191, 192, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 0.5, -0, Number.NaN],
  bigints: [0n, 2n ** 64n - 1n, -1n, -(2n ** 63n)],
  strings: ['', 'caf\u00e9', 'w\u0153rk', '\ud83d\ude00', '\ud800 alone', 'x'.repeat(300)],
  bytes: new Uint8Array([1, 0, 255]),
  nested: { is: true, list: [{ is: 1 }, { is: 2 }, {}] },
};

function encoded(...values: readonly unknown[]): Uint8Array {
  const encoder = new RecordEncoder(0);
  for (const value of values) encoder.value(value);
  return encoder.padded().slice(0, encoder.length);
}

function decoded(bytes: Uint8Array, shapes: Shapes = new Map()): unknown[] | undefined {
  const decoder = new RecordDecoder(bytes, shapes);
  const values: unknown[] = [];
  while (!decoder.isAtEnd) values.push(decoder.value());
  return decoder.failed ? undefined : values;
}

describe('records as bytes', () => {
  it('are what they were', () => {
    assert.deepEqual(decoded(encoded(SAMPLE, SAMPLE)), [SAMPLE, SAMPLE]);
  });

  it('are these bytes', () => {
    const hex = (...values: unknown[]) => Buffer.from(encoded(...values)).toString('hex');
    assert.equal(hex(undefined, null, false, true), '00010203');
    assert.equal(hex(0, 191, 192, -2), '40ff04c000000004feffffff');
    assert.equal(hex(0.5), '05000000000000e03f');
    assert.equal(hex(258n, -2n), `060201000000000000${'07fe'}${'ff'.repeat(7)}`);
    assert.equal(hex('a\u00ff', '\u0100'), '080261ff09010001');
    assert.equal(hex(new Uint8Array([7]), [1]), '0a01070b0141');
    assert.equal(hex({ a: 1 }, { a: 2 }), '0d01000108016141' + '0c010042');
    assert.equal(hex('z'.repeat(300)).slice(0, 6), '08ac02');
  });

  it('are nothing when they are cut off anywhere', () => {
    const bytes = encoded(SAMPLE);
    for (let size = 1; size < bytes.length; size++) {
      assert.equal(decoded(bytes.subarray(0, size)), undefined, `${size} bytes`);
    }
  });

  it('are nothing with an unknown tag or shape, a list of more than there is, or no end of lists', () => {
    for (const hex of ['20', '0c0500', '0bffffffff7f', '0affffffffff', '0b01'.repeat(100)]) {
      assert.equal(decoded(Buffer.from(hex, 'hex')), undefined, hex);
    }
    const proto = encoded(JSON.parse('{"__proto__": 1}'));
    assert.equal(decoded(proto), undefined);
  });

  it('whose end was taken back leave nothing, and shapes are told again once forgotten', () => {
    const encoder = new RecordEncoder(4);
    encoder.value({ a: 1 });
    const { length } = encoder;
    encoder.value({ b: 1 });
    encoder.cut(length);
    encoder.forgetShapes();
    encoder.value({ a: 2 });
    const bytes = encoder.padded().slice(4, 4 + encoder.length);
    assert.deepEqual(decoded(bytes), [{ a: 1 }, { a: 2 }]);
  });

  it('of more shapes than have a number are read, too', () => {
    const values = Array.from({ length: SHAPES_MAX + 2 }, (_, i) => ({ [`f${i}`]: 1 }));
    const last = values.slice(-3);
    assert.deepEqual(decoded(encoded(...values, ...last))?.slice(-3), last);
  });

  it('are plain data, or it is a bug', () => {
    assert.throws(() => encoded(() => 1), /a record holds a function/);
    assert.throws(() => encoded({ big: 2n ** 64n }), /a record holds 18446744073709551616/);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EINVAL, ENAMETOOLONG } from '../errno.ts';
import { decodeName, PathBuffer } from './names.ts';

const path = new PathBuffer();
const encoded = (): Buffer => path.bytes.subarray(0, path.bytes.indexOf(0));

describe('names between JavaScript and the kernel', () => {
  const cases: readonly (readonly [string, readonly number[]])[] = [
    ['aZ~', [0x61, 0x5a, 0x7e]],
    ['\u0080\u07ff', [0xc2, 0x80, 0xdf, 0xbf]],
    ['\u0800\uffff', [0xe0, 0xa0, 0x80, 0xef, 0xbf, 0xbf]],
    ['\u{10000}\u{10ffff}', [0xf0, 0x90, 0x80, 0x80, 0xf4, 0x8f, 0xbf, 0xbf]],
    ['\ud800', [0xed, 0xa0, 0x80]],
    ['\udc00', [0xed, 0xb0, 0x80]],
    ['\udc80\udcff', [0x80, 0xff]],
    ['\ufffd', [0xef, 0xbf, 0xbd]],
    ['\udced\udcb2\udc80', [0xed, 0xb2, 0x80]],
  ];
  for (const [text, bytes] of cases) {
    it(`are ${Buffer.from(bytes).toString('hex')} for ${JSON.stringify(text)}`, () => {
      assert.equal(path.set(text), 0);
      assert.deepEqual([...encoded()], bytes);
      assert.equal(decodeName(Buffer.from(bytes), 0, bytes.length), text);
    });
  }

  it('come back from any bytes', () => {
    const byte = fc.oneof(
      fc.integer({ min: 1, max: 255 }),
      fc.constantFrom(0xed, 0xa0, 0xb0, 0xb2, 0x80, 0xbf, 0xef, 0xbd, 0xf0, 0xf4, 0xc0, 0xe0),
    );
    fc.assert(
      fc.property(fc.array(byte, { minLength: 1, maxLength: 12 }), (bytes) => {
        assert.equal(path.set(decodeName(Buffer.from(bytes), 0, bytes.length)), 0);
        assert.deepEqual([...encoded()], bytes);
      }),
      { numRuns: 5000 },
    );
  });

  it('come back from any UTF-16, or are refused when only escapes spell UTF-8', () => {
    const unit = fc.oneof(
      fc.integer({ min: 1, max: 0xffff }),
      fc.constantFrom(0xd800, 0xdbff, 0xdc00, 0xdc7f, 0xdc80, 0xdcc3, 0xdca9, 0xdcff, 0xfffd),
    );
    fc.assert(
      fc.property(fc.array(unit, { minLength: 1, maxLength: 12 }), (units) => {
        const text = String.fromCharCode(...units);
        const result = path.set(text);
        if (result === EINVAL) return assert.match(text, /[\udc80-\udcff]{2}/);
        const bytes = encoded();
        assert.equal(decodeName(bytes, 0, bytes.length), text);
      }),
      { numRuns: 5000 },
    );
    assert.equal(path.set('\udcc3\udca9'), EINVAL);
  });

  it('are refused with a NUL, and beyond PATH_MAX', () => {
    assert.equal(path.set('a\0'), EINVAL);
    assert.equal(path.set('é\0'), EINVAL);
    assert.equal(path.set('a'.repeat(4095)), 0);
    assert.equal(path.set('a'.repeat(4096)), ENAMETOOLONG);
    assert.equal(path.set('\u{10ffff}'.repeat(1024)), ENAMETOOLONG);
    assert.equal(path.set('\u{10ffff}'.repeat(1023)), 0);
  });
});

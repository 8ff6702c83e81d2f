import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeDosAttributes, encodeDosAttributes } from './dos-attributes.ts';

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

const TIME = 0x01d7_91f8_c3c8_7000n;
const TIME_BYTES = '0070c8c3f891d701';
const STORED = { attributes: 0x22, creationTime: TIME, eaSize: 7 };
const EMPTY_BYTES = '0000000000000000';

describe('user.DOSATTRIB (Samba librpc/idl/xattr.idl, xattr_DOSATTRIB)', () => {
  const values: readonly (readonly [string, string])[] = [
    ['version 5', `0000 0500 0500 0000 11000000 22000000 ${TIME_BYTES}`],
    ['version 4', `0000 0400 0400 0000 51000000 22000000 ${EMPTY_BYTES} ${TIME_BYTES}`],
    [
      'version 3, with the attributes in text',
      `3078323200 00 0300 0300 0000 11000000 22000000 00000000 ${EMPTY_BYTES} ` +
        `${EMPTY_BYTES} ${TIME_BYTES} ${EMPTY_BYTES}`,
    ],
    [
      'version 1',
      `0000 0100 0100 0000 22000000 00000000 ${EMPTY_BYTES} ${EMPTY_BYTES} ` +
        `${TIME_BYTES} ${EMPTY_BYTES}`,
    ],
    [
      'version 2',
      `0000 0200 0200 0000 00000000 22000000 00000000 ${EMPTY_BYTES} ${EMPTY_BYTES} ` +
        `${TIME_BYTES} ${EMPTY_BYTES} ${EMPTY_BYTES} 00`,
    ],
  ];
  for (const [name, value] of values) {
    it(`reads ${name}`, () => {
      assert.deepEqual(decodeDosAttributes(hex(value)), {
        attributes: 0x22,
        creationTime: TIME,
        changeMark: undefined,
        eaSize: 0,
      });
    });

    it(`tells no time of ${name} cut short anywhere`, () => {
      const whole = hex(value);
      const timeEnd = value.replaceAll(' ', '').indexOf(TIME_BYTES) / 2 + 8;
      for (let end = 0; end < timeEnd; end++) {
        const decoded = decodeDosAttributes(whole.subarray(0, end));
        assert.equal(decoded?.creationTime, undefined, `${end} bytes`);
      }
    });
  }

  it('reads the text alone', () => {
    const decoded = decodeDosAttributes(Uint8Array.from(Buffer.from('0x22\0')));
    assert.deepEqual(decoded, {
      attributes: 0x22,
      creationTime: undefined,
      changeMark: undefined,
      eaSize: 0,
    });
    assert.deepEqual(decodeDosAttributes(Uint8Array.from(Buffer.from('0x6'))), {
      attributes: 6,
      creationTime: undefined,
      changeMark: undefined,
      eaSize: 0,
    });
    assert.equal(decodeDosAttributes(Uint8Array.from(Buffer.from('hello'))), undefined);
  });

  it('minds which fields are valid', () => {
    const onlyAttributes = hex(`0000 0500 0500 0000 01000000 22000000 ${TIME_BYTES}`);
    assert.deepEqual(decodeDosAttributes(onlyAttributes), {
      attributes: 0x22,
      creationTime: undefined,
      changeMark: undefined,
      eaSize: 0,
    });
  });

  const mark = { changeTime: TIME + 1n, untilNs: 1_700_000_000_000_000_000n };
  const marked = encodeDosAttributes(STORED, mark);

  it('writes a ChangeTime behind version 5, and how long it holds', () => {
    const value = Buffer.from(marked);
    assert.equal(value.toString('hex', 0, 16), '00000500050000001100000022000000');
    assert.deepEqual(value.readBigUInt64LE(16), TIME);
    assert.deepEqual(value.readBigUInt64LE(28), mark.changeTime);
    const creationTime = TIME;
    const decoded = decodeDosAttributes(marked);
    assert.deepEqual(decoded, { attributes: 0x22, creationTime, changeMark: mark, eaSize: 7 });
  });

  it('writes an EaSize behind version 5', () => {
    const value = encodeDosAttributes(STORED);
    assert.equal(value.length, 28);
    assert.deepEqual(decodeDosAttributes(value), { ...STORED, changeMark: undefined });
  });

  it('reads no ChangeTime of a value that is cut short', () => {
    for (let end = 0; end < marked.length; end++) {
      assert.equal(decodeDosAttributes(marked.subarray(0, end))?.changeMark, undefined);
    }
  });

  it('writes version 5, as Samba does', () => {
    assert.deepEqual(encodeDosAttributes({ ...STORED, eaSize: 0 }), hex(values[0]![1]));
  });
});

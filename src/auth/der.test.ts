import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../test/vectors/hex.ts';
import { DER_OCTET_STRING, DER_SEQUENCE, der, readAll, readElement, readOnly } from './der.ts';

describe('ITU-T X.690 8.1.3 Length octets', () => {
  it('come back as they went, at every size of the length', () => {
    for (const size of [0, 1, 127, 128, 255, 256, 65_535, 65_536, 70_000]) {
      const bytes = der(DER_OCTET_STRING, new Uint8Array(size));
      const element = readElement(bytes, 0, bytes.length);
      assert.deepEqual(element, {
        tag: DER_OCTET_STRING,
        from: 0,
        at: bytes.length - size,
        end: bytes.length,
      });
      assert.equal(readElement(bytes, 0, bytes.length - 1), undefined);
    }
  });

  it('may be longer than needed, never indefinite or above four bytes', () => {
    assert.equal(readElement(hex('0484000000017f'), 0, 7)?.at, 6);
    assert.equal(readElement(hex('04807f0000'), 0, 5), undefined);
    assert.equal(readElement(hex('048500000000017f'), 0, 8), undefined);
    assert.equal(readElement(hex('0484ffffffff7f'), 0, 7), undefined);
  });

  it('belong to tags of one byte', () => {
    assert.equal(readElement(hex('1f8101007f'), 0, 5), undefined);
  });
});

describe('nested elements', () => {
  it('fill their parent exactly', () => {
    const bytes = hex('3006040101040102');
    const sequence = readOnly(bytes, { at: 0, end: 8 }, DER_SEQUENCE)!;
    assert.equal(readAll(bytes, sequence, 2)?.length, 2);
    assert.equal(readAll(bytes, sequence, 1), undefined);
    assert.equal(readOnly(bytes, sequence, DER_OCTET_STRING), undefined);
    assert.equal(readAll(bytes, { at: 2, end: 7 }, 9), undefined);
  });
});

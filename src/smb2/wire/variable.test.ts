import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { offsetFromHeader, part, partAt } from './variable.ts';

describe('variable parts of a message', () => {
  // A body at 64 of 8 fixed bytes, in a message that ends at 100.
  const at = (offset: number, length: number, unit: 1 | 8 = 1) =>
    partAt(64, 100, 8, offset, length, unit);

  it('start behind the fixed part and end with the message at the latest', () => {
    assert.equal(at(72, 28), 72);
    assert.equal(at(99, 1), 99);
    assert.equal(offsetFromHeader(64, 72), 72);
  });

  it('are refused when they overlap the fixed part or the header', () => {
    assert.equal(at(71, 4), undefined);
    assert.equal(at(0, 4), undefined);
  });

  it('are refused when they end behind the message', () => {
    assert.equal(at(72, 29), undefined);
    assert.equal(at(0xffff_ffff, 0xffff_ffff), undefined);
  });

  it('are refused off their alignment', () => {
    assert.equal(at(76, 4, 8), undefined);
    assert.equal(at(80, 4, 8), 80);
  });

  it('may claim any offset when they are empty', () => {
    assert.equal(at(0, 0), 72);
    const view = new DataView(new ArrayBuffer(100));
    assert.deepEqual(part(view, 64, 100, 8, 0xffff_ffff, 0), new Uint8Array(0));
  });
});

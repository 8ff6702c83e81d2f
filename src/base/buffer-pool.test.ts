import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { recycle, takeBuffer } from './buffer-pool.ts';

const ODD_SIZE = 777_777;

describe('buffer pool', () => {
  it('hands out memory that was given back, whichever view gave it', () => {
    const first = takeBuffer(ODD_SIZE);
    recycle(first.subarray(5, 9));
    assert.equal(takeBuffer(ODD_SIZE).buffer, first.buffer);
  });

  it('never has two owners of one memory, also when it is given back twice', () => {
    const first = takeBuffer(ODD_SIZE * 2);
    recycle(first);
    recycle(first);
    assert.notEqual(takeBuffer(ODD_SIZE * 2).buffer, takeBuffer(ODD_SIZE * 2).buffer);
  });

  it('leaves memory alone that it did not make', () => {
    const own = new Uint8Array(Math.ceil(ODD_SIZE / 65_536) * 3 * 65_536);
    recycle(own);
    assert.notEqual(takeBuffer(own.length).buffer, own.buffer);
  });

  it('gives up memory of sizes that nobody asks for now', () => {
    const large = Array.from({ length: 9 }, () => takeBuffer(8 * 1024 * 1024));
    for (const bytes of large) recycle(bytes);
    const small = takeBuffer(ODD_SIZE * 3);
    recycle(small);
    assert.equal(takeBuffer(ODD_SIZE * 3).buffer, small.buffer);
  });
});

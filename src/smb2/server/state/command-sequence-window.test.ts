import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CommandSequenceWindow } from './command-sequence-window.ts';

describe('[MS-SMB2] 3.3.1.1 Available Message Sequence Numbers', () => {
  it('begins with the number 0 alone', () => {
    const window = new CommandSequenceWindow(8);
    assert.equal(window.claim(1n, 1), false);
    assert.equal(window.claim(0n, 1), true);
    assert.equal(window.claim(0n, 1), false);
  });

  it('takes a multi-credit request only when all its numbers are there', () => {
    const window = new CommandSequenceWindow(8);
    assert.equal(window.grant(3), 3);
    assert.equal(window.claim(1n, 4), false);
    assert.equal(window.claim(1n, 3), true);
    assert.equal(window.available, 1);
  });

  it('grants nothing beyond a hole that the client leaves at the low end', () => {
    const window = new CommandSequenceWindow(4);
    assert.equal(window.grant(10), 3);
    assert.equal(window.claim(1n, 3), true);
    assert.equal(window.grant(10), 0);
    assert.equal(window.claim(0n, 1), true);
    assert.equal(window.grant(10), 4);
  });

  it('refuses numbers beyond any that a file offset could hold', () => {
    const window = new CommandSequenceWindow(8);
    assert.equal(window.claim(0xffff_ffff_ffff_ffffn, 1), false);
  });

  it('never takes a number twice and never one that was not granted', () => {
    const step = fc.oneof(
      fc.record({ grant: fc.nat({ max: 20 }) }),
      fc.record({ id: fc.nat({ max: 40 }), charge: fc.integer({ min: 1, max: 5 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const window = new CommandSequenceWindow(16);
        const free = new Set([0]);
        let next = 1;
        for (const one of steps) {
          if ('grant' in one) {
            for (let left = window.grant(one.grant); left > 0; left--) free.add(next++);
            continue;
          }
          const wanted = Array.from({ length: one.charge }, (_, i) => one.id + i);
          const expected = wanted.every((id) => free.has(id));
          assert.equal(window.claim(BigInt(one.id), one.charge), expected);
          if (expected) for (const id of wanted) free.delete(id);
          assert.equal(window.available, free.size);
        }
      }),
    );
  });
});

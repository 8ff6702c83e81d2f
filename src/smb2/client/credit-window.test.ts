import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CreditWindow } from './credit-window.ts';

describe('[MS-SMB2] 3.2.4.1.2 Requesting Credits from the Server', () => {
  it('begins with one credit and message id 0', () => {
    const window = new CreditWindow(10);
    assert.equal(window.take(2), undefined);
    assert.equal(window.take(1), 0n);
    assert.equal(window.take(1), undefined);
  });

  it('asks for what is missing to its target, and for no less than it spends', () => {
    const window = new CreditWindow(10);
    window.take(1);
    assert.equal(window.request(1), 10);
    window.grant(10);
    window.take(4);
    assert.equal(window.request(4), 4);
  });

  it('knows the largest request that will ever have credits', () => {
    const window = new CreditWindow(10);
    window.grant(7);
    window.take(5);
    assert.equal(window.chargeMax, 8);
    window.completed(5);
    assert.equal(window.chargeMax, 3);
  });

  it('gives every message id once, in order', () => {
    const step = fc.oneof(
      fc.record({ grant: fc.nat({ max: 9 }) }),
      fc.record({ charge: fc.integer({ min: 1, max: 4 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const window = new CreditWindow(16);
        let next = 0n;
        let granted = 1n;
        for (const one of steps) {
          if ('grant' in one) {
            window.grant(one.grant);
            granted += BigInt(one.grant);
            continue;
          }
          const fits = next + BigInt(one.charge) <= granted;
          assert.equal(window.take(one.charge), fits ? next : undefined);
          if (fits) next += BigInt(one.charge);
          assert.equal(BigInt(window.available), granted - next);
        }
      }),
    );
  });
});

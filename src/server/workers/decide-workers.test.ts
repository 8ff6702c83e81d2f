import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideHung, decideRestart } from './decide-workers.ts';

describe('decideRestart', () => {
  it('waits twice as long after each failure in a row, half a minute at the most', () => {
    let failures = 0;
    const delays = Array.from({ length: 11 }, () => {
      const next = decideRestart(failures, 1_000);
      failures = next.failures;
      return next.delayMs;
    });
    assert.deepEqual(delays.slice(0, 4), [100, 200, 400, 800]);
    assert.deepEqual(delays.slice(-2), [30_000, 30_000]);
  });

  it('starts a worker that had served at once, and forgets its failures', () => {
    assert.deepEqual(decideRestart(5, 3_000), { failures: 0, delayMs: 0 });
  });
});

describe('decideHung', () => {
  it('names nobody while all answered in time', () => {
    const workers = [
      { slot: 0, heardMs: 1_000 },
      { slot: 1, heardMs: 2_000 },
    ];
    assert.equal(decideHung(workers, 11_000, 10_000, 0), undefined);
    assert.equal(decideHung([], 11_000, 10_000, undefined), undefined);
  });

  it('names the one that has been silent longest, of several', () => {
    const workers = [
      { slot: 0, heardMs: 1_500 },
      { slot: 1, heardMs: 1_000 },
    ];
    assert.equal(decideHung(workers, 20_000, 10_000, undefined), 1);
  });

  it('names the silent one that keeps the others from the records first', () => {
    const workers = [
      { slot: 0, heardMs: 1_000 },
      { slot: 1, heardMs: 1_500 },
      { slot: 2, heardMs: 19_000 },
    ];
    assert.equal(decideHung(workers, 20_000, 10_000, 1), 1);
    assert.equal(decideHung(workers, 20_000, 10_000, 2), 0);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Candidate, decidePlacement } from './decide-placement.ts';

function worker(slot: number, state: Partial<Candidate> = {}): Candidate {
  return {
    slot,
    connections: 0,
    busy: 0,
    isSilent: false,
    isComing: false,
    lastGiven: 0,
    ...state,
  };
}

describe('decidePlacement', () => {
  it('names nobody where there is none', () => {
    assert.equal(decidePlacement([]), undefined);
  });

  it('names who has the fewest connections, of equals who was given nothing for longest', () => {
    assert.equal(decidePlacement([worker(0, { connections: 2 }), worker(1)]), 1);
    const equal = [worker(0, { lastGiven: 3 }), worker(1, { lastGiven: 1 }), worker(2)];
    assert.equal(decidePlacement(equal), 2);
    assert.equal(decidePlacement([...equal].reverse()), 2);
  });

  it('counts what connections cause: a worker that never rests is as two', () => {
    const busy = worker(0, { connections: 10, busy: 1 });
    assert.equal(decidePlacement([busy, worker(1, { connections: 18 })]), 1);
    assert.equal(decidePlacement([busy, worker(1, { connections: 30 })]), 0);
    assert.equal(decidePlacement([worker(0, { busy: 0.9 }), worker(1, { connections: 3 })]), 1);
  });

  it('takes a worker of which nothing is known yet for as busy as the others are', () => {
    const busy = worker(0, { connections: 13, busy: 1 });
    const coming = { busy: undefined, isComing: true };
    assert.equal(decidePlacement([busy, worker(1, { ...coming, connections: 10 })]), 1);
    assert.equal(decidePlacement([busy, worker(1, { ...coming, connections: 12 })]), 0);
  });

  it('minds no busyness that is less than half a connection', () => {
    assert.equal(decidePlacement([worker(0, { busy: 0.1 }), worker(1, { lastGiven: 1 })]), 0);
  });

  it('passes over a worker that does not answer, unless none does', () => {
    const silent = worker(0, { isSilent: true });
    assert.equal(decidePlacement([silent, worker(1, { connections: 100, busy: 1 })]), 1);
    assert.equal(decidePlacement([silent]), 0);
  });

  it('lets a client wait for a worker that comes where the others have clearly more', () => {
    const coming = worker(0, { isComing: true });
    assert.equal(decidePlacement([coming, worker(1, { connections: 1 })]), 1);
    assert.equal(decidePlacement([coming, worker(1, { connections: 3 })]), 0);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { whoGivesWay } from './intake.ts';

describe('whoGivesWay', () => {
  it('names the oldest connection of the address that has most', () => {
    const unknown = new Map([
      [1, 'a'],
      [2, 'b'],
      [3, 'b'],
      [4, 'c'],
    ]);
    assert.equal(whoGivesWay(unknown), 2);
    unknown.delete(2);
    assert.equal(whoGivesWay(unknown), 1);
  });

  it('names nobody where nobody is', () => {
    assert.equal(whoGivesWay(new Map()), undefined);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planTakeOver } from './recovery.ts';

describe('planTakeOver', () => {
  const left = [
    { persistentId: 1n, clientGuid: 'a' },
    { persistentId: 2n, clientGuid: 'b' },
    { persistentId: 3n, clientGuid: 'a' },
    { persistentId: 4n, clientGuid: 'c' },
  ];

  it('gives all opens of a client to one worker, and clients to who has least to do', () => {
    const workers = [
      { serverId: 'x', load: 5 },
      { serverId: 'y', load: 4 },
    ];
    const plan = planTakeOver(left, workers);
    assert.deepEqual(
      plan.map(({ persistentId, serverId }) => [persistentId, serverId]),
      [
        [1n, 'y'],
        [2n, 'x'],
        [3n, 'y'],
        [4n, 'y'],
      ],
    );
  });

  it('gives nothing to nobody', () => {
    assert.deepEqual(planTakeOver(left, []), []);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  acceptSequence,
  countOutstanding,
  discountOutstanding,
  type SequenceCounters,
} from './channel-sequence.ts';
import { isLockReplay, keepLockSequence, makeLockSequences } from './lock-sequence.ts';

const counters = (change: Partial<SequenceCounters> = {}): SequenceCounters => ({
  channelSequence: 0,
  outstanding: 0,
  outstandingBefore: 0,
  ...change,
});

describe('[MS-SMB2] 3.3.5.2.10 Verifying the Channel Sequence Number', () => {
  it('takes the same number, and a newer one from then on', () => {
    const open = counters();
    assert.ok(acceptSequence(open, 0, false));
    assert.ok(acceptSequence(open, 5, false));
    assert.equal(open.channelSequence, 5);
    assert.ok(!acceptSequence(open, 4, false));
    assert.equal(open.channelSequence, 5);
  });

  it('wraps around at 16 bits', () => {
    const open = counters({ channelSequence: 0xfffe });
    assert.ok(acceptSequence(open, 0xffff, false));
    assert.ok(acceptSequence(open, 0, false));
    assert.ok(acceptSequence(open, 0x7fff, false));
    assert.ok(!acceptSequence(open, 0xffff, false));
    assert.ok(!acceptSequence(open, 0x7ffe, false));
    assert.equal(open.channelSequence, 0x7fff);
  });

  it('makes those under way requests from before, with a newer number', () => {
    const open = counters();
    countOutstanding(open);
    countOutstanding(open);
    assert.ok(acceptSequence(open, 1, false));
    assert.deepEqual([open.outstanding, open.outstandingBefore], [0, 2]);
    countOutstanding(open);
    discountOutstanding(open, 0);
    assert.deepEqual([open.outstanding, open.outstandingBefore], [1, 1]);
    discountOutstanding(open, 1);
    assert.deepEqual([open.outstanding, open.outstandingBefore], [0, 1]);
  });

  it('takes no replay while a request from before is under way', () => {
    const open = counters({ channelSequence: 1, outstandingBefore: 1 });
    assert.ok(!acceptSequence(open, 1, true));
    assert.ok(acceptSequence(open, 1, false));
    discountOutstanding(open, 0);
    assert.ok(acceptSequence(open, 1, true));
    assert.ok(acceptSequence(open, 2, true));
    assert.equal(open.channelSequence, 2);
  });

  it('takes no replay that makes those under way requests from before', () => {
    const open = counters({ channelSequence: 0xffff, outstanding: 1 });
    assert.ok(acceptSequence(open, 0xffff, true), 'of the same number');
    assert.ok(!acceptSequence(open, 0, true));
    assert.deepEqual(open, counters({ outstandingBefore: 1 }));
    assert.ok(acceptSequence(open, 0, false), 'what is no replay goes on');
    assert.ok(!acceptSequence(open, 0xffff, false));
    discountOutstanding(open, 0xffff);
    assert.ok(acceptSequence(open, 0, true));
    assert.deepEqual(open, counters());
  });
});

describe('[MS-SMB2] 3.3.5.14 Receiving an SMB2 LOCK Request, LockSequence', () => {
  const lock = (lockSequenceIndex: number, lockSequenceNumber: number) => ({
    lockSequenceIndex,
    lockSequenceNumber,
  });

  it('knows a request that was granted, until another one has its place', () => {
    const sequences = makeLockSequences();
    assert.ok(!isLockReplay(sequences, lock(1, 3)));
    keepLockSequence(sequences, lock(1, 3));
    assert.ok(isLockReplay(sequences, lock(1, 3)));
    assert.ok(!isLockReplay(sequences, lock(2, 3)));
    assert.ok(!isLockReplay(sequences, lock(1, 4)));
    assert.ok(!isLockReplay(sequences, lock(1, 3)), 'the place was given up');
  });

  it('has 64 places, and none for index 0', () => {
    const sequences = makeLockSequences();
    for (const index of [0, 65, 0x0fff_ffff]) {
      keepLockSequence(sequences, lock(index, 1));
      assert.ok(!isLockReplay(sequences, lock(index, 1)));
    }
    keepLockSequence(sequences, lock(64, 15));
    assert.ok(isLockReplay(sequences, lock(64, 15)));
  });
});

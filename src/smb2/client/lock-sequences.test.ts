import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LockSequences } from './lock-sequences.ts';

describe('[MS-SMB2] 3.2.4.19 Application Requests Locking: Open.OperationBuckets', () => {
  it('gives requests under way buckets of their own, from 1 to 64', () => {
    const sequences = new LockSequences();
    const taken = Array.from({ length: 64 }, () => sequences.take()!);
    const indexes = taken.map(({ lockSequenceIndex }) => lockSequenceIndex);
    assert.deepEqual(
      indexes,
      Array.from({ length: 64 }, (_, i) => i + 1),
    );
    assert.equal(sequences.take(), undefined);
    sequences.release(taken[9]!);
    assert.equal(sequences.take()?.lockSequenceIndex, 10);
  });

  it('numbers the requests of a bucket, from 0 to 15 and over again', () => {
    const sequences = new LockSequences();
    const numbers: number[] = [];
    for (let i = 0; i < 17; i++) {
      const sequence = sequences.take()!;
      numbers.push(sequence.lockSequenceNumber);
      sequences.release(sequence);
    }
    assert.deepEqual(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0]);
  });
});

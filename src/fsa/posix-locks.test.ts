import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { posixSegments } from './posix-locks.ts';

const lock = (offset: bigint, length: bigint, exclusive: boolean) => ({
  offset,
  length,
  exclusive,
});
const END = (1n << 63n) - 1n;

describe('POSIX segments of SMB locks', () => {
  it('are none where nothing is locked, and empty for ranges of no bytes', () => {
    assert.deepEqual(posixSegments([], { offset: 5n, length: 3n }), [
      { start: 5n, end: 8n, type: 'none' },
    ]);
    assert.deepEqual(posixSegments([], { offset: 5n, length: 0n }), []);
  });

  it('take the stronger of stacked locks, and join what is alike', () => {
    const locks = [lock(0n, 10n, true), lock(5n, 10n, false), lock(15n, 5n, false)];
    assert.deepEqual(posixSegments(locks, { offset: 2n, length: 28n }), [
      { start: 2n, end: 10n, type: 'exclusive' },
      { start: 10n, end: 20n, type: 'shared' },
      { start: 20n, end: 30n, type: 'none' },
    ]);
  });

  it('end where POSIX ends', () => {
    const all = lock(0n, (1n << 64n) - 1n, true);
    assert.deepEqual(posixSegments([all], all), [{ start: 0n, end: END, type: 'exclusive' }]);
    const beyond = lock(1n << 63n, 10n, true);
    assert.deepEqual(posixSegments([beyond], beyond), []);
  });
});

import type { LockRequest } from '../wire/lock.ts';

/**
 * [MS-SMB2] 3.3.1.10 Open.LockSequenceArray: one byte for each of 64 places, the last number that
 * was granted there or none.
 */
const PLACES = 64;
const NONE = 0xff;

/** LockSequenceNumber and LockSequenceIndex of a LOCK Request. */
type LockSequence = Pick<LockRequest, 'lockSequenceNumber' | 'lockSequenceIndex'>;

export function makeLockSequences(): Uint8Array {
  return new Uint8Array(PLACES).fill(NONE);
}

/**
 * [MS-SMB2] 3.3.5.14: whether this very request was granted before. If not, its place is free until
 * `keepLockSequence`. Index 0, and one beyond the array, are never verified.
 */
export function isLockReplay(sequences: Uint8Array, lock: LockSequence): boolean {
  const { lockSequenceIndex: index, lockSequenceNumber: number } = lock;
  if (index === 0 || index > PLACES) return false;
  if (sequences[index - 1] === number) return true;
  sequences[index - 1] = NONE;
  return false;
}

export function keepLockSequence(sequences: Uint8Array, lock: LockSequence): void {
  const { lockSequenceIndex: index, lockSequenceNumber: number } = lock;
  if (index !== 0 && index <= PLACES) sequences[index - 1] = number;
}

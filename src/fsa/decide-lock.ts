/**
 * Byte-range locks: [MS-FSA] 2.1.4.10 Algorithm to Determine If a Range Access Conflicts with
 * Byte-Range Locks, 2.1.5.8 Server Requests a Byte-Range Lock, 2.1.5.9 Server Requests an Unlock of
 * a Byte-Range. Pure: the changes run inside `files.update`.
 */
import { LOCKS_PER_FILE_MAX } from '../base/limits.ts';
import {
  type NtStatus,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_LOCK_RANGE,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_RANGE_NOT_LOCKED,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import type { Update } from '../state/record-store.ts';
import type { ByteRangeLock, FileRecord } from './file-record.ts';
import type { LockRange } from './surface.ts';

const END_OF_RANGES = 1n << 64n;

export interface Locker {
  readonly openId: string;
  readonly streamKey: string;
}

export interface LockProposal extends Locker {
  readonly ranges: readonly LockRange[];
  /** Locks that one open may hold. */
  readonly locksMax: number;
}

/**
 * Takes all ranges or none.
 *
 * STATUS_INVALID_LOCK_RANGE: a range ends beyond 2^64. STATUS_LOCK_NOT_GRANTED: another lock is in
 * the way. STATUS_RANGE_NOT_LOCKED: the open went meanwhile. STATUS_INSUFFICIENT_RESOURCES: the
 * open, or all of the file, holds too many.
 */
export function decideLock(
  current: FileRecord | undefined,
  proposal: LockProposal,
): Update<FileRecord, NtStatus> {
  const { openId, streamKey, ranges } = proposal;
  if (current === undefined || !current.opens.some((open) => open.openId === openId)) {
    return { next: 'keep', result: STATUS_RANGE_NOT_LOCKED };
  }
  let held = ranges.length;
  for (const lock of current.locks) if (lock.openId === openId) held++;
  const isFull = current.locks.length + ranges.length > LOCKS_PER_FILE_MAX;
  if (isFull || held > proposal.locksMax) {
    return { next: 'keep', result: STATUS_INSUFFICIENT_RESOURCES };
  }
  const wanted: ByteRangeLock[] = [];
  let status = STATUS_SUCCESS;
  for (const { offset, length, exclusive } of ranges) {
    const lock = { openId, streamKey, offset, length, exclusive };
    if (offset + length > END_OF_RANGES) status = STATUS_INVALID_LOCK_RANGE;
    else if (wanted.some((one) => locksConflict(one, lock))) status = STATUS_LOCK_NOT_GRANTED;
    if (status !== STATUS_SUCCESS) break;
    wanted.push(lock);
  }
  // Whichever range comes first is what the request fails for.
  if (areHeld(current.locks, wanted)) return { next: 'keep', result: STATUS_LOCK_NOT_GRANTED };
  if (status !== STATUS_SUCCESS) return { next: 'keep', result: status };
  const locks = [...current.locks, ...wanted];
  return { next: { ...current, locks, version: current.version + 1 }, result: status };
}

/**
 * Whether one of the locks held is in the way of one that is wanted; those are one open's. Costs a
 * look at each lock held, and not one for each pair: clients choose how many there are of both.
 */
function areHeld(held: readonly ByteRangeLock[], wanted: readonly ByteRangeLock[]): boolean {
  const [first] = wanted;
  if (first === undefined) return false;
  const exclusive = reachOf(wanted.filter((lock) => lock.exclusive));
  const shared = reachOf(wanted.filter((lock) => !lock.exclusive));
  return held.some((lock) => {
    if (lock.streamKey !== first.streamKey) return false;
    if (meets(exclusive, lock)) return true;
    return lock.exclusive && lock.openId !== first.openId && meets(shared, lock);
  });
}

/** Ranges in the order in which they begin, each with how far it or one before it reaches. */
interface Reach {
  readonly starts: readonly bigint[];
  readonly ends: readonly bigint[];
}

function reachOf(ranges: readonly Range[]): Reach {
  const sorted = ranges.toSorted((a, b) => (a.offset < b.offset ? -1 : 1));
  let end = 0n;
  const ends = sorted.map(({ offset, length }) => {
    if (offset + length > end) end = offset + length;
    return end;
  });
  return { starts: sorted.map(({ offset }) => offset), ends };
}

/** Whether a range overlaps one of them, as `overlaps` has it. */
function meets({ starts, ends }: Reach, { offset, length }: Range): boolean {
  if (starts.length === 0) return false;
  const end = offset + length;
  let [low, high] = [0, starts.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! < end) low = middle + 1;
    else high = middle;
  }
  return low > 0 && ends[low - 1]! > offset;
}

/**
 * Gives ranges up in order and stops at the first that is not held exactly so; those before it stay
 * unlocked ([MS-SMB2] 3.3.5.14.1, smbtorture smb2.lock.multiple-unlock). Of equal ranges an
 * exclusive one goes first.
 */
export function decideUnlock(
  current: FileRecord | undefined,
  unlocking: Locker & { readonly ranges: readonly Pick<LockRange, 'offset' | 'length'>[] },
): Update<FileRecord, NtStatus> {
  if (current === undefined) return { next: 'keep', result: STATUS_RANGE_NOT_LOCKED };
  const locks = current.locks.slice();
  let status = STATUS_SUCCESS;
  for (const range of unlocking.ranges) {
    const at = findHeld(locks, unlocking, range);
    if (at < 0) {
      status = STATUS_RANGE_NOT_LOCKED;
      break;
    }
    locks.splice(at, 1);
  }
  if (locks.length === current.locks.length) return { next: 'keep', result: status };
  return { next: { ...current, locks, version: current.version + 1 }, result: status };
}

/** Takes back what `decideLock` just granted, and nothing else that the open holds there. */
export function decideTakeBack(
  current: FileRecord | undefined,
  { openId, streamKey, ranges }: Locker & { readonly ranges: readonly LockRange[] },
): Update<FileRecord, undefined> {
  if (current === undefined) return { next: 'keep', result: undefined };
  const locks = current.locks.slice();
  for (const { offset, length, exclusive } of ranges) {
    const at = locks.findLastIndex(
      (lock) =>
        lock.openId === openId &&
        lock.streamKey === streamKey &&
        lock.offset === offset &&
        lock.length === length &&
        lock.exclusive === exclusive,
    );
    if (at >= 0) locks.splice(at, 1);
  }
  return { next: { ...current, locks, version: current.version + 1 }, result: undefined };
}

/** 2.1.4.10: whether a read or write of `length` bytes meets a lock that forbids it. */
export function accessConflicts(
  record: FileRecord,
  access: Locker & { readonly offset: number; readonly length: number; readonly write: boolean },
): boolean {
  if (record.locks.length === 0 || access.length === 0) return false;
  const offset = BigInt(access.offset);
  const length = BigInt(access.length);
  return record.locks.some((lock) => {
    if (lock.streamKey !== access.streamKey) return false;
    // A shared lock forbids writing even to its holder.
    const forbids = lock.exclusive ? lock.openId !== access.openId : access.write;
    return forbids && overlaps(lock, { offset, length });
  });
}

function locksConflict(held: ByteRangeLock, wanted: ByteRangeLock): boolean {
  if (held.streamKey !== wanted.streamKey) return false;
  if (!held.exclusive && !wanted.exclusive) return false;
  // A holder may put shared locks on top of its exclusive one, not the other way round.
  if (!wanted.exclusive && held.openId === wanted.openId) return false;
  return overlaps(held, wanted);
}

type Range = Pick<LockRange, 'offset' | 'length'>;

/** A range of no bytes meets only ranges that it lies strictly inside of. */
function overlaps(a: Range, b: Range): boolean {
  if (a.length === 0n && b.length === 0n) return false;
  if (a.length === 0n) return b.offset < a.offset && a.offset < b.offset + b.length;
  if (b.length === 0n) return a.offset < b.offset && b.offset < a.offset + a.length;
  return a.offset < b.offset + b.length && b.offset < a.offset + a.length;
}

function findHeld(
  locks: readonly ByteRangeLock[],
  { openId, streamKey }: Locker,
  range: Range,
): number {
  let shared = -1;
  for (let i = 0; i < locks.length; i++) {
    const lock = locks[i]!;
    if (lock.openId !== openId || lock.streamKey !== streamKey) continue;
    if (lock.offset !== range.offset || lock.length !== range.length) continue;
    if (lock.exclusive) return i;
    if (shared < 0) shared = i;
  }
  return shared;
}

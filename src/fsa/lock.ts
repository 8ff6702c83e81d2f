import { type Task, wait } from '../base/task.ts';
import {
  type NtStatus,
  STATUS_CANCELLED,
  STATUS_FILE_CLOSED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_RANGE_NOT_LOCKED,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import { breakReadCaching, mayDisturb } from './break-caching.ts';
import { decideLock, decideTakeBack, decideUnlock, type LockProposal } from './decide-lock.ts';
import { keeping } from './decide-persistent.ts';
import type { ByteRangeLock } from './file-record.ts';
import type { LocalOpen } from './local-open.ts';
import { isStored } from './persist.ts';
import { applyPosixLocks } from './posix-locks.ts';
import { RecordWatch } from './record-watch.ts';
import type { CancelSignal, LockRange } from './surface.ts';

/** What the layer above keeps of an open that outlives the server. */
export interface OwnerOf {
  /** Once it has its locks, or has given them up. */
  done(): object;
  /** As if nobody had asked. */
  undone(): object;
}

export interface LockOptions {
  readonly failImmediately: boolean;
  readonly cancel: CancelSignal;
  readonly owner?: OwnerOf | undefined;
}

/**
 * Locks all ranges, or none; waits for others' unless it must fail immediately.
 *
 * [MS-FSA] 2.1.5.8 Server Requests a Byte-Range Lock. STATUS_INVALID_PARAMETER: a directory.
 * STATUS_LOCK_NOT_GRANTED, STATUS_INVALID_LOCK_RANGE, STATUS_INSUFFICIENT_RESOURCES: see
 * `decideLock`; the last also where the open outlives the server and the store takes nothing: who
 * is told of a lock has it after a restart, too. STATUS_CANCELLED: the request was cancelled while
 * it waited.
 * STATUS_RANGE_NOT_LOCKED: the open was closed meanwhile.
 */
export function* lockRanges(
  open: LocalOpen,
  ranges: readonly LockRange[],
  options: LockOptions,
): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  if (open.isDirectory) return STATUS_INVALID_PARAMETER;
  if (mayDisturb(open)) yield* breakReadCaching(open);
  const status = yield* tryLock(open, ranges, options.owner);
  if (status !== STATUS_LOCK_NOT_GRANTED || options.failImmediately) return status;
  return yield* waitForLock(open, ranges, options);
}

/**
 * Gives ranges up, in order, until one is not held.
 *
 * [MS-FSA] 2.1.5.9 Server Requests an Unlock of a Byte-Range. STATUS_INVALID_PARAMETER: a
 * directory. STATUS_RANGE_NOT_LOCKED: see `decideUnlock`. Whoever waits for them tries again. What
 * the store does not take is given up all the same: it may be locked again after a restart.
 */
export function* unlockRanges(
  open: LocalOpen,
  ranges: readonly Pick<LockRange, 'offset' | 'length'>[],
  owner?: OwnerOf,
): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  if (open.isDirectory) return STATUS_INVALID_PARAMETER;
  const { openId, streamKey } = open;
  const unlocking = { openId, streamKey, ranges };
  const { files, options } = open.volume;
  const kept = owner?.done();
  const status = yield* wait(
    files.update(open.fileKey, (current) =>
      keeping(decideUnlock(current, unlocking), openId, kept),
    ),
  );
  if (options.posixLocks && !open.closed) {
    const record = yield* wait(files.get(open.fileKey));
    applyPosixLocks(open, record?.locks ?? NO_LOCKS, ranges);
  }
  return status;
}

const NO_LOCKS: readonly ByteRangeLock[] = [];

function* tryLock(
  open: LocalOpen,
  ranges: readonly LockRange[],
  owner: OwnerOf | undefined,
): Task<NtStatus> {
  const { openId, streamKey, volume } = open;
  const { locksPerOpenMax } = volume.options;
  const proposal = { openId, streamKey, ranges, locksMax: locksPerOpenMax };
  if (volume.options.posixLocks) {
    // The record is left alone until the kernel agrees: whoever waits for it would wake in vain.
    const current = yield* wait(volume.files.get(open.fileKey));
    const decision = decideLock(current, proposal);
    if (decision.result !== STATUS_SUCCESS) return decision.result;
    if (open.closed) return STATUS_RANGE_NOT_LOCKED;
    const next = decision.next === 'keep' ? current : decision.next;
    if (!applyPosixLocks(open, next?.locks ?? NO_LOCKS, ranges)) {
      applyPosixLocks(open, current?.locks ?? NO_LOCKS, ranges);
      return STATUS_LOCK_NOT_GRANTED;
    }
  }
  const kept = owner?.done();
  const granted = yield* wait(
    volume.files.update(open.fileKey, (current) =>
      keeping(decideLock(current, proposal), openId, kept),
    ),
  );
  const isLost = granted === STATUS_SUCCESS && owner !== undefined && !isStored(open);
  const status = isLost ? yield* takeBack(open, proposal, owner) : granted;
  if (status !== STATUS_SUCCESS && volume.options.posixLocks && !open.closed) {
    const current = yield* wait(volume.files.get(open.fileKey));
    applyPosixLocks(open, current?.locks ?? NO_LOCKS, ranges);
  }
  return status;
}

/** The store does not take the locks: nobody has them. */
function* takeBack(open: LocalOpen, taken: LockProposal, owner: OwnerOf): Task<NtStatus> {
  const { volume, fileKey, openId } = open;
  const kept = owner.undone();
  yield* wait(
    volume.files.update(fileKey, (current) =>
      keeping(decideTakeBack(current, taken), openId, kept),
    ),
  );
  return STATUS_INSUFFICIENT_RESOURCES;
}

/** Milliseconds until local locks are looked at again: they tell nobody when they go. */
const LOCAL_POLL_MIN_MS = 20;
const LOCAL_POLL_MAX_MS = 1000;

/** Tries again after each change of the record. Whoever waited longest is told first. */
function* waitForLock(
  open: LocalOpen,
  ranges: readonly LockRange[],
  { cancel, owner }: LockOptions,
): Task<NtStatus> {
  const { options, env } = open.volume;
  const watch = new RecordWatch(open.volume.files, [open.fileKey], cancel);
  let pollMs = LOCAL_POLL_MIN_MS;
  try {
    for (;;) {
      const changed = watch.next();
      const status = yield* tryLock(open, ranges, owner);
      if (status !== STATUS_LOCK_NOT_GRANTED) return status;
      if (cancel.cancelled) return STATUS_CANCELLED;
      cancel.waiting();
      const poll = options.posixLocks ? env.timers.after(pollMs, () => watch.wake()) : undefined;
      yield* wait(changed);
      poll?.cancel();
      pollMs = Math.min(2 * pollMs, LOCAL_POLL_MAX_MS);
      if (cancel.cancelled) return STATUS_CANCELLED;
    }
  } finally {
    watch.end();
  }
}

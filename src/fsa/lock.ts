import { type Task, wait } from '../base/task.ts';
import {
  type NtStatus,
  STATUS_CANCELLED,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_PARAMETER,
  STATUS_LOCK_NOT_GRANTED,
} from '../erref/ntstatus.ts';
import { breakReadCaching, mayDisturb } from './break-caching.ts';
import { decideLock, decideUnlock } from './decide-lock.ts';
import type { LocalOpen } from './local-open.ts';
import type { CancelSignal, LockRange } from './surface.ts';

export interface LockOptions {
  readonly failImmediately: boolean;
  readonly cancel: CancelSignal;
}

/**
 * Locks all ranges, or none; waits for others' unless it must fail immediately.
 *
 * [MS-FSA] 2.1.5.8 Server Requests a Byte-Range Lock. STATUS_INVALID_PARAMETER: a directory.
 * STATUS_LOCK_NOT_GRANTED, STATUS_INVALID_LOCK_RANGE, STATUS_INSUFFICIENT_RESOURCES: see
 * `decideLock`. STATUS_CANCELLED: the request was cancelled while it waited.
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
  const status = yield* tryLock(open, ranges);
  if (status !== STATUS_LOCK_NOT_GRANTED || options.failImmediately) return status;
  return yield* waitForLock(open, ranges, options.cancel);
}

/**
 * Gives ranges up, in order, until one is not held.
 *
 * [MS-FSA] 2.1.5.9 Server Requests an Unlock of a Byte-Range. STATUS_INVALID_PARAMETER: a
 * directory. STATUS_RANGE_NOT_LOCKED: see `decideUnlock`. Whoever waits for them tries again.
 */
export function* unlockRanges(
  open: LocalOpen,
  ranges: readonly Pick<LockRange, 'offset' | 'length'>[],
): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  if (open.isDirectory) return STATUS_INVALID_PARAMETER;
  const { openId, streamKey } = open;
  const unlocking = { openId, streamKey, ranges };
  return yield* wait(
    open.volume.files.update(open.fileKey, (current) => decideUnlock(current, unlocking)),
  );
}

function tryLock(open: LocalOpen, ranges: readonly LockRange[]): Task<NtStatus> {
  const { openId, streamKey, volume } = open;
  const { locksPerOpenMax } = volume.options;
  const proposal = { openId, streamKey, ranges, locksMax: locksPerOpenMax };
  return wait(volume.files.update(open.fileKey, (current) => decideLock(current, proposal)));
}

/** Tries again after each change of the record. Whoever waited longest is told first. */
function* waitForLock(
  open: LocalOpen,
  ranges: readonly LockRange[],
  cancel: CancelSignal,
): Task<NtStatus> {
  let wake: () => void = () => {};
  let changed = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const unwatch = open.volume.files.watch(open.fileKey, () => wake());
  const unlisten = cancel.onCancel(() => wake());
  try {
    for (;;) {
      // From here on no change is missed: the record is looked at after the watch stands.
      const status = yield* tryLock(open, ranges);
      if (status !== STATUS_LOCK_NOT_GRANTED) return status;
      if (cancel.cancelled) return STATUS_CANCELLED;
      cancel.waiting();
      yield* wait(changed);
      if (cancel.cancelled) return STATUS_CANCELLED;
      changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    unwatch();
    unlisten();
  }
}

import type { Task } from '../base/task.ts';
import type { NtStatus } from '../erref/ntstatus.ts';
import type { LocalOpen } from './local-open.ts';
import type { CancelSignal, LockRange } from './surface.ts';

export interface LockOptions {
  readonly failImmediately: boolean;
  readonly cancel: CancelSignal;
}

export function lockRanges(
  _open: LocalOpen,
  _ranges: readonly LockRange[],
  _options: LockOptions,
): Task<NtStatus> {
  throw new Error('stub');
}

export function unlockRanges(
  _open: LocalOpen,
  _ranges: readonly Pick<LockRange, 'offset' | 'length'>[],
): Task<NtStatus> {
  throw new Error('stub');
}

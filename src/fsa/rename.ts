import type { Task } from '../base/task.ts';
import type { NtStatus } from '../erref/ntstatus.ts';
import type { LocalOpen } from './local-open.ts';
import type { NewName } from './surface.ts';

export function renameFile(_open: LocalOpen, _target: NewName): Task<NtStatus> {
  throw new Error('stub');
}

export function linkFile(_open: LocalOpen, _target: NewName): Task<NtStatus> {
  throw new Error('stub');
}

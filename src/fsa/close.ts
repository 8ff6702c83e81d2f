import type { Task } from '../base/task.ts';
import type { NtStatus } from '../erref/ntstatus.ts';
import type { LocalOpen } from './local-open.ts';

export function closeOpen(_open: LocalOpen): Task<NtStatus> {
  throw new Error('stub');
}

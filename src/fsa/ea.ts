import type { Task } from '../base/task.ts';
import type { NtStatus } from '../erref/ntstatus.ts';
import type { LocalOpen } from './local-open.ts';
import type { Ea, EasOutcome } from './surface.ts';

export function queryEas(_open: LocalOpen): Task<EasOutcome> {
  throw new Error('stub');
}

export function setEas(_open: LocalOpen, _eas: readonly Ea[]): Task<NtStatus> {
  throw new Error('stub');
}

import type { Task } from '../base/task.ts';
import type { NtStatus } from '../erref/ntstatus.ts';
import type { ExtendedAttribute } from '../fscc/ea.ts';
import type { LocalOpen } from './local-open.ts';
import type { EasOutcome } from './surface.ts';

export function queryEas(_open: LocalOpen): Task<EasOutcome> {
  throw new Error('stub');
}

export function setEas(_open: LocalOpen, _eas: readonly ExtendedAttribute[]): Task<NtStatus> {
  throw new Error('stub');
}

import type { MaybePromise, Task } from '../base/task.ts';
import type { NtStatus } from '../erref/ntstatus.ts';
import type { LocalOpen } from './local-open.ts';
import type { DirectoryEntryData, DirectoryQuery } from './surface.ts';

export function queryDirectory(_open: LocalOpen, _query: DirectoryQuery): Task<NtStatus> {
  throw new Error('stub');
}

export function nextEntry(_open: LocalOpen): MaybePromise<DirectoryEntryData | undefined> {
  throw new Error('stub');
}

export function ungetEntry(_open: LocalOpen): void {
  throw new Error('stub');
}

import type { Task } from '../base/task.ts';
import type { NtStatus } from '../erref/ntstatus.ts';
import type { LocalOpen } from './local-open.ts';
import type { CountOutcome } from './surface.ts';

export interface ReadOptions {
  readonly minimumCount?: number;
  readonly unbuffered?: boolean;
}

export interface WriteOptions {
  readonly writeThrough?: boolean;
  readonly unbuffered?: boolean;
}

export function readFile(
  _open: LocalOpen,
  _target: Uint8Array,
  _offset: number,
  _options: ReadOptions,
): Task<CountOutcome> {
  throw new Error('stub');
}

/** Offset -1 appends. */
export function writeFile(
  _open: LocalOpen,
  _chunks: readonly Uint8Array[],
  _offset: number,
  _options: WriteOptions,
): Task<CountOutcome> {
  throw new Error('stub');
}

export function flushFile(_open: LocalOpen): Task<NtStatus> {
  throw new Error('stub');
}

import type { Task } from '../base/task.ts';
import type { NtStatus } from '../erref/ntstatus.ts';
import type { LocalOpen } from './local-open.ts';
import type { BasicChange, DispositionChange, MetadataOutcome } from './surface.ts';

export function queryMetadata(_open: LocalOpen): Task<MetadataOutcome> {
  throw new Error('stub');
}

export function setBasic(_open: LocalOpen, _change: BasicChange): Task<NtStatus> {
  throw new Error('stub');
}

export function setEndOfFile(_open: LocalOpen, _size: number): Task<NtStatus> {
  throw new Error('stub');
}

export function setAllocation(_open: LocalOpen, _size: number): Task<NtStatus> {
  throw new Error('stub');
}

export function setDisposition(_open: LocalOpen, _change: DispositionChange): Task<NtStatus> {
  throw new Error('stub');
}

export function setPosition(_open: LocalOpen, _position: bigint): Task<NtStatus> {
  throw new Error('stub');
}

export function setMode(_open: LocalOpen, _mode: number): Task<NtStatus> {
  throw new Error('stub');
}

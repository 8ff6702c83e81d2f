import type { Task } from '../base/task.ts';
import type { NtStatus } from '../erref/ntstatus.ts';
import type { LocalOpen } from './local-open.ts';
import type {
  CompressionOutcome,
  CopyRange,
  CountOutcome,
  ObjectIdOutcome,
  RangesOutcome,
} from './surface.ts';

export function setSparse(_open: LocalOpen, _sparse: boolean): Task<NtStatus> {
  throw new Error('stub');
}

export function setZeroData(_open: LocalOpen, _from: number, _beyond: number): Task<NtStatus> {
  throw new Error('stub');
}

export function queryAllocatedRanges(
  _open: LocalOpen,
  _offset: number,
  _length: number,
  _maxRanges: number,
): Task<RangesOutcome> {
  throw new Error('stub');
}

export function copyRange(
  _source: LocalOpen,
  _target: LocalOpen,
  _range: CopyRange,
): Task<CountOutcome> {
  throw new Error('stub');
}

export function getCompression(_open: LocalOpen): Task<CompressionOutcome> {
  throw new Error('stub');
}

export function setCompression(_open: LocalOpen, _format: number): Task<NtStatus> {
  throw new Error('stub');
}

export function objectId(_open: LocalOpen): Task<ObjectIdOutcome> {
  throw new Error('stub');
}

import type { Task } from '../../../base/task.ts';
import { type NtStatus, STATUS_INVALID_PARAMETER } from '../../../erref/ntstatus.ts';
import type { LocalOpen } from '../../../fsa/local-open.ts';
import { gmtTokenOf } from '../../../fsa/timewarp.ts';
import {
  encodeSnapshotArray,
  SNAPSHOT_ARRAY_SIZE_MIN,
  snapshotArraySize,
} from '../../../fscc/fsctl-snapshots.ts';
import type { Ioctl } from './ioctl-call.ts';

/**
 * [MS-SMB2] 3.3.5.15.1 Handling an Enumeration of Previous Versions Request. All snapshots of the
 * share are told, whether the file was in them or not: looking into each would mount them all.
 */
export function* enumerateSnapshots(call: Ioctl, open: LocalOpen): Task<NtStatus> {
  const { maxOutputResponse } = call.ioctl;
  if (maxOutputResponse < SNAPSHOT_ARRAY_SIZE_MIN) return STATUS_INVALID_PARAMETER;
  const times = open.volume.snapshots === undefined ? [] : yield* open.volume.snapshots.list();
  const tokens = times.map(gmtTokenOf);
  const whole = snapshotArraySize(tokens.length);
  const isWhole = tokens.length > 0 && whole <= maxOutputResponse;
  call.output(isWhole ? whole : SNAPSHOT_ARRAY_SIZE_MIN, (view, at) => {
    encodeSnapshotArray(view, at, tokens, isWhole);
  });
  return 0;
}

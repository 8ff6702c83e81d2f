/**
 * Checksums of content where the store keeps some: [MS-FSA] 2.1.5.10.10
 * FSCTL_GET_INTEGRITY_INFORMATION, 2.1.5.10.33 FSCTL_SET_INTEGRITY_INFORMATION, 2.1.5.10.34
 * FSCTL_SET_INTEGRITY_INFORMATION_EX. Any other store does not know these, as the document has it.
 */
import { type Task, wait } from '../base/task.ts';
import { FILE_WRITE_ATTRIBUTES, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_MEDIA_WRITE_PROTECTED,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import {
  CHECKSUM_TYPE_CRC32,
  CHECKSUM_TYPE_CRC64,
  CHECKSUM_TYPE_NONE,
  FSCTL_INTEGRITY_FLAG_CHECKSUM_ENFORCEMENT_OFF,
  type IntegrityChange,
  type IntegrityInformation,
} from '../fscc/fsctl-integrity.ts';
import { FILE_NOTIFY_CHANGE_ATTRIBUTES } from '../fscc/notify-filter.ts';
import { failed } from '../vfs/errno.ts';
import { statusOf } from './errno-to-ntstatus.ts';
import type { LocalOpen } from './local-open.ts';
import { reportModified } from './notify-report.ts';

export interface IntegrityOutcome {
  readonly status: NtStatus;
  /** Undefined unless status is STATUS_SUCCESS. */
  readonly information?: IntegrityInformation;
}

/** Bytes of a cluster from which on ReFS takes the longer checksums. */
const LARGE_CLUSTER_SIZE = 65_536;

/**
 * [MS-FSA] 2.1.5.10.10. STATUS_INVALID_DEVICE_REQUEST: the store has no checksums.
 * STATUS_INVALID_PARAMETER: a named stream.
 */
export function* getIntegrity(open: LocalOpen): Task<IntegrityOutcome> {
  const refused = check(open);
  if (refused !== STATUS_SUCCESS) return { status: refused };
  const isOn = yield* wait(open.file.hasChecksums?.() ?? false);
  if (typeof isOn === 'number') return { status: statusOf(isOn) };
  const space = yield* wait(open.volume.vfs.fileSystemStat());
  if (failed(space)) return { status: statusOf(space) };
  const { blockSize } = space;
  const kind = blockSize < LARGE_CLUSTER_SIZE ? CHECKSUM_TYPE_CRC32 : CHECKSUM_TYPE_CRC64;
  return {
    status: STATUS_SUCCESS,
    information: {
      checksumAlgorithm: isOn ? kind : CHECKSUM_TYPE_NONE,
      flags: 0,
      checksumChunkSize: blockSize,
      clusterSize: blockSize,
    },
  };
}

/**
 * [MS-FSA] 2.1.5.10.33, 2.1.5.10.34: new files in a directory do as it does. `change` is undefined
 * for bytes that are none. Statuses as in `getIntegrity`, and STATUS_INVALID_PARAMETER: no change,
 * flags that there are not, or for a file that is to have no checksums. STATUS_ACCESS_DENIED:
 * opened for neither writing nor changing attributes. STATUS_MEDIA_WRITE_PROTECTED.
 * STATUS_NOT_SUPPORTED: a file with content, or checksums that are not enforced, of which the store
 * has none.
 */
export function* setIntegrity(
  open: LocalOpen,
  change: IntegrityChange | undefined,
): Task<NtStatus> {
  const refused = check(open);
  if (refused !== STATUS_SUCCESS) return refused;
  if (change === undefined) return STATUS_INVALID_PARAMETER;
  const { wanted, flags } = change;
  const isLax = flags === FSCTL_INTEGRITY_FLAG_CHECKSUM_ENFORCEMENT_OFF;
  if (flags !== 0 && !isLax) return STATUS_INVALID_PARAMETER;
  const isOn = yield* wait(open.file.hasChecksums?.() ?? false);
  if (typeof isOn === 'number') return statusOf(isOn);
  const isWanted = wanted === 'unchanged' ? isOn : wanted === 'checksums';
  if (isLax && !isWanted) return STATUS_INVALID_PARAMETER;
  if (open.volume.options.readOnly) return STATUS_MEDIA_WRITE_PROTECTED;
  const rights = FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES;
  if ((open.grantedAccess & rights) === 0) return STATUS_ACCESS_DENIED;
  if (isLax) return STATUS_NOT_SUPPORTED;
  if (isWanted === isOn) return STATUS_SUCCESS;
  const set = yield* wait(open.file.setChecksums?.(isWanted) ?? 0);
  if (failed(set)) return statusOf(set);
  // A store that cannot change a file that has content leaves it as it is.
  const now = yield* wait(open.file.hasChecksums?.() ?? false);
  if (now !== isWanted) return STATUS_NOT_SUPPORTED;
  reportModified(open, FILE_NOTIFY_CHANGE_ATTRIBUTES);
  return STATUS_SUCCESS;
}

function check(open: LocalOpen): NtStatus {
  if (open.closed) return STATUS_FILE_CLOSED;
  if (open.volume.vfs.capabilities.checksums !== true) return STATUS_INVALID_DEVICE_REQUEST;
  return open.backing === undefined ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

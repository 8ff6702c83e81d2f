import type { Task } from '../base/task.ts';
import { FILE_READ_EA, FILE_WRITE_EA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_FILE_CLOSED,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import type { ExtendedAttribute } from '../fscc/ea.ts';
import { FILE_NOTIFY_CHANGE_EA } from '../fscc/notify-filter.ts';
import { failed } from '../vfs/errno.ts';
import { breakParentOf } from './break-parent.ts';
import { loadEas, storeEas } from './ea-store.ts';
import { statusOf } from './errno-to-ntstatus.ts';
import { settleTimes, timesToKeep } from './kept-times.ts';
import type { LocalOpen } from './local-open.ts';
import { reportModified } from './notify-report.ts';
import type { EasOutcome } from './surface.ts';

/**
 * [MS-FSA] 2.1.5.12.10 FileFullEaInformation. STATUS_ACCESS_DENIED: not opened for FILE_READ_EA.
 */
export function* queryEas(open: LocalOpen): Task<EasOutcome> {
  if (open.closed) return { status: STATUS_FILE_CLOSED, eas: [] };
  if ((open.grantedAccess & FILE_READ_EA) === 0) return { status: STATUS_ACCESS_DENIED, eas: [] };
  const eas = yield* loadEas(open.file);
  return failed(eas) ? { status: statusOf(eas), eas: [] } : { status: STATUS_SUCCESS, eas };
}

/**
 * [MS-FSA] 2.1.5.15.5 FileFullEaInformation. STATUS_ACCESS_DENIED: not opened for FILE_WRITE_EA;
 * others as `storeEas`.
 */
export function* setEas(open: LocalOpen, eas: readonly ExtendedAttribute[]): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  if ((open.grantedAccess & FILE_WRITE_EA) === 0) return STATUS_ACCESS_DENIED;
  const kept = yield* timesToKeep(open);
  const status = yield* storeEas(open.volume, open.file, eas);
  if (kept !== undefined) yield* settleTimes(open, kept);
  if (status !== STATUS_SUCCESS) return status;
  reportModified(open, FILE_NOTIFY_CHANGE_EA);
  yield* breakParentOf(open);
  return STATUS_SUCCESS;
}

import type { Task } from '../base/task.ts';
import { FILE_READ_EA, FILE_WRITE_EA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_FILE_CLOSED,
  STATUS_NO_EAS_ON_FILE,
  STATUS_NO_MORE_EAS,
  STATUS_NONEXISTENT_EA_ENTRY,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import type { ExtendedAttribute } from '../fscc/ea.ts';
import { FILE_NOTIFY_CHANGE_EA } from '../fscc/notify-filter.ts';
import { upcase } from '../fscc/upcase.ts';
import { failed } from '../vfs/errno.ts';
import { breakParentOf } from './break-parent.ts';
import { loadEas, storeEaSize, storeEas } from './ea-store.ts';
import { statusOf } from './errno-to-ntstatus.ts';
import { settleTimes, timesToKeep } from './kept-times.ts';
import type { LocalOpen } from './local-open.ts';
import { reportModified } from './notify-report.ts';
import type { EasOutcome } from './surface.ts';

/** Which EAs are asked for; without names or an index, those after the last ones told. */
export interface EaQuery {
  /** Those that do not stand are told with an empty value. */
  readonly names: readonly string[];
  /** 1 is the first. */
  readonly index: number | undefined;
  readonly restart: boolean;
  readonly single: boolean;
}

/**
 * [MS-FSA] 2.1.5.12.10 FileFullEaInformation. `tellEas` then says how many were told.
 *
 * STATUS_ACCESS_DENIED: not opened for FILE_READ_EA. STATUS_NO_EAS_ON_FILE: there are none.
 * STATUS_NONEXISTENT_EA_ENTRY: the index is none of theirs. STATUS_NO_MORE_EAS: all were told.
 */
export function* queryEas(open: LocalOpen, query: EaQuery): Task<EasOutcome> {
  if (open.closed) return { status: STATUS_FILE_CLOSED, eas: [] };
  if ((open.grantedAccess & FILE_READ_EA) === 0) return { status: STATUS_ACCESS_DENIED, eas: [] };
  const eas = yield* loadEas(open.file);
  return failed(eas) ? { status: statusOf(eas), eas: [] } : chooseEas(open, query, eas);
}

/** So many of what `queryEas` answered had room: the next query goes on behind them. */
export function tellEas(open: LocalOpen, count: number): void {
  open.nextEaEntry += count;
}

function chooseEas(open: LocalOpen, query: EaQuery, eas: readonly ExtendedAttribute[]): EasOutcome {
  const { names, index, restart, single } = query;
  if (names.length > 0) {
    const chosen = names.map((name) => eas.find((ea) => isSameEa(ea.name, name)) ?? emptyEa(name));
    return { status: STATUS_SUCCESS, eas: single ? chosen.slice(0, 1) : chosen };
  }
  if (eas.length === 0) return { status: STATUS_NO_EAS_ON_FILE, eas };
  if (index !== undefined) {
    if (index < 1 || index > eas.length) return { status: STATUS_NONEXISTENT_EA_ENTRY, eas: [] };
    open.nextEaEntry = index - 1;
  } else if (restart) {
    open.nextEaEntry = 0;
  }
  const from = open.nextEaEntry;
  if (from >= eas.length) return { status: STATUS_NO_MORE_EAS, eas: [] };
  return { status: STATUS_SUCCESS, eas: eas.slice(from, single ? from + 1 : undefined) };
}

function isSameEa(a: string, b: string): boolean {
  return upcase(a) === upcase(b);
}

function emptyEa(name: string): ExtendedAttribute {
  return { flags: 0, name, value: new Uint8Array(0) };
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
  if (status === STATUS_SUCCESS) yield* storeEaSize(open.file);
  if (kept !== undefined) yield* settleTimes(open, kept);
  if (status !== STATUS_SUCCESS) return status;
  reportModified(open, FILE_NOTIFY_CHANGE_EA);
  yield* breakParentOf(open);
  return STATUS_SUCCESS;
}

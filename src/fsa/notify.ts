import { assert } from '../base/assert.ts';
import { type Task, wait } from '../base/task.ts';
import { FILE_LIST_DIRECTORY } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_CANCELLED,
  STATUS_DELETE_PENDING,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import type { NotifyChange } from '../fscc/notify-information.ts';
import { pendingDeleteOf } from './file-record.ts';
import { isLinkGone } from './link-gone.ts';
import type { LocalOpen } from './local-open.ts';
import type { ChangeNotifyEntry, Taken, Waiter } from './notify-list.ts';
import { listingRights } from './notify-rights.ts';
import type { CancelSignal } from './surface.ts';

export interface NotifyParams {
  readonly outputBufferSize: number;
  readonly watchTree: boolean;
  readonly completionFilter: number;
  readonly cancel: CancelSignal;
}

/**
 * The changes in a directory since the last call, or the next ones.
 *
 * [MS-FSA] 2.1.5.11 Server Requests Change Notifications for a Directory. Filter and recursion of
 * the first call on an open hold for all. STATUS_INVALID_PARAMETER: no directory.
 * STATUS_ACCESS_DENIED: not opened for FILE_LIST_DIRECTORY. STATUS_DELETE_PENDING: the directory
 * is, or was meanwhile, marked as to be deleted, or is gone. STATUS_NOTIFY_ENUM_DIR: more happened
 * than fits; the caller has to look for itself. STATUS_CANCELLED. STATUS_NOTIFY_CLEANUP: the open
 * was closed while this waited.
 */
export function* changeNotify(open: LocalOpen, params: NotifyParams): Task<Taken> {
  if (open.closed) return refused(STATUS_FILE_CLOSED);
  if (!open.isDirectory) return refused(STATUS_INVALID_PARAMETER);
  if ((open.grantedAccess & FILE_LIST_DIRECTORY) === 0) return refused(STATUS_ACCESS_DENIED);
  const isGoing = (yield* isDeletePending(open)) || (yield* isLinkGone(open));
  if (isGoing) return refused(STATUS_DELETE_PENDING);
  if (open.closed) return refused(STATUS_FILE_CLOSED);
  const { changeNotifyList } = open.volume;
  const { watchTree, completionFilter, outputBufferSize } = params;
  const entry =
    changeNotifyList.entryOf(open) ??
    changeNotifyList.add(
      open,
      { directory: open.path, watchTree, completionFilter, mayList: listingRights(open) },
      outputBufferSize,
    );
  if (!entry.isHolding) {
    const status = yield* waitForChange(entry, params.cancel);
    if (status !== STATUS_SUCCESS) return refused(status);
  }
  return entry.take(outputBufferSize);
}

/**
 * Ends the requests that watch a directory once it is marked as to be deleted
 * (smbtorture smb2.notify.rmdir1-4). To be called after whatever may have marked it.
 */
export function* endIfDeletePending(open: LocalOpen): Task<void> {
  const { changeNotifyList } = open.volume;
  if (!open.isDirectory || changeNotifyList.isEmpty) return;
  if (yield* isDeletePending(open)) changeNotifyList.endAll(open.path, STATUS_DELETE_PENDING);
}

function* isDeletePending({ volume, path, fileKey }: LocalOpen): Task<boolean> {
  const record = yield* wait(volume.files.get(fileKey));
  if (record === undefined) return false;
  return pendingDeleteOf(record, { volumeId: volume.id, path, streamKey: '' }) !== undefined;
}

/** [MS-FSA] 2.1.5.11.1 Waiting for Change Notification to be Reported. */
function* waitForChange(entry: ChangeNotifyEntry, cancel: CancelSignal): Task<NtStatus> {
  let ended: NtStatus | undefined;
  let wake = (): void => {};
  const waiter: Waiter = {
    end: (status) => {
      ended = status;
      wake();
    },
  };
  const woken = new Promise<void>((resolve) => {
    wake = resolve;
  });
  entry.enqueue(waiter);
  const stop = cancel.onCancel(() => entry.end(waiter, STATUS_CANCELLED));
  cancel.waiting();
  if (cancel.cancelled) entry.end(waiter, STATUS_CANCELLED);
  yield* wait(woken);
  stop();
  assert(ended !== undefined, 'a change notification went on without a reason');
  return ended;
}

const NO_CHANGES: readonly NotifyChange[] = [];

function refused(status: NtStatus): Taken {
  return { status, changes: NO_CHANGES, size: 0 };
}

/** [MS-FSA] 2.1.4.12 Algorithm to Check for an Oplock Break, for operations on what is open. */
import { isPromise, type Task, wait } from '../base/task.ts';
import { DELETE, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_FILE_CLOSED,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import type { Update } from '../state/record-store.ts';
import { type BreakDecision, type Breaker, decideBreaks, disturbs } from './decide-oplock.ts';
import { opensBelow } from './decide-rename.ts';
import type { FileRecord } from './file-record.ts';
import type { LocalOpen } from './local-open.ts';
import { HANDLE_CACHING, NO_AWAITED, NO_BREAKS, NO_OPLOCKS, type OplockEntry } from './oplock.ts';
import { type FileBreaks, waitForBreaks } from './oplock-breaks.ts';
import type { CancelSignal } from './surface.ts';
import type { Volume } from './volume.ts';

/**
 * Whether a change of data or size disturbs somebody's caching: one look at the record, which is
 * all that a WRITE under one's own lease costs.
 */
export function mayDisturb(open: LocalOpen): boolean {
  const record = open.volume.files.get(open.fileKey);
  if (isPromise(record)) return true;
  return record !== undefined && record.oplocks.length > 0 && disturbs(record, open, 'change');
}

/**
 * Before a change of data, size or byte-range locks: nobody else caches the stream any more. Does
 * not wait, for who may change it has it open, and then nobody else caches writes.
 */
export function* breakReadCaching(open: LocalOpen): Task<void> {
  const { volume, fileKey, oplockKey, streamKey } = open;
  const breaker: Breaker = {
    oplockKey,
    streamKey,
    operation: 'change',
    access: FILE_WRITE_DATA,
    queuedAt: undefined,
  };
  const { breaks } = yield* wait(
    volume.files.update(fileKey, (current) => applyBreaks(current, breaker)),
  );
  volume.oplockBreaks.indicate(volume, fileKey, breaks);
}

/**
 * Before a name goes or changes: whoever keeps the stream open only in its cache closes it. Waits
 * for the answers where `cancel` is given. STATUS_CANCELLED: it was cancelled.
 */
export function* breakHandleCaching(
  target: {
    readonly volume: Volume;
    readonly fileKey: string;
    readonly oplockKey: string;
    readonly streamKey: string;
  },
  cancel: CancelSignal | undefined,
): Task<NtStatus> {
  const { volume, fileKey, oplockKey, streamKey } = target;
  for (;;) {
    const breaker: Breaker = {
      oplockKey,
      streamKey,
      operation: 'remove',
      access: DELETE,
      queuedAt: undefined,
    };
    const { breaks, awaited } = yield* wait(
      volume.files.update(fileKey, (current) => applyBreaks(current, breaker)),
    );
    volume.oplockBreaks.indicate(volume, fileKey, breaks);
    if (awaited.length === 0 || cancel === undefined) return STATUS_SUCCESS;
    const status = yield* waitForBreaks(volume, [{ fileKey, awaited }], cancel);
    if (status !== STATUS_SUCCESS) return status;
  }
}

/**
 * Before a directory gets another name: whoever keeps something below it open only in its cache
 * closes it. STATUS_ACCESS_DENIED: something is open all the same, or was opened meanwhile.
 *
 * [MS-FSA] 2.1.5.15.11 FileRenameInformation, "open files within the directory".
 */
export function* breakHandlesBelow(
  open: LocalOpen,
  cancel: CancelSignal | undefined,
): Task<NtStatus> {
  const { volume, oplockKey } = open;
  for (let isFirst = true; ; isFirst = false) {
    const directory = { volumeId: volume.id, path: open.path };
    const all = opensBelow(yield* wait(volume.files.scan('')), directory);
    const below = open.isPosix ? all.filter((other) => !other.isPosix) : all;
    if (below.length === 0) return STATUS_SUCCESS;
    if (!below.every(({ oplock }) => mayClose(oplock, isFirst))) return STATUS_ACCESS_DENIED;
    const files: FileBreaks[] = [];
    for (const { fileKey, streamKey } of below) {
      const breaker: Breaker = {
        oplockKey,
        streamKey,
        operation: 'remove',
        access: DELETE,
        queuedAt: undefined,
      };
      const { breaks, awaited } = yield* wait(
        volume.files.update(fileKey, (current) => applyBreaks(current, breaker)),
      );
      volume.oplockBreaks.indicate(volume, fileKey, breaks);
      if (awaited.length > 0) files.push({ fileKey, awaited });
    }
    if (cancel === undefined) return STATUS_ACCESS_DENIED;
    if (files.length === 0) continue;
    const status = yield* waitForBreaks(volume, files, cancel);
    if (status !== STATUS_SUCCESS) return status;
    if (open.closed) return STATUS_FILE_CLOSED;
  }
}

/**
 * A local process opens the file: for reading ('open') or more ('overwrite'). Nobody waits here;
 * the process does, in the kernel.
 */
export function* breakForLocal(
  volume: Volume,
  fileKey: string,
  operation: 'open' | 'overwrite',
): Task<void> {
  const access = FILE_WRITE_DATA;
  const nobody = { oplockKey: '', streamKey: '' };
  const breaker: Breaker = { ...nobody, operation, access, queuedAt: undefined };
  const { breaks } = yield* wait(
    volume.files.update(fileKey, (current) => applyBreaks(current, breaker)),
  );
  volume.oplockBreaks.indicate(volume, fileKey, breaks);
}

/** Whether asking its holder may close an open: once, and only of those that were there then. */
function mayClose(oplock: OplockEntry | undefined, isFirst: boolean): boolean {
  if (oplock === undefined || (oplock.caching & HANDLE_CACHING) === 0) return false;
  return isFirst || oplock.breaking !== undefined;
}

/** `decideBreaks` as an update of the file's record. */
export function applyBreaks(
  current: FileRecord | undefined,
  breaker: Breaker,
): Update<FileRecord, BreakDecision> {
  if (current === undefined) {
    return {
      next: 'keep',
      result: { oplocks: NO_OPLOCKS, breaks: NO_BREAKS, awaited: NO_AWAITED },
    };
  }
  const result = decideBreaks(current, breaker);
  if (result.oplocks === current.oplocks) return { next: 'keep', result };
  const { oplocks } = result;
  return { next: { ...current, oplocks, version: current.version + 1 }, result };
}

/**
 * [MS-FSA] 2.1.5.1.2.2 Algorithm to Check Sharing Access to an Existing Stream or Directory, and
 * the entry of an open into its file's record. Pure: runs inside `files.update`.
 */
import { assert } from '../base/assert.ts';
import {
  DELETE,
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
} from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_DELETE_PENDING,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import { FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE } from '../fscc/create-parameters.ts';
import type { Update } from '../state/record-store.ts';
import { type FileRecord, type OpenEntry, pendingDeleteOf } from './file-record.ts';

const READS = FILE_READ_DATA | FILE_EXECUTE;
const WRITES = FILE_WRITE_DATA | FILE_APPEND_DATA;

export interface OpenProposal {
  readonly entry: OpenEntry;
  readonly isDirectory: boolean;
  /** What sharing is checked with: the granted access and what the disposition does at once. */
  readonly effectiveAccess: number;
}

/**
 * Grants an open, or says why not.
 *
 * STATUS_DELETE_PENDING: the file, or the stream, goes with its last close.
 * STATUS_SHARING_VIOLATION: another open's access or share mode does not admit this one.
 */
export function decideOpen(
  current: FileRecord | undefined,
  proposal: OpenProposal,
): Update<FileRecord, NtStatus> {
  const { entry, isDirectory } = proposal;
  if (current === undefined) {
    const record = { isDirectory, opens: [entry], locks: [], deletePending: [], version: 1 };
    return { next: record, result: STATUS_SUCCESS };
  }
  assert(
    current.opens.every((open) => open.openId !== entry.openId),
    `open ${entry.openId} entered twice`,
  );
  if (pendingDeleteOf(current, entry) !== undefined) {
    return { next: 'keep', result: STATUS_DELETE_PENDING };
  }
  for (const existing of current.opens) {
    if (conflicts(existing, proposal)) return { next: 'keep', result: STATUS_SHARING_VIOLATION };
  }
  return {
    next: { ...current, opens: [...current.opens, entry], version: current.version + 1 },
    result: STATUS_SUCCESS,
  };
}

/**
 * Whether an open of a directory bars adding, removing or renaming entries in it.
 *
 * Windows: a rename opens the target's directory for FILE_WRITE_DATA, sharing reads and writes
 * (smbtorture smb2.rename.share_delete_and_delete_access and its siblings).
 */
export function decideDirectoryChange(directory: FileRecord | undefined): NtStatus {
  if (directory === undefined) return STATUS_SUCCESS;
  const access = FILE_WRITE_DATA;
  const share = FILE_SHARE_READ | FILE_SHARE_WRITE;
  for (const existing of directory.opens) {
    if (existing.streamKey !== '') continue;
    if (
      !admits(existing.shareAccess, existing.grantedAccess, access) ||
      !admits(share, access, existing.grantedAccess)
    ) {
      return STATUS_SHARING_VIOLATION;
    }
  }
  return STATUS_SUCCESS;
}

function conflicts(existing: OpenEntry, proposal: OpenProposal): boolean {
  const { entry, effectiveAccess } = proposal;
  if (existing.streamKey !== entry.streamKey) {
    // 2.1.5.1.2: who may delete the file may delete its streams, so their opens must share that.
    return (
      entry.streamKey === '' &&
      (effectiveAccess & DELETE) !== 0 &&
      (existing.shareAccess & FILE_SHARE_DELETE) === 0 &&
      isShared(existing.grantedAccess)
    );
  }
  return (
    !admits(existing.shareAccess, existing.grantedAccess, effectiveAccess) ||
    !admits(entry.shareAccess, effectiveAccess, existing.grantedAccess)
  );
}

/** Whether an open with this share mode admits another's access. */
function admits(shareAccess: number, ownAccess: number, othersAccess: number): boolean {
  // An open that neither reads, writes nor deletes takes no part in sharing.
  if (!isShared(ownAccess)) return true;
  if ((othersAccess & READS) !== 0 && (shareAccess & FILE_SHARE_READ) === 0) return false;
  if ((othersAccess & WRITES) !== 0 && (shareAccess & FILE_SHARE_WRITE) === 0) return false;
  return (othersAccess & DELETE) === 0 || (shareAccess & FILE_SHARE_DELETE) !== 0;
}

function isShared(access: number): boolean {
  return (access & (READS | WRITES | DELETE)) !== 0;
}

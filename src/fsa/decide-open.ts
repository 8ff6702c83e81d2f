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
  STATUS_FILE_NOT_AVAILABLE,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import { FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE } from '../fscc/create-parameters.ts';
import type { Update } from '../state/record-store.ts';
import { grantOplock } from './decide-grant.ts';
import { type BreakDecision, decideBreaks } from './decide-oplock.ts';
import { isUnavailable } from './decide-persistent.ts';
import { type FileRecord, isBeingRemoved, type OpenEntry, pendingDeleteOf } from './file-record.ts';
import {
  type AwaitedBreak,
  NO_AWAITED,
  NO_BREAKS,
  NO_OPLOCKS,
  type OplockBreak,
  type OplockGrant,
  type OplockRequest,
  WRITE_CACHING,
} from './oplock.ts';

const READS = FILE_READ_DATA | FILE_EXECUTE;
const WRITES = FILE_WRITE_DATA | FILE_APPEND_DATA;

export interface OpenProposal {
  readonly entry: OpenEntry;
  readonly isDirectory: boolean;
  /** What sharing is checked with: the granted access and what the disposition does at once. */
  readonly effectiveAccess: number;
  /** What is asked for besides. */
  readonly oplock: OplockRequest | undefined;
  /** The file, or the stream, was made for this open. */
  readonly isNew: boolean;
  /** The disposition throws its content away. */
  readonly overwrites: boolean;
  /** Bytes in the stream. */
  readonly fileSize: number;
  /** As in `Breaker`, of an open that waited for a break before. */
  readonly queuedAt: number | undefined;
  /** Other opens of the file wait to get in. */
  readonly isContended: boolean;
}

export interface OpenDecision {
  readonly status: NtStatus;
  readonly grant: OplockGrant | undefined;
  readonly breaks: readonly OplockBreak[];
  /** Not empty: nothing is decided yet, the caller waits for these and tries again. */
  readonly awaited: readonly AwaitedBreak[];
  /** Sharing forbids the open as things are. */
  readonly conflicts: boolean;
  /** Of STATUS_DELETE_PENDING: the file is gone in a moment. */
  readonly isGoing?: boolean;
}

const GRANTED: OpenDecision = {
  status: STATUS_SUCCESS,
  grant: undefined,
  breaks: NO_BREAKS,
  awaited: NO_AWAITED,
  conflicts: false,
};

/**
 * Grants an open, or says why not.
 *
 * STATUS_DELETE_PENDING: the file, or the stream, goes with its last close.
 * STATUS_FILE_NOT_AVAILABLE: see `isUnavailable`.
 * STATUS_SHARING_VIOLATION: another open's access or share mode does not admit this one. Others'
 * oplocks break, and are waited for, before either is final.
 */
export function decideOpen(
  current: FileRecord | undefined,
  proposal: OpenProposal,
): Update<FileRecord, OpenDecision> {
  const { entry, isDirectory } = proposal;
  if (current === undefined) {
    const record: FileRecord = {
      isDirectory,
      opens: [entry],
      locks: [],
      oplocks: NO_OPLOCKS,
      deletePending: [],
      version: 1,
    };
    return grant(record, proposal, NO_BREAKS);
  }
  assert(!current.opens.includes(entry), 'an open is entered twice');
  if (pendingDeleteOf(current, entry) !== undefined) {
    const isGoing = isBeingRemoved(current);
    return { next: 'keep', result: { ...GRANTED, status: STATUS_DELETE_PENDING, isGoing } };
  }
  if (isUnavailable(current, entry, proposal.effectiveAccess)) {
    return { next: 'keep', result: { ...GRANTED, status: STATUS_FILE_NOT_AVAILABLE } };
  }
  const isShared = !current.opens.some((existing) => conflicts(existing, proposal));
  const { oplocks, breaks, awaited } = breakOthers(current, proposal, isShared);
  const version = current.version + 1;
  if (!isShared || awaited.length > 0) {
    const status = STATUS_SHARING_VIOLATION;
    const next = oplocks === current.oplocks ? 'keep' : { ...current, oplocks, version };
    return { next, result: { status, grant: undefined, breaks, awaited, conflicts: !isShared } };
  }
  // Written out: a copy by spread costs as much as all the rest of an open's decision.
  const record: FileRecord = {
    isDirectory: current.isDirectory,
    opens: [...current.opens, entry],
    locks: current.locks,
    oplocks,
    deletePending: current.deletePending,
    version,
  };
  return grant(record, proposal, breaks);
}

/** [MS-FSA] 2.1.4.12, as 2.1.5.1.2 asks for it. */
function breakOthers(
  current: FileRecord,
  proposal: OpenProposal,
  isShared: boolean,
): BreakDecision {
  const { oplocks } = current;
  // Of a directory nobody caches writes: an open that is shared takes nothing, and waits for none.
  const isHarmless = proposal.isDirectory && isShared;
  if (oplocks.length === 0 || isHarmless)
    return { oplocks, breaks: NO_BREAKS, awaited: NO_AWAITED };
  const { entry, effectiveAccess, queuedAt } = proposal;
  const operation = proposal.overwrites ? 'overwrite' : 'open';
  return decideBreaks(current, {
    oplockKey: entry.oplockKey,
    streamKey: entry.streamKey,
    operation: isShared ? operation : 'share',
    access: effectiveAccess,
    queuedAt,
  });
}

/** The open stands in `record`; its oplock is added. */
function grant(
  record: FileRecord,
  proposal: OpenProposal,
  breaks: readonly OplockBreak[],
): Update<FileRecord, OpenDecision> {
  const { entry, effectiveAccess: access, isNew, fileSize } = proposal;
  const request = grantableRequest(record, proposal);
  if (request === undefined) {
    return { next: record, result: breaks.length === 0 ? GRANTED : { ...GRANTED, breaks } };
  }
  const { oplocks, grant } = grantOplock(record, entry, {
    request,
    access,
    isNew,
    isOverwritten: proposal.overwrites,
    isContended: proposal.isContended,
    fileSize,
  });
  const next = oplocks === record.oplocks ? record : { ...record, oplocks };
  return { next, result: { ...GRANTED, grant, breaks } };
}

/**
 * [MS-SMB2] 3.3.5.9.11: a directory is leased in version 2 only, and only to who knows of it.
 *
 * Windows: what it has of writes is left out, an oplock is not granted (smbtorture
 * smb2.dirlease.leases, smb2.dirlease.oplocks).
 */
function grantableRequest(
  record: FileRecord,
  { oplock, isDirectory }: OpenProposal,
): OplockRequest | undefined {
  if (oplock === undefined || !(record.isDirectory || isDirectory)) return oplock;
  if (!isDirectory || oplock.lease?.coversDirectories !== true) return undefined;
  return { ...oplock, caching: oplock.caching & ~WRITE_CACHING };
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

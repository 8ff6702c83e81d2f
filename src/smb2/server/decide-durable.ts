/** Decisions on opens that outlive their connection. Pure: they look at records alone. */

import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../../erref/ntstatus.ts';
import type { FileRecord } from '../../fsa/file-record.ts';
import { ALL_CACHING, HANDLE_CACHING, type OplockEntry, WRITE_CACHING } from '../../fsa/oplock.ts';
import type { Guid } from '../wire/guid.ts';
import type { DurableRecord, FileIdentity } from './state/durable-record.ts';

/**
 * Whether an oplock or lease makes its opens durable: [MS-SMB2] 3.3.5.9.6 and 3.3.5.9.10, a batch
 * oplock or a lease with handle caching.
 */
export function keepsHandles(oplock: Pick<OplockEntry, 'caching' | 'lease'>): boolean {
  if (oplock.lease === undefined) return oplock.caching === ALL_CACHING;
  return (oplock.caching & HANDLE_CACHING) !== 0;
}

/**
 * Whether a durable open stays when its client is gone. One whose oplock or lease breaks has to be
 * answered, which nobody is left to do.
 *
 * Windows: byte-range locks without write caching are given up, and the open with them (smbtorture
 * smb2.durable-open.lock-noW-lease).
 */
export function decideKeep(
  file: FileRecord | undefined,
  open: { readonly openId: string; readonly oplockKey: string; readonly streamKey: string },
): boolean {
  const oplock = oplockOf(file, open);
  if (file === undefined || oplock === undefined || oplock.breaking !== undefined) return false;
  if (!keepsHandles(oplock)) return false;
  if ((oplock.caching & WRITE_CACHING) !== 0) return true;
  return !file.locks.some((lock) => lock.openId === open.openId);
}

/**
 * Whether an open stays whose process is gone: one that could not be made again does not, and for
 * the rest its client has just gone.
 */
export function mayStay(record: DurableRecord, file: FileRecord | undefined): boolean {
  if (record.kind === 'persistent') return true;
  const entry = file?.opens.find(({ openId }) => openId === record.openId);
  if (record.kept === undefined || entry === undefined || entry.isUnlinked === true) return false;
  return record.kind === 'resilient' || decideKeep(file, entry);
}

/** Whether nobody waits for an answer to a break of what the open caches. */
export function isAnswerable(
  file: FileRecord | undefined,
  open: { readonly oplockKey: string; readonly streamKey: string },
): boolean {
  return oplockOf(file, open)?.breaking === undefined;
}

/** The oplock or lease that an open has, as it is now. */
export function oplockOf(
  file: FileRecord | undefined,
  open: { readonly oplockKey: string; readonly streamKey: string },
): OplockEntry | undefined {
  return file?.oplocks.find(
    (entry) => entry.oplockKey === open.oplockKey && entry.streamKey === open.streamKey,
  );
}

/** Milliseconds that an open is kept: what was asked for, within limits; 0 asks for nothing. */
export function grantedTimeoutMs(
  askedMs: number,
  limits: { readonly defaultMs: number; readonly maxMs: number },
): number {
  return Math.min(askedMs === 0 ? limits.defaultMs : askedMs, limits.maxMs);
}

/** What a client shows to get its open back. */
export interface ReconnectProposal {
  /** Of the context: SMB2_CREATE_DURABLE_HANDLE_RECONNECT or its V2. */
  readonly version: 1 | 2;
  /** Version 2 only. */
  readonly createGuid: Guid;
  /** SMB2_DHANDLE_FLAG_PERSISTENT. */
  readonly isPersistent: boolean;
  readonly clientGuid: Guid;
  readonly userSid: string;
  readonly shareName: string;
  readonly lease: { readonly leaseKey: Guid; readonly version: 1 | 2 } | undefined;
  /** Whether the CREATE names the file that is open. */
  readonly isSameName: boolean;
  /** Lease.FileDeleteOnClose: then the file's name does not count. */
  readonly deletesOnClose: boolean;
}

/**
 * [MS-SMB2] 3.3.5.9.7 Handling the SMB2_CREATE_DURABLE_HANDLE_RECONNECT Create Context, 3.3.5.9.12
 * … RECONNECT_V2.
 *
 * STATUS_OBJECT_NAME_NOT_FOUND: there is no such open, it is in use, or it is not this client's.
 * STATUS_INVALID_PARAMETER: a lease is named that fits, with another file, unless this one is to be
 * deleted; or it is asked for as one that outlives the server, which it does not.
 * STATUS_ACCESS_DENIED: it is another user's.
 *
 * Windows: what is wrong with the lease counts before the file name, and a name counts with a lease
 * only (smbtorture smb2.durable-v2-open.reopen2-lease).
 */
export function decideReconnect(
  record: DurableRecord | undefined,
  proposal: ReconnectProposal,
): NtStatus {
  if (record?.away === undefined) return STATUS_OBJECT_NAME_NOT_FOUND;
  if (proposal.version === 2 && record.createGuid !== proposal.createGuid) {
    return STATUS_OBJECT_NAME_NOT_FOUND;
  }
  // A client that has a persistent handle says so; one that says so has one.
  const isPersistent = record.kind === 'persistent';
  if (isPersistent && !proposal.isPersistent) return STATUS_OBJECT_NAME_NOT_FOUND;
  if (record.shareName !== proposal.shareName) return STATUS_OBJECT_NAME_NOT_FOUND;
  const { lease } = record;
  if (lease === undefined && proposal.lease !== undefined) return STATUS_OBJECT_NAME_NOT_FOUND;
  if (lease !== undefined) {
    const isSameLease =
      record.clientGuid === proposal.clientGuid &&
      proposal.lease !== undefined &&
      lease.leaseKey === proposal.lease.leaseKey &&
      lease.version === proposal.lease.version;
    if (!isSameLease) return STATUS_OBJECT_NAME_NOT_FOUND;
    if (!proposal.isSameName && !proposal.deletesOnClose) return STATUS_INVALID_PARAMETER;
  }
  if (proposal.isPersistent && !isPersistent) return STATUS_INVALID_PARAMETER;
  return record.userSid === proposal.userSid ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

/** What became of a file while its client was away; undefined: nothing that matters. */
export function decideIdentity(
  left: FileIdentity | undefined,
  found: FileIdentity | undefined,
): 'replaced' | 'changed' | undefined {
  if (left === undefined) return undefined;
  if (found === undefined || found.device !== left.device || found.inode !== left.inode) {
    return 'replaced';
  }
  const isSame =
    found.size === left.size &&
    found.modifyTimeNs === left.modifyTimeNs &&
    found.checksum === left.checksum;
  return isSame ? undefined : 'changed';
}

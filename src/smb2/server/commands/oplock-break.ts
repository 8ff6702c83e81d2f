import type { Task } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_INVALID_OPLOCK_PROTOCOL,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_REQUEST_NOT_ACCEPTED,
  STATUS_SUCCESS,
} from '../../../erref/ntstatus.ts';
import type { LocalOpen } from '../../../fsa/local-open.ts';
import { leaseOplockKey, NO_CACHING, READ_CACHING } from '../../../fsa/oplock.ts';
import { acknowledgeBreak } from '../../../fsa/oplock-breaks.ts';
import { SMB2_OPLOCK_LEVEL_II, SMB2_OPLOCK_LEVEL_NONE } from '../../wire/constants.ts';
import { decodeLeaseBreak, encodeLeaseBreak, type LeaseBreak } from '../../wire/lease-break.ts';
import { decodeOplockBreak, encodeOplockBreak, type OplockBreak } from '../../wire/oplock-break.ts';
import type { Request } from '../request.ts';

const RESPONSE_SIZE = 36;

/** [MS-SMB2] 3.3.5.22 Receiving an SMB2 OPLOCK_BREAK Acknowledgment. */
export function* handleOplockBreak(request: Request): Task<NtStatus> {
  const { view, body, end } = request;
  const leaseBreak = decodeLeaseBreak(view, body, end);
  if (leaseBreak !== undefined) return yield* acknowledgeLease(request, leaseBreak);
  const oplockBreak = decodeOplockBreak(view, body, end);
  if (oplockBreak === undefined) return STATUS_INVALID_PARAMETER;
  return yield* acknowledgeOplock(request, oplockBreak);
}

/**
 * [MS-SMB2] 3.3.5.22.1 Processing an Oplock Acknowledgment. STATUS_FILE_CLOSED.
 * STATUS_INVALID_OPLOCK_PROTOCOL: the open has no oplock that breaks. STATUS_INVALID_PARAMETER:
 * neither level II nor none is acknowledged; the oplock is lost.
 */
function* acknowledgeOplock(request: Request, oplockBreak: OplockBreak): Task<NtStatus> {
  const open = request.findOpen(oplockBreak.fileId);
  if (typeof open === 'number') return open;
  const { localOpen } = open;
  const grant = localOpen?.oplock;
  if (localOpen === undefined || grant === undefined || grant.lease !== undefined) {
    return STATUS_INVALID_OPLOCK_PROTOCOL;
  }
  request.server.oplockHolders.acknowledged(localOpen.oplockKey);
  const asked = oplockBreak.oplockLevel;
  const isKnown = asked === SMB2_OPLOCK_LEVEL_II || asked === SMB2_OPLOCK_LEVEL_NONE;
  const kept = yield* keep(localOpen, asked === SMB2_OPLOCK_LEVEL_II ? READ_CACHING : NO_CACHING);
  if (kept === undefined) return STATUS_INVALID_OPLOCK_PROTOCOL;
  if (!isKnown) return STATUS_INVALID_PARAMETER;
  const oplockLevel = kept === READ_CACHING ? SMB2_OPLOCK_LEVEL_II : SMB2_OPLOCK_LEVEL_NONE;
  const reply = request.room(RESPONSE_SIZE);
  const { fileId } = open;
  reply.finish(encodeOplockBreak(reply.view, reply.body, { oplockLevel, fileId }));
  return 0;
}

/** What stays; undefined: nothing breaks. Who wants level II but was told none gets none. */
function* keep(localOpen: LocalOpen, caching: number): Task<number | undefined> {
  const status = yield* acknowledgeBreak(localOpen, caching);
  if (status === STATUS_SUCCESS) return caching;
  if (status !== STATUS_REQUEST_NOT_ACCEPTED) return undefined;
  return (yield* acknowledgeBreak(localOpen, NO_CACHING)) === STATUS_SUCCESS
    ? NO_CACHING
    : undefined;
}

/**
 * [MS-SMB2] 3.3.5.22.2 Processing a Lease Acknowledgment. STATUS_OBJECT_NAME_NOT_FOUND: the client
 * has no such lease, or another user of it does. STATUS_UNSUCCESSFUL: it does not break.
 * STATUS_REQUEST_NOT_ACCEPTED: more is acknowledged than may stay.
 */
function* acknowledgeLease(request: Request, leaseBreak: LeaseBreak): Task<NtStatus> {
  const { leaseKey, leaseState } = leaseBreak;
  const { clientGuid } = request.connection;
  const oplockKey = leaseOplockKey({ clientGuid, leaseKey, version: 1 });
  const { oplockHolders, createReplays } = request.server;
  const opens = [...oplockHolders.opensOfLease(oplockKey)];
  // ClientGuid and lease key are no secrets: one of the lease's opens is this user's.
  const ownerSid = request.session?.ownerSid;
  const localOpen = opens.find(({ session }) => session.ownerSid === ownerSid)?.localOpen;
  if (localOpen === undefined) return STATUS_OBJECT_NAME_NOT_FOUND;
  for (const open of opens) createReplays.forget(open);
  oplockHolders.acknowledged(oplockKey);
  const status = yield* acknowledgeBreak(localOpen, leaseState);
  if (status !== STATUS_SUCCESS) return status;
  const reply = request.room(RESPONSE_SIZE);
  reply.finish(encodeLeaseBreak(reply.view, reply.body, { leaseKey, leaseState }));
  return 0;
}

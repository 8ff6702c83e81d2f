import { LOCKS_PER_REQUEST_MAX } from '../../../base/limits.ts';
import type { Task } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_CANCELLED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_NETWORK_SESSION_EXPIRED,
  STATUS_RANGE_NOT_LOCKED,
} from '../../../erref/ntstatus.ts';
import type { LocalOpen } from '../../../fsa/local-open.ts';
import { lockRanges, type OwnerOf, unlockRanges } from '../../../fsa/lock.ts';
import {
  SMB2_DIALECT_202,
  SMB2_GLOBAL_CAP_MULTI_CHANNEL,
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_SHARED_LOCK,
  SMB2_LOCKFLAG_UNLOCK,
} from '../../wire/constants.ts';
import {
  decodeLockRequest,
  encodeLockResponse,
  type LockElement,
  type LockRequest,
} from '../../wire/lock.ts';
import { isLockReplay, keepLockSequence, makeLockSequences } from '../lock-sequence.ts';
import type { Request } from '../request.ts';
import type { Open } from '../state/open.ts';
import { whyGone } from './why-gone.ts';

const MODE_MASK = SMB2_LOCKFLAG_SHARED_LOCK | SMB2_LOCKFLAG_EXCLUSIVE_LOCK;

/** [MS-SMB2] 3.3.5.14 Receiving an SMB2 LOCK Request. */
export function* handleLock(request: Request): Task<NtStatus> {
  const lock = decodeLockRequest(request.view, request.body, request.end);
  if (lock === undefined) return STATUS_INVALID_PARAMETER;
  const first = lock.locks[0];
  if (first === undefined) return STATUS_INVALID_PARAMETER;
  const open = request.findOpen(lock.fileId);
  if (typeof open === 'number') return open;
  if (open.localOpen === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  if (lock.locks.length > LOCKS_PER_REQUEST_MAX) return STATUS_INSUFFICIENT_RESOURCES;
  const unlocks = (first.flags & SMB2_LOCKFLAG_UNLOCK) !== 0;
  if (request.session?.state === 'expired' && !unlocks) return STATUS_NETWORK_SESSION_EXPIRED;
  const sequences = sequencesOf(request, open);
  if (sequences !== undefined && isLockReplay(sequences, lock)) return respond(request);
  const owner = ownerWith(open, sequences, lock);
  const status = unlocks
    ? yield* unlock(open.localOpen, lock.locks, owner)
    : yield* take(request, open.localOpen, { elements: lock.locks, owner });
  if (status !== 0) return status;
  if (sequences !== undefined) keepLockSequence(sequences, lock);
  return respond(request);
}

/**
 * Where the open keeps lock sequences, if they are verified: with handles that outlive a channel,
 * and where a session may have several.
 *
 * Deviation: Windows verifies them for resilient and persistent handles only; the specification,
 * and Samba, here too.
 */
function sequencesOf({ connection }: Request, open: Open): Uint8Array | undefined {
  const { dialect, serverCapabilities } = connection;
  if (dialect === SMB2_DIALECT_202) return undefined;
  const hasChannels = (serverCapabilities & SMB2_GLOBAL_CAP_MULTI_CHANNEL) !== 0;
  if (!hasChannels && open.durable === undefined) return undefined;
  open.lockSequences ??= makeLockSequences();
  return open.lockSequences;
}

/**
 * An open that another process, or another server, may get keeps the sequence together with its
 * locks: both are there or none.
 */
function ownerWith(
  { durable }: Open,
  sequences: Uint8Array | undefined,
  lock: LockRequest,
): OwnerOf | undefined {
  const isPersistent = durable?.kind === 'persistent';
  if (sequences === undefined || !(isPersistent || durable?.kept !== undefined)) return undefined;
  const keptWith = (lockSequences: Uint8Array): object =>
    isPersistent ? { ...durable, lockSequences } : { lockSequences };
  return {
    done() {
      const lockSequences = Uint8Array.from(sequences);
      keepLockSequence(lockSequences, lock);
      return keptWith(lockSequences);
    },
    undone: () => keptWith(Uint8Array.from(sequences)),
  };
}

function respond(request: Request): NtStatus {
  const reply = request.room(4);
  reply.finish(encodeLockResponse(reply.view, reply.body));
  return 0;
}

/** [MS-SMB2] 3.3.5.14.1 Processing Unlocks: one after the other, up to the first that is wrong. */
function* unlock(
  open: LocalOpen,
  elements: readonly LockElement[],
  owner: OwnerOf | undefined,
): Task<NtStatus> {
  const wrong = elements.findIndex(({ flags }) => flags !== SMB2_LOCKFLAG_UNLOCK);
  const right = wrong < 0 ? elements : elements.slice(0, wrong);
  const status = yield* unlockRanges(open, right, owner);
  if (status !== 0) return status;
  return wrong < 0 ? 0 : STATUS_INVALID_PARAMETER;
}

/** [MS-SMB2] 3.3.5.14.2 Processing Locks: all or none; only a single one may wait. */
function* take(
  request: Request,
  open: LocalOpen,
  asked: { readonly elements: readonly LockElement[]; readonly owner: OwnerOf | undefined },
): Task<NtStatus> {
  const { elements, owner } = asked;
  let failImmediately = false;
  for (const { flags } of elements) {
    const mode = flags & MODE_MASK;
    if (mode === 0 || mode === MODE_MASK) return STATUS_INVALID_PARAMETER;
    const rest = flags & ~MODE_MASK;
    if (rest !== 0 && rest !== SMB2_LOCKFLAG_FAIL_IMMEDIATELY) return STATUS_INVALID_PARAMETER;
    if (rest === 0 && elements.length > 1) return STATUS_INVALID_PARAMETER;
    failImmediately = rest !== 0;
  }
  const ranges = elements.map(({ offset, length, flags }) => ({
    offset,
    length,
    exclusive: (flags & SMB2_LOCKFLAG_EXCLUSIVE_LOCK) !== 0,
  }));
  const status = yield* lockRanges(open, ranges, { failImmediately, cancel: request, owner });
  const { treeConnect } = request;
  const hasGone = treeConnect !== undefined && whyGone(request, treeConnect) !== 0;
  // As at the close of its open (smbtorture smb2.lock.cancel-tdis, cancel-logoff).
  return status === STATUS_CANCELLED && hasGone ? STATUS_RANGE_NOT_LOCKED : status;
}

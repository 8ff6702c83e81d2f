/** RequestedOplockLevel and the lease contexts of CREATE as the store takes and gives them. */
import { type NtStatus, STATUS_INVALID_PARAMETER } from '../../erref/ntstatus.ts';
import {
  ALL_CACHING,
  HANDLE_CACHING,
  type OplockGrant,
  type OplockRequest,
  READ_CACHING,
  WRITE_CACHING,
} from '../../fsa/oplock.ts';
import {
  SMB2_DIALECT_210,
  SMB2_DIALECT_300,
  SMB2_GLOBAL_CAP_DIRECTORY_LEASING,
  SMB2_LEASE_FLAG_BREAK_IN_PROGRESS,
  SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET,
  SMB2_OPLOCK_LEVEL_BATCH,
  SMB2_OPLOCK_LEVEL_EXCLUSIVE,
  SMB2_OPLOCK_LEVEL_II,
  SMB2_OPLOCK_LEVEL_LEASE,
  SMB2_OPLOCK_LEVEL_NONE,
} from '../wire/constants.ts';
import type { CreateRequest } from '../wire/create.ts';
import {
  type CreateContext,
  findCreateContext,
  SMB2_CREATE_REQUEST_LEASE,
} from '../wire/create-context.ts';
import { decodeLeaseContext, leaseContext } from '../wire/create-context-lease.ts';
import type { Connection } from './state/connection.ts';

/** Levels as sets of caching rights, [MS-FSA] 2.1.5.18; the lease's bits are the store's own. */
const CACHING_OF_LEVEL: ReadonlyMap<number, number> = new Map([
  [SMB2_OPLOCK_LEVEL_II, READ_CACHING],
  [SMB2_OPLOCK_LEVEL_EXCLUSIVE, READ_CACHING | WRITE_CACHING],
  [SMB2_OPLOCK_LEVEL_BATCH, READ_CACHING | HANDLE_CACHING | WRITE_CACHING],
]);

/**
 * What a CREATE asks for. [MS-SMB2] 3.3.5.9.8 and 3.3.5.9.11: a lease context counts with
 * SMB2_OPLOCK_LEVEL_LEASE only, one that the dialect does not know is ignored.
 */
export function oplockRequestOf(
  connection: Connection,
  create: CreateRequest,
): OplockRequest | undefined | NtStatus {
  if (create.requestedOplockLevel !== SMB2_OPLOCK_LEVEL_LEASE) {
    const caching = CACHING_OF_LEVEL.get(create.requestedOplockLevel);
    return caching === undefined ? undefined : { caching, lease: undefined };
  }
  const data = findCreateContext(create.contexts, SMB2_CREATE_REQUEST_LEASE);
  if (data === undefined || connection.dialect < SMB2_DIALECT_210) return undefined;
  const asked = decodeLeaseContext(data);
  if (asked === undefined) return STATUS_INVALID_PARAMETER;
  const { version, leaseKey, epoch } = asked;
  if (version === 2 && connection.dialect < SMB2_DIALECT_300) return undefined;
  const { clientGuid, serverCapabilities } = connection;
  const supportsDirectoryLeasing = (serverCapabilities & SMB2_GLOBAL_CAP_DIRECTORY_LEASING) !== 0;
  const lease = {
    clientGuid,
    leaseKey,
    version,
    epoch,
    parentLeaseKey: asked.parentLeaseKey,
    coversDirectories: version === 2 && supportsDirectoryLeasing,
  };
  return { caching: asked.leaseState & ALL_CACHING, lease };
}

export function oplockLevelOf(grant: OplockGrant | undefined): number {
  if (grant === undefined) return SMB2_OPLOCK_LEVEL_NONE;
  if (grant.lease !== undefined) return SMB2_OPLOCK_LEVEL_LEASE;
  for (const [level, caching] of CACHING_OF_LEVEL) if (caching === grant.caching) return level;
  return SMB2_OPLOCK_LEVEL_NONE;
}

/**
 * [MS-SMB2] 2.2.14.2.10 and 2.2.14.2.11: the lease as it is now, in the version that it began with.
 * The parent's key goes back as the client gave it.
 */
export function leaseContextOf(
  { lease, caching, epoch, isBreaking }: OplockGrant,
  create: CreateRequest,
): CreateContext | undefined {
  if (lease === undefined) return undefined;
  const data = findCreateContext(create.contexts, SMB2_CREATE_REQUEST_LEASE);
  const asked = data === undefined ? undefined : decodeLeaseContext(data);
  const { version, leaseKey } = lease;
  const parentLeaseKey = version === 2 ? asked?.parentLeaseKey : undefined;
  let leaseFlags = isBreaking ? SMB2_LEASE_FLAG_BREAK_IN_PROGRESS : 0;
  if (parentLeaseKey !== undefined) leaseFlags |= SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET;
  return leaseContext({
    version,
    leaseKey,
    leaseState: caching,
    leaseFlags,
    parentLeaseKey,
    epoch,
  });
}

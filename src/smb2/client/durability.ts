/** What a CREATE asks for so that its open can be found again: [MS-SMB2] 3.2.4.3, 3.2.4.4. Pure. */
import {
  SMB2_DHANDLE_FLAG_PERSISTENT,
  SMB2_DIALECT_210,
  SMB2_DIALECT_300,
  SMB2_GLOBAL_CAP_LEASING,
  SMB2_GLOBAL_CAP_PERSISTENT_HANDLES,
  SMB2_LEASE_HANDLE_CACHING,
  SMB2_LEASE_READ_CACHING,
  SMB2_LEASE_WRITE_CACHING,
  SMB2_OPLOCK_LEVEL_LEASE,
  SMB2_SHARE_CAP_CONTINUOUS_AVAILABILITY,
} from '../wire/constants.ts';
import type { CreateResponse } from '../wire/create.ts';
import {
  type CreateContext,
  findCreateContext,
  SMB2_CREATE_DURABLE_HANDLE_REQUEST,
  SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2,
  SMB2_CREATE_REQUEST_LEASE,
} from '../wire/create-context.ts';
import {
  decodeDurableResponseV2,
  durableReconnectContext,
  durableReconnectV2Context,
  durableRequestContext,
  durableRequestV2Context,
} from '../wire/create-context-durable.ts';
import { decodeLeaseContext, leaseContext } from '../wire/create-context-lease.ts';
import type { FileId } from '../wire/file-id.ts';
import type { Guid } from '../wire/guid.ts';
import type { CreateParameters } from './requests.ts';
import type { ClientTree } from './tree.ts';

/** What names an open to the server, besides its FileId. */
export interface OpenNames {
  readonly createGuid: Guid;
  readonly leaseKey: Guid;
  /** SMB2_LEASE_* to ask for. */
  readonly leaseState: number;
}

export const READ_LEASE: number = SMB2_LEASE_READ_CACHING | SMB2_LEASE_HANDLE_CACHING;
export const WRITE_LEASE: number = READ_LEASE | SMB2_LEASE_WRITE_CACHING;

/** What the server made of it. */
export type Durability = 'none' | 'durable' | 'persistent';

/** Whether a CREATE may be sent again by its CreateGuid. */
export function knowsReplays(tree: ClientTree): boolean {
  return dialectOf(tree) >= SMB2_DIALECT_300;
}

/** What `perform` needs to repeat the CREATE: a CreateGuid, where the server knows them. */
export function guided(tree: ClientTree, names: OpenNames): readonly CreateContext[] {
  if (!knowsReplays(tree)) return [];
  const { createGuid } = names;
  return [durableRequestV2Context({ timeoutMs: 0, flags: 0, createGuid })];
}

/**
 * [MS-SMB2] 3.2.4.3.5 Application Requests Creating a File That Should Be Durable: with a lease,
 * for a server keeps only what caches its handle, and locks only of what caches writes. Nothing
 * where the server cannot.
 */
export function durableRequest(
  tree: ClientTree,
  names: OpenNames,
): Pick<CreateParameters, 'contexts' | 'requestedOplockLevel'> {
  if (!mayBeDurable(tree)) return { contexts: guided(tree, names) };
  const { createGuid } = names;
  const flags = mayPersist(tree) ? SMB2_DHANDLE_FLAG_PERSISTENT : 0;
  const durable =
    dialectOf(tree) < SMB2_DIALECT_300
      ? durableRequestContext()
      : durableRequestV2Context({ timeoutMs: 0, flags, createGuid });
  return { requestedOplockLevel: SMB2_OPLOCK_LEVEL_LEASE, contexts: [durable, lease(tree, names)] };
}

/** [MS-SMB2] 3.2.4.4 Re-establishing a Durable Open. */
export function durableReconnect(
  tree: ClientTree,
  names: OpenNames,
  open: { readonly fileId: FileId; readonly durability: Durability },
): Pick<CreateParameters, 'contexts' | 'requestedOplockLevel'> {
  const { fileId } = open;
  const { createGuid } = names;
  const flags = open.durability === 'persistent' ? SMB2_DHANDLE_FLAG_PERSISTENT : 0;
  const reconnect =
    dialectOf(tree) < SMB2_DIALECT_300
      ? durableReconnectContext(fileId)
      : durableReconnectV2Context({ fileId, createGuid, flags });
  const contexts = [reconnect, lease(tree, names)];
  return { requestedOplockLevel: SMB2_OPLOCK_LEVEL_LEASE, contexts };
}

/** [MS-SMB2] 3.2.5.7.3 and 3.2.5.7.4: what a CREATE Response tells. */
export function grantedDurability({ contexts }: CreateResponse): Durability {
  const v2 = findCreateContext(contexts, SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2);
  const flags = v2 && decodeDurableResponseV2(v2)?.flags;
  if (flags !== undefined) {
    return (flags & SMB2_DHANDLE_FLAG_PERSISTENT) === 0 ? 'durable' : 'persistent';
  }
  const v1 = findCreateContext(contexts, SMB2_CREATE_DURABLE_HANDLE_REQUEST);
  return v1 === undefined ? 'none' : 'durable';
}

/** SMB2_LEASE_*; 0 where none was granted. */
export function grantedLease({ contexts }: CreateResponse): number {
  const data = findCreateContext(contexts, SMB2_CREATE_REQUEST_LEASE);
  return (data && decodeLeaseContext(data)?.leaseState) ?? 0;
}

function lease(tree: ClientTree, { leaseKey, leaseState }: OpenNames): CreateContext {
  return leaseContext({
    version: dialectOf(tree) < SMB2_DIALECT_300 ? 1 : 2,
    leaseKey,
    leaseState,
    leaseFlags: 0,
    parentLeaseKey: undefined,
    epoch: 0,
  });
}

function mayBeDurable(tree: ClientTree): boolean {
  return dialectOf(tree) >= SMB2_DIALECT_210 && hasCapability(tree, SMB2_GLOBAL_CAP_LEASING);
}

function mayPersist(tree: ClientTree): boolean {
  const isAvailable = (tree.response.capabilities & SMB2_SHARE_CAP_CONTINUOUS_AVAILABILITY) !== 0;
  return isAvailable && hasCapability(tree, SMB2_GLOBAL_CAP_PERSISTENT_HANDLES);
}

function hasCapability({ session }: ClientTree, capability: number): boolean {
  return ((session.connection.negotiated?.response.capabilities ?? 0) & capability) !== 0;
}

function dialectOf({ session }: ClientTree): number {
  return session.connection.negotiated?.dialect ?? 0;
}

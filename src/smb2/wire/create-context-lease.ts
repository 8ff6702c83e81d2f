import { LE, viewOf } from '../../base/bytes.ts';
import { SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET } from './constants.ts';
import {
  type CreateContext,
  makeCreateContext,
  SMB2_CREATE_REQUEST_LEASE,
} from './create-context.ts';
import { type Guid, getGuid, NO_GUID, setGuid } from './guid.ts';

/**
 * [MS-SMB2] 2.2.13.2.8 SMB2_CREATE_REQUEST_LEASE (32 bytes), 2.2.13.2.10 ..._V2 (52 bytes);
 * 2.2.14.2.10 and 2.2.14.2.11 for responses, which look the same
 *
 *    0  16  LeaseKey
 *   16   4  LeaseState
 *   20   4  LeaseFlags
 *   24   8  LeaseDuration   0
 *   32  16  ParentLeaseKey  V2, with SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET
 *   48   2  Epoch           V2
 *   50   2  Reserved        V2
 */
export interface LeaseContext {
  readonly version: 1 | 2;
  readonly leaseKey: Guid;
  readonly leaseState: number;
  readonly leaseFlags: number;
  /** Undefined in V1, and in V2 without its flag. */
  readonly parentLeaseKey: Guid | undefined;
  /** 0 in V1. */
  readonly epoch: number;
}
const V1_SIZE = 32;
const V2_SIZE = 52;

/** Undefined when `data` is neither version, which its length decides. */
export function decodeLeaseContext(data: Uint8Array): LeaseContext | undefined {
  if (data.length !== V1_SIZE && data.length !== V2_SIZE) return undefined;
  const view = viewOf(data);
  const version = data.length === V2_SIZE ? 2 : 1;
  const leaseFlags = view.getUint32(20, LE);
  const hasParent = version === 2 && (leaseFlags & SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET) !== 0;
  return {
    version,
    leaseKey: getGuid(view, 0),
    leaseState: view.getUint32(16, LE),
    leaseFlags,
    parentLeaseKey: hasParent ? getGuid(view, 32) : undefined,
    epoch: version === 2 ? view.getUint16(48, LE) : 0,
  };
}

/** The caller sets SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET in `leaseFlags` together with the key. */
export function leaseContext(lease: LeaseContext): CreateContext {
  const size = lease.version === 2 ? V2_SIZE : V1_SIZE;
  return makeCreateContext(SMB2_CREATE_REQUEST_LEASE, size, (view) => {
    setGuid(view, 0, lease.leaseKey);
    view.setUint32(16, lease.leaseState, LE);
    view.setUint32(20, lease.leaseFlags, LE);
    if (lease.version === 1) return;
    setGuid(view, 32, lease.parentLeaseKey ?? NO_GUID);
    view.setUint16(48, lease.epoch, LE);
  });
}

import type { Guid } from '../../wire/guid.ts';
import type { Open } from './open.ts';

/**
 * [MS-SMB2] 3.3.1.12 Per Lease: the protocol's part. What is cached, what breaks and the epoch
 * stand in the file's record (`OplockEntry`), where every process sees them.
 *
 *     (none) --T0 OplockHolders.add()--> held by >= 1 open --T1 OplockHolders.remove()--> (none)
 */
export interface Lease {
  /** Lease.ClientGuid and Lease.LeaseKey as the object store names them. */
  readonly oplockKey: string;
  readonly leaseKey: Guid;
  readonly fileKey: string;
  readonly streamKey: string;
  /** Lease.LeaseOpens, the oldest first: breaks go to the client through one of them. */
  readonly opens: Set<Open>;
}

import type { Sid } from '../dtyp/sid.ts';
import type { Clock } from '../env/ports.ts';
import type { PipeClient } from '../rpce/pipe.ts';

/** A share as services tell about it. */
export interface ShareDescription {
  readonly name: string;
  /** STYPE_*, with STYPE_SPECIAL for those of the server itself. */
  readonly type: number;
  readonly comment: string;
  /** As an administrator's tool shows it; '' when absent. */
  readonly path?: string;
  /** Concurrent users at most; 0xffffffff: no limit. */
  readonly maxUses: number;
  readonly currentUses: number;
  /** SHI1005_FLAGS_*, [MS-SRVS] 2.2.4.29; 0 when absent. */
  readonly flags?: number;
}

/** [MS-LSAT] 2.2.13 SID_NAME_USE. */
export type SidNameUse = 'user' | 'group' | 'domain' | 'alias' | 'wellKnownGroup';

export interface NamedSid {
  readonly sid: Sid;
  readonly domainName: string;
  readonly name: string;
  readonly use: SidNameUse;
}

/** What the services ask of the server around them; all answers are of this moment. */
export interface ServiceHost {
  readonly serverName: string;
  /** The workgroup or domain. */
  readonly domainName: string;
  readonly comment: string;
  readonly osVersion: { readonly major: number; readonly minor: number };
  readonly clock: Clock;
  /** SID of the server's own account domain; undefined: lsarpc tells none. */
  readonly accountDomainSid?: Sid;
  /** The shares that this client may see. */
  listShares(client: PipeClient): readonly ShareDescription[];
  /** Accounts of the server's own; well-known names need not be among them. */
  findSid?(sid: Sid): NamedSid | undefined;
  findName?(name: string): NamedSid | undefined;
}

import type { Credentials } from '../vfs/vfs.ts';

/** [MS-FSA] 2.1.1.? SecurityContext: for whom an operation is done. */
export interface SecurityContext {
  readonly userSid: string;
  /** All other SIDs of the token: groups, Everyone, Authenticated Users, the POSIX owner's SID. */
  readonly groupSids: readonly string[];
  /** Names such as 'SeBackupPrivilege'. */
  readonly privileges: readonly string[];
  readonly credentials: Credentials;
  /** Mask that the share allows at the most; a read-only share has no write bits in it. */
  readonly maximalAccess: number;
}

import type { SecurityContext } from '../../../fsa/security-context.ts';
import type { Share } from '../options.ts';
import type { Session } from './session.ts';

/** [MS-SMB2] 3.3.1.9 Per Tree Connect. */
export interface TreeConnect {
  readonly treeId: number;
  readonly session: Session;
  readonly share: Share;
  /** For whom the object store acts; undefined on IPC$. Reauthentication replaces it. */
  security: SecurityContext | undefined;
  readonly maximalAccess: number;
  /** TreeConnect.Share.EncryptData, or the server's policy. */
  readonly encryptData: boolean;
  /** An Apple client asked for AAPL_SUPPORTS_READ_DIR_ATTR. */
  appleReadDirAttr: boolean;
  /**
   * An Apple client was told what the server can: modes in DACLs, copies without chunks. It is told
   * no ids of files, which it would take for HFS+'s, that are never used again (Samba).
   */
  isApple: boolean;
  openCount: number;
}

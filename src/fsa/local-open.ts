import type { Task } from '../base/task.ts';
import type { VfsFile } from '../vfs/vfs.ts';
import type { DirectoryCursor } from './directory-cursor.ts';
import type { OplockGrant } from './oplock.ts';
import type { PersistentIdentity } from './persistent-open.ts';
import type { SecurityContext } from './security-context.ts';
import type { StreamBacking } from './stream-backing.ts';
import type { Volume } from './volume.ts';

/** What is to know of a symbolic link that was opened itself. */
export interface OpenedLink {
  /** It leads to a directory, or says so. */
  readonly isDirectory: boolean;
}

/**
 * [MS-FSA] 2.1.1.6 Per Open: the part that lives in the process that serves it. Its shared part
 * is an `OpenEntry` in the file's record.
 *
 *     (openFile) --T0 enterOpen()--> open --T1 closeOpen()--> closed
 *
 * open: the record has its entry, `file` is usable. closed: neither; `closed` is true and every
 * operation fails with STATUS_FILE_CLOSED. A file and a symbolic link become each other by
 * `setReparsePoint` and `deleteReparsePoint`: only then do `fileKey`, `isDirectory` and `link`
 * change.
 */
export interface LocalOpen {
  readonly volume: Volume;
  readonly security: SecurityContext;
  readonly openId: string;
  /** Key of the file's record: 'device:inode'. */
  fileKey: string;
  file: VfsFile;
  isDirectory: boolean;
  /** A symbolic link itself is open, not what it leads to. */
  link: OpenedLink | undefined;
  /** '' is the unnamed stream; the name in the case it has on disk. A rename changes it. */
  streamName: string;
  streamKey: string;
  /** As in `OpenEntry`. */
  readonly oplockKey: string;
  /** What the open was granted; what became of it is in the record. */
  oplock: OplockGrant | undefined;
  /**
   * [MS-FSA] 2.1.1.6 Open.ParentOplockKey: the lease key under which the client says to hold the
   * directory, whose lease the changes of this open do not break. '' for none.
   */
  readonly parentOplockKey: string;
  /** Set for a named stream; the unnamed one reads and writes `file`. */
  backing: StreamBacking | undefined;
  readonly grantedAccess: number;
  readonly shareAccess: number;
  /** FILE_WRITE_THROUGH, FILE_NO_INTERMEDIATE_BUFFERING, FILE_DIRECTORY_FILE … as given. */
  readonly createOptions: number;
  /** Names are case-sensitive and as on disk; others may delete and replace the file: posix.ts. */
  readonly isPosix: boolean;
  /** Path below the volume's root as on disk; a rename changes it. */
  path: string;
  /**
   * Mode of FileModeInformation, and FilePositionInformation: after the last byte read or written.
   */
  mode: number;
  position: bigint;
  /** [MS-FSA] Open.NextEaEntry: EAs that were told. */
  nextEaEntry: number;
  /** Directory enumeration, made by the first QUERY_DIRECTORY. */
  cursor: DirectoryCursor | undefined;
  /** Of the file; known where opens may outlive the server. */
  identity: PersistentIdentity | undefined;
  /** A time was set, or frozen, through this open: its reads and writes no longer move it. */
  userSetModificationTime: boolean;
  userSetAccessTime: boolean;
  userSetChangeTime: boolean;
  /** Data was written through this open: the directory learns of it when the open closes. */
  contentChanged: boolean;
  /** The name that it was opened or renamed by may not be on the disk yet. */
  isNameNew: boolean;
  closed: boolean;
}

/** The file that holds the open's stream; undefined while an extended attribute does. */
export function* contentFileOf(open: LocalOpen): Task<VfsFile | undefined> {
  return open.backing === undefined ? open.file : yield* open.backing.contentFile();
}

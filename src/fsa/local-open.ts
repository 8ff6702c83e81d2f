import type { FileMetadata } from '../fscc/file-metadata.ts';
import type { VfsFile } from '../vfs/vfs.ts';
import type { SecurityContext } from './security-context.ts';
import type { Volume } from './volume.ts';

/** Where a stream's bytes are: the file itself, or an extended attribute. */
export interface StreamBacking {
  /** Short only at the end; see `VfsFile`. */
  readonly read: VfsFile['read'];
  readonly write: VfsFile['write'];
  readonly truncate: VfsFile['truncate'];
  /** Bytes. */
  readonly size: () => ReturnType<VfsFile['seekData']>;
}

/** What one open of a directory remembers between QUERY_DIRECTORY requests. Owned by query-directory.ts. */
export interface DirectoryCursor {
  readonly pattern: string;
  readonly next: number;
}

/**
 * [MS-FSA] 2.1.1.6 Per Open: the part that lives in the process that serves it. Its shared part
 * is an `OpenEntry` in the file's record.
 */
export interface LocalOpen {
  readonly volume: Volume;
  readonly security: SecurityContext;
  readonly openId: string;
  /** Key of the file's record: 'device:inode'. */
  readonly fileKey: string;
  readonly file: VfsFile;
  readonly isDirectory: boolean;
  /** '' is the unnamed stream; the name in the case it was opened with. */
  readonly streamName: string;
  readonly streamKey: string;
  /** Set for a named stream; the unnamed one reads and writes `file`. */
  readonly backing: StreamBacking | undefined;
  readonly grantedAccess: number;
  readonly shareAccess: number;
  /** FILE_WRITE_THROUGH, FILE_NO_INTERMEDIATE_BUFFERING, FILE_DIRECTORY_FILE … as given. */
  readonly createOptions: number;
  /** Path below the volume's root as on disk; a rename changes it. */
  path: string;
  /** Mode of FileModeInformation and position of FilePositionInformation: stored, unused. */
  mode: number;
  position: bigint;
  /** Directory enumeration, made by the first QUERY_DIRECTORY. */
  cursor: object | undefined;
  /** An explicit write time was set: writes no longer move it ([MS-FSA] 2.1.1.6 UserSet…Time). */
  userSetModificationTime: boolean;
  userSetAccessTime: boolean;
  userSetChangeTime: boolean;
  closed: boolean;
}

/** What CREATE and CLOSE answer about the file. */
export type OpenMetadata = FileMetadata;

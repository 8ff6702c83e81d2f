import type { Sid } from '../dtyp/sid.ts';

/**
 * What [MS-FSCC] structures tell about a file, independent of their layouts: fsa fills it, the
 * encoders here and the SMB2 CREATE, CLOSE and QUERY replies read it. Times are FILETIME.
 */
export interface FileMetadata {
  readonly creationTime: bigint;
  readonly lastAccessTime: bigint;
  readonly lastWriteTime: bigint;
  readonly changeTime: bigint;
  /** FILE_ATTRIBUTE_*; never 0 (FILE_ATTRIBUTE_NORMAL stands alone). */
  readonly attributes: number;
  readonly endOfFile: number;
  readonly allocationSize: number;
  readonly numberOfLinks: number;
  readonly deletePending: boolean;
  readonly isDirectory: boolean;
  /** 64-bit file index, unique in the volume; all ones where none is known. */
  readonly fileId: bigint;
  /** Bytes of the packed EA list as [MS-FSCC] 2.4.13 counts them; 0 for none. */
  readonly eaSize: number;
  /** IO_REPARSE_TAG_* when FILE_ATTRIBUTE_REPARSE_POINT is set, else 0. */
  readonly reparseTag: number;
  /** Only where the SMB3 POSIX Extensions ask for it. */
  readonly posix?: PosixMetadata | undefined;
}

/** One entry of a directory listing. A mutable record may be reused from entry to entry. */
export interface DirectoryEntryData extends FileMetadata {
  readonly name: string;
  /** 8.3 name of at most 12 characters; absent or empty where none is kept. */
  readonly shortName?: string;
  /** For Apple's clients that asked for it, in FileIdBothDirectoryInformation. */
  readonly apple?: AppleAttributes | undefined;
  /** Position of the entry in the listing; NTFS answers 0, as do we where it is absent. */
  readonly fileIndex?: number;
}

/** Everything that a QUERY_INFO of a file may tell ([MS-FSCC] 2.4). */
export interface FileInformationData extends FileMetadata {
  /** FileAccessInformation: what the open was granted. */
  readonly accessFlags: number;
  /** FilePositionInformation. */
  readonly positionOffset: bigint;
  /** FileModeInformation: FILE_WRITE_THROUGH, … of the open. */
  readonly mode: number;
  /** FileAlignmentInformation: 0 is byte alignment. */
  readonly alignment: number;
  /** Path from the share's root with a leading '\', '\' for the root. */
  readonly name: string;
  /** FileAlternateNameInformation: the 8.3 name; absent or empty where none is kept. */
  readonly shortName?: string;
  /** FileIdInformation: the volume's serial number, 64 bits. */
  readonly volumeSerialNumber: bigint;
}

/**
 * What the response to the POSIX create context, and the end of the class, tell
 *
 *    0   4  NumberOfLinks
 *    4   4  ReparseTag
 *    8   4  Mode          permissions and POSIX_TYPE_*
 *   12   -  Owner         a SID
 *    -   -  Group         a SID
 */
export interface PosixAttributes {
  readonly numberOfLinks: number;
  readonly reparseTag: number;
  readonly mode: number;
  readonly owner: Sid;
  readonly group: Sid;
}

/** What POSIX knows of a file besides what Windows asks for. */
export interface PosixMetadata extends PosixAttributes {
  readonly inode: bigint;
  /** The storage's device number, 32 bits of it. */
  readonly device: number;
}

/** What Apple's clients read in place of EaSize, ShortName and a reserved field. */
export interface AppleAttributes {
  readonly maximalAccess: number;
  readonly resourceForkSize: number;
  /** 16 bytes. */
  readonly finderInfo: Uint8Array;
  /** st_mode: type and permission bits. */
  readonly mode: number;
}

/**
 * The shapes of the object store's operations ([MS-FSA] 2.1.5): what goes in and what "on
 * completion the object store MUST return". The operations themselves are one file each.
 */
import type { NtStatus } from '../erref/ntstatus.ts';
import type { ExtendedAttribute } from '../fscc/ea.ts';
import type { FileMetadata } from '../fscc/file-metadata.ts';
import type { ObjectId } from '../fscc/fsctl-object-id.ts';
import type { FsPosixInformation } from '../fscc/posix-information.ts';
import type { SymlinkReparseData } from '../fscc/reparse-data.ts';
import type { StreamData } from '../fscc/stream-information.ts';
import type { LocalOpen } from './local-open.ts';
import type { OplockRequest } from './oplock.ts';

/** How a waiting operation learns that its request was cancelled or its open closed. */
export interface CancelSignal {
  readonly cancelled: boolean;
  /** Called once, when the request must give up waiting. Returns how to stop listening. */
  onCancel(listener: () => void): () => void;
  /** Tells the protocol that this operation waits: SMB2 answers STATUS_PENDING. Idempotent. */
  waiting(): void;
  /** Of an open that waits: sharing forbids it as things are, not only what others cache. */
  waitsForSharing?: boolean;
}

/** [MS-FSA] 2.1.5.1 Server Requests an Open of a File. */
export interface OpenParams {
  /**
   * As the client sent it: '\'-separated, no leading '\', maybe ':stream:$DATA'. '' is the root.
   */
  readonly path: string;
  readonly desiredAccess: number;
  readonly fileAttributes: number;
  readonly shareAccess: number;
  readonly createDisposition: number;
  readonly createOptions: number;
  /** Bytes to reserve for a new or overwritten file. */
  readonly allocationSize: number | undefined;
  /** FILE_FULL_EA_INFORMATION list as sent (ExtA), raw. */
  readonly eaBuffer: Uint8Array | undefined;
  /** Self-relative security descriptor as sent (SecD), raw. */
  readonly securityDescriptor: Uint8Array | undefined;
  /** FILETIME of TWrp: opens what a snapshot of that time has. */
  readonly timewarp: bigint | undefined;
  /** [MS-FSA] 2.1.5.18 Server Requests an Oplock: asked for together with the open. */
  readonly oplock?: OplockRequest | undefined;
  /** The open keeps to POSIX: see posix.ts. */
  readonly posix?: PosixOpen | undefined;
  readonly cancel: CancelSignal;
}

/** What the create context of the SMB3 POSIX Extensions asks for. */
export interface PosixOpen {
  /** Permission bits of what is made; undefined: the share's own. */
  readonly mode: number | undefined;
}

/** A name led to a link that the client has to follow itself, or to what nobody follows. */
export interface StoppedOutcome {
  readonly status: Exclude<NtStatus, 0>;
  /** Set with STATUS_STOPPED_ON_SYMLINK. */
  readonly link?: StoppedOnLink;
  readonly open?: undefined;
}

export interface StoppedOnLink extends SymlinkReparseData {
  /** Bytes of the request's name behind the link. */
  readonly unparsedPathLength: number;
}

export type OpenOutcome =
  | {
      readonly status: 0;
      readonly open: LocalOpen;
      /** FILE_SUPERSEDED, FILE_OPENED, FILE_CREATED or FILE_OVERWRITTEN. */
      readonly createAction: number;
      readonly metadata: FileMetadata;
    }
  | StoppedOutcome;

export interface CountOutcome {
  readonly status: NtStatus;
  /** Bytes done; 0 unless status is STATUS_SUCCESS. */
  readonly count: number;
}

export interface LockRange {
  readonly offset: bigint;
  readonly length: bigint;
  readonly exclusive: boolean;
}

export type MetadataOutcome =
  | { readonly status: 0; readonly metadata: FileMetadata }
  | { readonly status: Exclude<NtStatus, 0>; readonly metadata?: undefined };

/** FileBasicInformation as sent: FILETIME; 0 leaves a time, -1 and -2 stop and start updates. */
export interface BasicChange {
  readonly creationTime: bigint;
  readonly lastAccessTime: bigint;
  readonly lastWriteTime: bigint;
  readonly changeTime: bigint;
  /** 0 leaves the attributes. */
  readonly attributes: number;
}

export interface AllocatedRange {
  readonly offset: number;
  readonly length: number;
}

export interface VolumeInformation {
  readonly creationTime: bigint;
  readonly serialNumber: number;
  readonly label: string;
  readonly totalUnits: number;
  readonly callerAvailableUnits: number;
  readonly actualAvailableUnits: number;
  readonly sectorsPerUnit: number;
  readonly bytesPerSector: number;
  /** [MS-FSCC] 2.5.1 FileSystemAttributes. */
  readonly attributes: number;
  readonly componentNameLengthMax: number;
  readonly fileSystemName: string;
  readonly readOnly: boolean;
}

/** [MS-FSA] 2.1.5.6.3 Directory information query. */
export interface DirectoryQuery {
  readonly pattern: string;
  /** SL_RESTART_SCAN: begins again with this pattern's first match. */
  readonly restart: boolean;
  /** SMB2_REOPEN: as `restart`, and the pattern is taken anew. */
  readonly reopen: boolean;
  readonly index?: number;
  /** Each entry comes with what Apple's clients want of it. */
  readonly withApple?: boolean;
  /** FileNamesInformation: only names and ids are wanted, nothing is stat'ed. */
  readonly namesOnly?: boolean;
  /** Counts what the caller let happen that may have changed a file: see list-ahead.ts. */
  readonly changes?: number;
}

/** [MS-FSCC] 2.4.11 and 2.4.12 File(Ex)DispositionInformation. */
export interface DispositionChange {
  readonly delete: boolean;
  readonly posixSemantics?: boolean;
  readonly ignoreReadOnly?: boolean;
  /** FILE_DISPOSITION_ON_CLOSE: changes FILE_DELETE_ON_CLOSE of this open instead. */
  readonly onClose?: boolean;
  /** Without it others' handle caching is broken, and nobody is waited for. */
  readonly cancel?: CancelSignal | undefined;
}

/**
 * Where FileRenameInformation and FileLinkInformation lead: from the volume's root, or ':stream'.
 */
export interface NewName {
  readonly newName: string;
  readonly replaceIfExists: boolean;
  /** Without it others' handle caching is broken, and nobody is waited for. */
  readonly cancel?: CancelSignal | undefined;
}

export type EasOutcome = { readonly status: NtStatus; readonly eas: readonly ExtendedAttribute[] };
export type StreamsOutcome = {
  readonly status: NtStatus;
  readonly streams: readonly StreamData[];
};
export type SecurityOutcome = {
  readonly status: NtStatus;
  /** Self-relative; set with STATUS_SUCCESS. */
  readonly descriptor?: Uint8Array;
};
export type AccessOutcome = { readonly status: NtStatus; readonly access: number };
export type VolumeOutcome =
  | { readonly status: 0; readonly information: VolumeInformation }
  | { readonly status: NtStatus; readonly information?: undefined };
export type PosixVolumeOutcome =
  | { readonly status: 0; readonly information: FsPosixInformation }
  | { readonly status: NtStatus; readonly information?: undefined };
export type RangesOutcome = {
  readonly status: NtStatus;
  readonly ranges: readonly AllocatedRange[];
  /** More ranges follow that `maxRanges` cut off. */
  readonly more: boolean;
};
/** `data` is a whole REPARSE_DATA_BUFFER. */
export type ReparseOutcome = { readonly status: NtStatus; readonly data: Uint8Array };
export type CompressionOutcome = { readonly status: NtStatus; readonly format: number };
export interface CopyRange {
  readonly sourceOffset: number;
  readonly targetOffset: number;
  readonly length: number;
}
export type ObjectIdOutcome = {
  readonly status: NtStatus;
  /** Set with STATUS_SUCCESS. */
  readonly id?: ObjectId;
};

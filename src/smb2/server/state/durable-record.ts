/**
 * What has to be known of an open that may outlive its connection, so that any process can give it
 * back: [MS-SMB2] 3.3.1.10 Per Open, the durable part. Plain data in table 'durable', keyed by the
 * persistent file id. What others' opens have to know of it (access, sharing, locks, oplock) stands
 * in the file's record under `openId`, and stays there while the client is away.
 */
import type { ContentIdentity } from '../../../fsa/content-identity.ts';
import type { KeptOpen } from '../../../fsa/persistent-open.ts';
import type { Guid } from '../../wire/guid.ts';
import type { AppInstance } from '../app-instances.ts';

/** Layout of `DurableRecord`. */
export const DURABLE_RECORD_VERSION = 3;

/** 'durable': Open.IsDurable; 'resilient': Open.IsResilient; 'persistent': Open.IsPersistent. */
export type DurableKind = 'durable' | 'resilient' | 'persistent';

export interface DurableRecord {
  /** The process that has the file open; NO_SERVER when that is gone. */
  readonly serverId: string;
  readonly kind: DurableKind;
  /** Open.DurableFileId. */
  readonly persistentId: bigint;
  /** Open.CreateGuid; zeros for a durable handle of version 1, and a resilient one. */
  readonly createGuid: Guid;
  readonly clientGuid: Guid;
  /** Open.DurableOwner. */
  readonly userSid: string;
  readonly userName: string;
  /** Lower-cased. */
  readonly shareName: string;
  /** Where its `OpenEntry` is. */
  readonly fileKey: string;
  readonly openId: string;
  /** Undefined without a lease. */
  readonly lease: { readonly leaseKey: Guid; readonly version: 1 | 2 } | undefined;
  readonly appInstance: AppInstance | undefined;
  readonly streamName: string;
  readonly createOptions: number;
  /** FILE_OPENED, FILE_CREATED …, for a CREATE that is replayed. */
  readonly createAction: number;
  /** Open.DurableOpenTimeout, Open.ResilientOpenTimeout: milliseconds that it is kept. */
  readonly timeoutMs: number;
  /** Open.LockSequenceArray of a persistent open, as of its last lock. */
  readonly lockSequences?: Uint8Array | undefined;
  /**
   * What another process makes the open from; one that outlives the server has it in its
   * `OpenEntry`. Undefined where there is no other process.
   */
  readonly kept?: KeptOpen | undefined;
  /** Set while nobody is connected to it. */
  readonly away: Away | undefined;
}

/** How the client left its open. */
export interface Away {
  /** FILETIME. */
  readonly since: bigint;
  /** Of FileModeInformation and FilePositionInformation. */
  readonly mode: number;
  readonly position: bigint;
  readonly channelSequence: number;
  /** Open.IsReplayEligible. */
  readonly isReplayEligible: boolean;
  /** Open.LockSequenceArray; undefined: no lock has had a sequence number. */
  readonly lockSequences: Uint8Array | undefined;
  /** Undefined while requests from before are still being served. */
  readonly identity: FileIdentity | undefined;
}

/** By which what was changed or replaced meanwhile is told from what the client left. */
export interface FileIdentity extends ContentIdentity {
  readonly device: bigint;
  readonly inode: bigint;
}

/** The key of a record: 16 hexadecimal digits. */
export function durableKey(persistentId: bigint): string {
  return persistentId.toString(16).padStart(16, '0');
}

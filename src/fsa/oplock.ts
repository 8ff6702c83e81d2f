/**
 * [MS-FSA] 2.1.1.10 Per Oplock: who may cache what of a stream. Oplocks and leases are one thing
 * here, a set of caching rights held under one key; they differ in how they break.
 *
 * A holder's life, all of it in the file's record and made by the functions of decide-oplock.ts:
 *
 *     (none) --T0 grantOplock()--> held --T1 breakEntry()--> breaking --T2 decideAcknowledge()--+
 *                                  ^  |                        |                                |
 *                                  |  +--T4 dropOplocks()      +--T3 decideBreakTimeout()       |
 *                                  |                                                            |
 *                                  +-------------------- what was acknowledged -----------------+
 *
 * held: `caching` is what the holder may do; nothing but READ_CACHING goes without breaking.
 * breaking: the holder was told to come down to `breakingTo` and still may do `caching`; others
 * wait.
 * T2 may break again at once, when more was asked for meanwhile. T3 leaves nothing. T4: the last
 * open under the key closed.
 */
export const READ_CACHING = 0x1;
export const HANDLE_CACHING = 0x2;
export const WRITE_CACHING = 0x4;
export const NO_CACHING = 0;
export const ALL_CACHING: number = READ_CACHING | HANDLE_CACHING | WRITE_CACHING;

/** [MS-SMB2] 3.3.1.12 Per Lease, what the store has to know to tell its owner of a break. */
export interface LeaseIdentity {
  /** 32 hexadecimal digits each. */
  readonly clientGuid: string;
  readonly leaseKey: string;
  readonly version: 1 | 2;
}

export interface OplockEntry {
  /** [MS-FSA] Open.TargetOplockKey: see `OpenEntry.oplockKey`. */
  readonly oplockKey: string;
  readonly streamKey: string;
  /** The process that indicates its breaks. */
  readonly serverId: string;
  /** Undefined: an oplock of one open, which knows level II, exclusive and batch only. */
  readonly lease: LeaseIdentity | undefined;
  /** A set of READ_CACHING, HANDLE_CACHING, WRITE_CACHING. */
  readonly caching: number;
  /** Lease.Epoch; counted for every holder, told to those of version 2. */
  readonly epoch: number;
  /** Undefined: nothing is asked of the holder. */
  readonly breaking: BreakInProgress | undefined;
}

export interface BreakInProgress {
  /** The most that an acknowledgement may keep. */
  readonly breakingTo: number;
  /** What is needed in the end; less than `breakingTo` when more was asked for meanwhile. */
  readonly target: number;
  /** With `oplockKey`, names this break: the record's version when it began. */
  readonly since: number;
  /** The same of the first of the breaks that this one goes on from: when it was asked first. */
  readonly begun: number;
}

/** What an open asks for. */
export interface OplockRequest {
  readonly caching: number;
  readonly lease: LeaseRequest | undefined;
}

export interface LeaseRequest extends LeaseIdentity {
  readonly epoch: number;
  /** [MS-FSA] Open.ParentOplockKey: the lease key under which the client holds the directory. */
  readonly parentLeaseKey: string | undefined;
  /** The client knows leases of directories, too. */
  readonly coversDirectories: boolean;
}

/** What it got, or what the lease that it belongs to has. */
export interface OplockGrant {
  readonly caching: number;
  readonly isBreaking: boolean;
  readonly lease: LeaseIdentity | undefined;
  readonly epoch: number;
}

/** [MS-FSA] 2.1.5.18.3: what a holder is told. */
export interface OplockBreak {
  readonly oplockKey: string;
  readonly serverId: string;
  readonly lease: LeaseIdentity | undefined;
  readonly from: number;
  readonly to: number;
  /** False: the holder has lost it already, nothing is to be answered. */
  readonly needsAcknowledgement: boolean;
  readonly epoch: number;
  /** As in `BreakInProgress`. */
  readonly since: number;
}

/** A break that somebody waits for. */
export interface AwaitedBreak {
  readonly oplockKey: string;
  readonly since: number;
}

/** The key that all opens of one lease share. */
export function leaseOplockKey(lease: LeaseIdentity): string {
  return `${lease.clientGuid}:${lease.leaseKey}`;
}

export const NO_OPLOCKS: readonly OplockEntry[] = [];
export const NO_BREAKS: readonly OplockBreak[] = [];
export const NO_AWAITED: readonly AwaitedBreak[] = [];

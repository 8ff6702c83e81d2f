/**
 * The rules of oplocks and leases as tables: [MS-FSA] 2.1.4.12 Algorithm to Check for an Oplock
 * Break, 2.1.5.18.1 Algorithm to Request an Exclusive Oplock, 2.1.5.18.2 Algorithm to Request a
 * Shared Oplock. decide-oplock.ts applies them and knows none of its own; every cell, as it comes
 * out, stands in test/scenarios/oplock-tables.txt.
 */
import {
  FILE_READ_ATTRIBUTES,
  FILE_WRITE_ATTRIBUTES,
  READ_CONTROL,
  SYNCHRONIZE,
} from '../dtyp/access-mask.ts';
import { ALL_CACHING, HANDLE_CACHING, NO_CACHING, READ_CACHING, WRITE_CACHING } from './oplock.ts';

/** An oplock is one open's and knows three levels; a lease is a client's and knows four states. */
export type HolderKind = 'oplock' | 'lease';

/** What an operation does to the caching of everybody else. */
export interface BreakRule {
  /** What the others lose. */
  readonly takes: number;
  /** The operation waits for whoever has one of these. */
  readonly awaits: number;
  /** It waits for any break that is in progress, too, unless it takes more than that break. */
  readonly queues: boolean;
  /** Level II of the very open that does it goes as well ([MS-FSA] 2.1.4.12, "WRITE"). */
  readonly breaksOwnLevelII: boolean;
}

export type BreakingOperation = 'open' | 'overwrite' | 'share' | 'change' | 'remove' | 'child';

/**
 * 2.1.4.12, by operation. open: 2.1.5.1.2 of an existing file for more than attributes. overwrite:
 * the same with a disposition that empties it. share: an open that sharing forbids, as long as
 * closing cached handles could help (2.1.5.1.2.2). change: 2.1.5.4, 2.1.5.8, 2.1.5.15.1, 2.1.5.15.4
 * and the like: data, size or locks. remove: 2.1.5.15.3, 2.1.5.15.11, and a close that deletes.
 * child: whatever changes what is listed of a directory, which PARENT_OBJECT says there.
 */
export const BREAK_RULES: Readonly<Record<BreakingOperation, BreakRule>> = {
  open: { takes: WRITE_CACHING, awaits: WRITE_CACHING, queues: true, breaksOwnLevelII: false },
  overwrite: { takes: ALL_CACHING, awaits: WRITE_CACHING, queues: true, breaksOwnLevelII: false },
  share: { takes: HANDLE_CACHING, awaits: HANDLE_CACHING, queues: true, breaksOwnLevelII: false },
  change: { takes: ALL_CACHING, awaits: NO_CACHING, queues: false, breaksOwnLevelII: true },
  remove: { takes: HANDLE_CACHING, awaits: HANDLE_CACHING, queues: false, breaksOwnLevelII: false },
  child: { takes: ALL_CACHING, awaits: NO_CACHING, queues: false, breaksOwnLevelII: false },
};

/** 2.1.5.1.2: an open for no more than this disturbs no holder of that kind. */
export const HARMLESS_ACCESS: Readonly<Record<HolderKind, number>> = {
  oplock: FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | SYNCHRONIZE,
  lease: FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | SYNCHRONIZE | READ_CONTROL,
};

/** The caching that there is; what is asked for, granted or kept is one of these or nothing. */
export const CACHING_STATES: Readonly<Record<HolderKind, ReadonlySet<number>>> = {
  lease: new Set([
    READ_CACHING,
    READ_CACHING | HANDLE_CACHING,
    READ_CACHING | WRITE_CACHING,
    ALL_CACHING,
  ]),
  // Level II, exclusive and batch.
  oplock: new Set([READ_CACHING, READ_CACHING | WRITE_CACHING, ALL_CACHING]),
};

/** What one holder leaves for the others to cache. */
export interface BesideRule {
  readonly holder: HolderKind | 'any';
  /** It applies to a holder that has all of this. */
  readonly has: number;
  /** The most that a lease, or an oplock, gets beside it. */
  readonly leaves: Readonly<Record<HolderKind, number>>;
}

/**
 * 2.1.5.18.1 and 2.1.5.18.2, what is granted beside somebody who holds, breaks, or has nothing
 * left: the first row that applies, over all holders. An oplock cannot share handle caching with a
 * lease, and a lease gets READ only beside level II.
 */
export const BESIDE_RULES: readonly BesideRule[] = [
  {
    holder: 'any',
    has: WRITE_CACHING,
    leaves: { lease: NO_CACHING, oplock: NO_CACHING },
  },
  {
    holder: 'lease',
    has: HANDLE_CACHING,
    leaves: { lease: READ_CACHING | HANDLE_CACHING, oplock: NO_CACHING },
  },
  {
    holder: 'oplock',
    has: READ_CACHING,
    leaves: { lease: READ_CACHING, oplock: READ_CACHING },
  },
  {
    holder: 'any',
    has: NO_CACHING,
    leaves: { lease: READ_CACHING | HANDLE_CACHING, oplock: READ_CACHING },
  },
];

/** The same beside an open that caches nothing, unless it is for attributes only. */
export const BESIDE_AN_OPEN: number = READ_CACHING | HANDLE_CACHING;

/** What a lease, or an oplock, keeps at most of what a break leaves it: level II, or nothing. */
export const BREAKS_TO: Readonly<Record<HolderKind, number>> = {
  lease: ALL_CACHING,
  oplock: READ_CACHING,
};

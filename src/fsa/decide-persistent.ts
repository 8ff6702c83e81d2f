/** Decisions on opens that outlive the server. Pure: the changes run inside `files.update`. */
import { FILE_APPEND_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import type { Update } from '../state/record-store.ts';
import { withPending } from './decide-close.ts';
import { isHolderAway, isStatOpen, nextEpoch } from './decide-oplock.ts';
import type { FileRecord, OpenEntry } from './file-record.ts';
import {
  HANDLE_CACHING,
  NO_CACHING,
  type OplockBreak,
  type OplockEntry,
  READ_CACHING,
  WRITE_CACHING,
} from './oplock.ts';
import type { PersistentOpen } from './persistent-open.ts';

/**
 * Enters, or replaces, what is kept of an open; undefined: it is persistent no more. False: the
 * open has gone.
 */
export function decideKept(
  current: FileRecord | undefined,
  openId: string,
  persistent: PersistentOpen | undefined,
): Update<FileRecord, boolean> {
  const entry = current?.opens.find((open) => open.openId === openId);
  if (current === undefined || entry === undefined) return { next: 'keep', result: false };
  const opens = current.opens.map((open) => (open === entry ? { ...open, persistent } : open));
  return { next: { ...current, opens, version: current.version + 1 }, result: true };
}

/** A change of an open's locks, and with it what the layer above keeps of the open. */
export function keeping<T>(
  update: Update<FileRecord, T>,
  openId: string,
  owner: object | undefined,
): Update<FileRecord, T> {
  const { next } = update;
  if (owner === undefined || next === undefined || next === 'keep') return update;
  const opens = next.opens.map((open) => {
    if (open.openId !== openId) return open;
    if (open.persistent === undefined) return { ...open, owned: owner };
    return { ...open, persistent: { ...open.persistent, owner } };
  });
  return { ...update, next: { ...next, opens } };
}

export interface Back {
  /** Of the lease that the client names. */
  readonly epoch: number | undefined;
  /** The file is not what the client left. */
  readonly isChanged: boolean;
}

/** An open whose client is back, and what that client is told then. */
export interface BackDecision {
  /** The oplock or lease as the client gets it back; what breaks it is told of afterwards. */
  readonly oplock: OplockEntry | undefined;
  /** A break that began while nobody could be told. */
  readonly breaks: OplockBreak | undefined;
  /** Something was cached that is not true any more. */
  readonly isStale?: boolean;
}

/**
 * The first client to come back for an oplock or lease finds it as it left it, unless somebody
 * changed the file beside the server: then it caches nothing any more. `epoch` is that of the lease
 * that it names.
 *
 * Windows: without WRITE a lease is lost to byte-range locks. One without HANDLE counts as granted
 * anew, with the client's epoch, and one of READ alone as acquired again (smbtorture
 * smb2.persistent-open-reconnect-contended.reconnect-contended).
 */
export function decideBack(
  current: FileRecord | undefined,
  open: Pick<OpenEntry, 'openId' | 'oplockKey' | 'streamKey'>,
  back: Back,
): Update<FileRecord, BackDecision> {
  const held = current?.oplocks.find(
    (entry) => entry.oplockKey === open.oplockKey && entry.streamKey === open.streamKey,
  );
  if (current === undefined || held === undefined) {
    return { next: 'keep', result: { oplock: held, breaks: undefined } };
  }
  if (!isHolderAway(current, held)) {
    return { next: 'keep', result: { oplock: held, breaks: undefined } };
  }
  if (held.breaking !== undefined) {
    const told: OplockEntry = { ...held, epoch: (held.epoch - 1) & 0xffff, breaking: undefined };
    return { next: 'keep', result: { oplock: told, breaks: indicateAgain(held) } };
  }
  const oplock = resume(current, held, back);
  if (oplock === held) return { next: 'keep', result: { oplock, breaks: undefined } };
  const oplocks = current.oplocks.map((entry) => (entry === held ? oplock : entry));
  const next = { ...current, oplocks, version: current.version + 1 };
  const isStale = back.isChanged && held.caching !== NO_CACHING;
  return { next, result: { oplock, breaks: undefined, isStale } };
}

function resume(current: FileRecord, held: OplockEntry, { epoch, isChanged }: Back): OplockEntry {
  const isReadOnly = (held.caching & WRITE_CACHING) === 0;
  const isLost = isChanged || (isReadOnly && hasLocks(current, held.streamKey));
  const caching = isLost ? NO_CACHING : held.caching;
  const isAnew = (caching & HANDLE_CACHING) === 0 && held.lease !== undefined;
  if (!isAnew) return caching === held.caching ? held : { ...held, caching };
  const named = epoch ?? held.epoch;
  return { ...held, caching, epoch: caching === READ_CACHING ? nextEpoch(named) : named };
}

function indicateAgain(held: OplockEntry): OplockBreak | undefined {
  const { oplockKey, serverId, lease, caching: from, epoch, breaking } = held;
  if (breaking === undefined) return undefined;
  const { breakingTo: to, since } = breaking;
  return { oplockKey, serverId, lease, from, to, needsAcknowledgement: true, epoch, since };
}

/**
 * Whether a client that is away keeps everybody else from opening the stream: it cannot be asked
 * whether it minds, unless breaking its handle caching asks it when it is back. Then the open
 * waits. Cost: nothing where nobody is away.
 *
 * Windows: any access to data counts, shared or not; with byte-range locks only the caching of
 * writes, too, lets an open wait (smbtorture smb2.persistent-open-reconnect-contended).
 */
export function isUnavailable(record: FileRecord, entry: OpenEntry, access: number): boolean {
  for (const open of record.opens) {
    if (open.persistent?.isAway !== true || isStatOpen(access, 'lease')) continue;
    if (open.streamKey !== entry.streamKey || open.oplockKey === entry.oplockKey) continue;
    const held = record.oplocks.find(
      (other) => other.oplockKey === open.oplockKey && other.streamKey === open.streamKey,
    );
    const asks = hasLocks(record, open.streamKey) ? HANDLE_CACHING | WRITE_CACHING : HANDLE_CACHING;
    if (((held?.caching ?? NO_CACHING) & asks) !== asks) return true;
  }
  return false;
}

/** Whether another open with the same oplock or lease may write. */
export function hasWriterBeside(
  record: FileRecord,
  { openId, oplockKey, streamKey }: Pick<OpenEntry, 'openId' | 'oplockKey' | 'streamKey'>,
): boolean {
  return record.opens.some(
    (other) =>
      other.openId !== openId &&
      other.oplockKey === oplockKey &&
      other.streamKey === streamKey &&
      (other.grantedAccess & (FILE_WRITE_DATA | FILE_APPEND_DATA)) !== 0,
  );
}

function hasLocks(record: FileRecord, streamKey: string): boolean {
  return record.locks.some((lock) => lock.streamKey === streamKey);
}

/** What of a record outlives the server: its persistent opens and what is theirs. */
export function keptPart(record: FileRecord | undefined): FileRecord | undefined {
  if (record === undefined) return undefined;
  if (record.opens.length > 0 && record.opens.every(isPersistent)) return record;
  const opens = record.opens.filter(isPersistent);
  if (opens.length === 0) return undefined;
  return { ...record, ...heldBy(record, opens) };
}

/** `opens` with the locks and oplocks of `record` that are theirs. */
export function heldBy(
  record: FileRecord,
  opens: readonly OpenEntry[],
): Pick<FileRecord, 'opens' | 'locks' | 'oplocks'> {
  const ids = new Set(opens.map((open) => open.openId));
  return {
    opens,
    locks: record.locks.filter((lock) => ids.has(lock.openId)),
    oplocks: record.oplocks.filter((entry) =>
      opens.some(
        (open) => open.oplockKey === entry.oplockKey && open.streamKey === entry.streamKey,
      ),
    ),
  };
}

export function isPersistent(open: OpenEntry): boolean {
  return open.persistent !== undefined;
}

/** Whether a change of a record is one of what outlives the server. */
export function changesKept(
  before: FileRecord | undefined,
  after: FileRecord | undefined,
): boolean {
  const old = before?.opens.some(isPersistent) === true;
  const now = after?.opens.some(isPersistent) === true;
  if (!old || !now) return old !== now;
  const was = keptPart(before);
  const is = keptPart(after);
  return !(
    isSameList(was?.opens, is?.opens) &&
    isSameList(was?.locks, is?.locks) &&
    isSameList(was?.oplocks, is?.oplocks) &&
    isSameList(was?.deletePending, is?.deletePending)
  );
}

function isSameList<T>(a: readonly T[] | undefined, b: readonly T[] | undefined): boolean {
  if (a === b) return true;
  if (a?.length !== b?.length) return false;
  return a === undefined || a.every((one, i) => one === b?.[i]);
}

/**
 * Puts restored opens, with what is theirs, beside those that are there already; what several of
 * them share is there once.
 */
export function decideRestored(
  current: FileRecord | undefined,
  kept: FileRecord,
): Update<FileRecord, undefined> {
  if (current === undefined) return { next: kept, result: undefined };
  const next: FileRecord = {
    ...current,
    opens: [...current.opens, ...kept.opens],
    locks: [...current.locks, ...kept.locks],
    oplocks: [...current.oplocks, ...kept.oplocks.filter((one) => !isHeld(current, one))],
    deletePending: kept.deletePending.reduce(withPending, current.deletePending),
    version: Math.max(current.version, kept.version) + 1,
  };
  return { next, result: undefined };
}

function isHeld({ oplocks }: FileRecord, { oplockKey, streamKey }: OplockEntry): boolean {
  return oplocks.some((held) => held.oplockKey === oplockKey && held.streamKey === streamKey);
}

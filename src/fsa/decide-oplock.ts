/**
 * Breaks of oplocks and leases: [MS-FSA] 2.1.4.12 Algorithm to Check for an Oplock Break, 2.1.5.19
 * Server Acknowledges an Oplock Break. Pure: the changes run inside `files.update`. The rules are
 * the tables of oplock-rules.ts; the functions only apply them.
 */
import { assert } from '../base/assert.ts';
import {
  type NtStatus,
  STATUS_INVALID_OPLOCK_PROTOCOL,
  STATUS_REQUEST_NOT_ACCEPTED,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
} from '../erref/ntstatus.ts';
import type { Update } from '../state/record-store.ts';
import type { FileRecord, OpenEntry } from './file-record.ts';
import {
  type AwaitedBreak,
  leaseOplockKey,
  NO_AWAITED,
  NO_BREAKS,
  NO_CACHING,
  NO_OPLOCKS,
  type OplockBreak,
  type OplockEntry,
  type OplockRequest,
  READ_CACHING,
  WRITE_CACHING,
} from './oplock.ts';
import {
  BREAK_RULES,
  BREAKS_TO,
  type BreakingOperation,
  type BreakRule,
  CACHING_STATES,
  HARMLESS_ACCESS,
  type HolderKind,
} from './oplock-rules.ts';

export interface Breaker {
  /** Open.TargetOplockKey; for 'child' Open.ParentOplockKey, a lease key or '' for none. */
  readonly oplockKey: string;
  readonly streamKey: string;
  readonly operation: BreakingOperation;
  /** What the operation is allowed to do to the file: attributes alone disturb nobody. */
  readonly access: number;
  /**
   * It waited before and tries again: the newest break (`since`) of when it came first. It waits
   * for every break that is as old, not just for what it needs.
   */
  readonly queuedAt: number | undefined;
}

export interface BreakDecision {
  /** The same array when nothing changes. */
  readonly oplocks: readonly OplockEntry[];
  readonly breaks: readonly OplockBreak[];
  readonly awaited: readonly AwaitedBreak[];
}

/** Whether an access leaves what an oplock, or a lease, caches as it is. */
export function isStatOpen(access: number, kind: HolderKind): boolean {
  return (access & ~HARMLESS_ACCESS[kind]) === 0;
}

/** 2.1.4.12: what an operation breaks, and whom it has to wait for. */
export function decideBreaks(record: FileRecord, breaker: Breaker): BreakDecision {
  const { oplocks } = record;
  if (oplocks.length === 0 || isStatOpen(breaker.access, 'oplock')) {
    return { oplocks, breaks: NO_BREAKS, awaited: NO_AWAITED };
  }
  const rule = BREAK_RULES[breaker.operation];
  const breaks: OplockBreak[] = [];
  const awaited: AwaitedBreak[] = [];
  let isChanged = false;
  const next = oplocks.map((entry) => {
    if (entry.streamKey !== breaker.streamKey) return entry;
    if (isSameKey(entry, breaker) && !breaksItself(entry, rule)) return entry;
    if (entry.lease !== undefined && isStatOpen(breaker.access, 'lease')) return entry;
    const broken = breakEntry(entry, rule.takes, record.version + 1);
    if (mustWait(entry, rule, breaker.queuedAt)) {
      const since = broken.entry.breaking?.since;
      assert(since !== undefined, `nothing to wait for: ${entry.oplockKey} ${entry.caching}`);
      awaited.push({ oplockKey: entry.oplockKey, since });
    }
    if (broken.indicated !== undefined) breaks.push(broken.indicated);
    if (broken.entry !== entry) isChanged = true;
    return broken.entry;
  });
  return { oplocks: isChanged ? next : oplocks, breaks, awaited };
}

/** Whether an operation would break anything at all; makes no garbage. */
export function disturbs(
  record: FileRecord,
  holder: { readonly oplockKey: string; readonly streamKey: string },
  operation: BreakingOperation,
): boolean {
  const rule = BREAK_RULES[operation];
  for (const entry of record.oplocks) {
    if (entry.streamKey !== holder.streamKey || (entry.caching & rule.takes) === 0) continue;
    const { oplockKey } = holder;
    if (!isSameKey(entry, { oplockKey, operation }) || breaksItself(entry, rule)) return true;
  }
  return false;
}

/**
 * 2.1.4.12.2 Algorithm to Compare Oplock Keys.
 *
 * Windows: the key of the parent's lease counts, whichever client names it (smbtorture
 * smb2.dirlease.seteof and its siblings, "second client").
 */
function isSameKey(
  entry: OplockEntry,
  { oplockKey, operation }: Pick<Breaker, 'oplockKey' | 'operation'>,
): boolean {
  return (operation === 'child' ? entry.lease?.leaseKey : entry.oplockKey) === oplockKey;
}

function breaksItself(entry: OplockEntry, rule: BreakRule): boolean {
  const isExclusive = (entry.caching & WRITE_CACHING) !== 0;
  return rule.breaksOwnLevelII && entry.lease === undefined && !isExclusive;
}

function mustWait(entry: OplockEntry, rule: BreakRule, queuedAt: number | undefined): boolean {
  if ((entry.caching & rule.awaits) !== 0) return true;
  if (!rule.queues || entry.breaking === undefined) return false;
  // Breaks without end, as many writers make them, keep nobody waiting without end.
  if (queuedAt !== undefined) return entry.breaking.begun <= queuedAt;
  return (entry.caching & rule.takes) === 0;
}

/** T1: takes caching from one holder; tells it so unless it is being told already. */
function breakEntry(
  entry: OplockEntry,
  takes: number,
  since: number,
): { readonly entry: OplockEntry; readonly indicated: OplockBreak | undefined } {
  const { caching, breaking, lease } = entry;
  if ((caching & takes) === 0) return { entry, indicated: undefined };
  const left = caching & ~takes;
  const to = left & BREAKS_TO[lease === undefined ? 'oplock' : 'lease'];
  if (breaking !== undefined) {
    const target = breaking.target & to;
    if (target === breaking.target) return { entry, indicated: undefined };
    return { entry: { ...entry, breaking: { ...breaking, target } }, indicated: undefined };
  }
  const needsAcknowledgement = caching !== READ_CACHING;
  const next: OplockEntry = {
    ...entry,
    epoch: nextEpoch(entry.epoch),
    ...(needsAcknowledgement
      ? { breaking: { breakingTo: to, target: to, since, begun: since } }
      : { caching: NO_CACHING }),
  };
  return { entry: next, indicated: indicate(next, caching, to, since) };
}

function indicate(entry: OplockEntry, from: number, to: number, since: number): OplockBreak {
  return {
    oplockKey: entry.oplockKey,
    serverId: entry.serverId,
    lease: entry.lease,
    from,
    to,
    needsAcknowledgement: entry.breaking !== undefined,
    epoch: entry.epoch,
    since,
  };
}

export function nextEpoch(epoch: number): number {
  return (epoch + 1) & 0xffff;
}

export interface Acknowledgement {
  readonly oplockKey: string;
  readonly streamKey: string;
  /** What the holder keeps. */
  readonly caching: number;
}

export interface AcknowledgeDecision {
  readonly status: NtStatus;
  readonly breaks: readonly OplockBreak[];
}

/**
 * T2, 2.1.5.19. STATUS_UNSUCCESSFUL (a lease) and STATUS_INVALID_OPLOCK_PROTOCOL (an oplock): it is
 * not breaking. STATUS_REQUEST_NOT_ACCEPTED: it would keep more than it may, or what nobody holds
 * (writes or handles cached without reads).
 *
 * Windows: when more has to go than the holder was told, it is told again, of WRITE and HANDLE
 * first and of READ last, with the epoch it knows (smbtorture smb2.lease.v2_breaking3).
 */
export function decideAcknowledge(
  current: FileRecord | undefined,
  acknowledgement: Acknowledgement,
): Update<FileRecord, AcknowledgeDecision> {
  const { oplockKey, streamKey, caching } = acknowledgement;
  const entry = current?.oplocks.find(
    (other) => other.oplockKey === oplockKey && other.streamKey === streamKey,
  );
  if (current === undefined || entry?.breaking === undefined) {
    const isOplock = entry !== undefined && entry.lease === undefined;
    const status = isOplock ? STATUS_INVALID_OPLOCK_PROTOCOL : STATUS_UNSUCCESSFUL;
    return { next: 'keep', result: { status, breaks: NO_BREAKS } };
  }
  const isState = caching === NO_CACHING || CACHING_STATES.lease.has(caching);
  if (!isState || (caching & ~entry.breaking.breakingTo) !== 0) {
    return { next: 'keep', result: { status: STATUS_REQUEST_NOT_ACCEPTED, breaks: NO_BREAKS } };
  }
  const { entry: next, indicated } = settle(entry, caching, current.version + 1);
  const oplocks = current.oplocks.map((other) => (other === entry ? next : other));
  const breaks = indicated === undefined ? NO_BREAKS : [indicated];
  return {
    next: { ...current, oplocks, version: current.version + 1 },
    result: { status: STATUS_SUCCESS, breaks },
  };
}

function settle(
  entry: OplockEntry,
  caching: number,
  since: number,
): { readonly entry: OplockEntry; readonly indicated: OplockBreak | undefined } {
  const target = entry.breaking?.target ?? caching;
  if ((caching & ~target) === 0) {
    return { entry: { ...entry, caching, breaking: undefined }, indicated: undefined };
  }
  if (caching === READ_CACHING) {
    const lost = { ...entry, caching: NO_CACHING, breaking: undefined };
    return { entry: lost, indicated: indicate(lost, caching, NO_CACHING, since) };
  }
  const breakingTo = target | READ_CACHING;
  const begun = entry.breaking?.begun ?? since;
  const again = { ...entry, caching, breaking: { breakingTo, target, since, begun } };
  return { entry: again, indicated: indicate(again, caching, breakingTo, since) };
}

/**
 * T3: a holder that did not answer in time has nothing any more. Who is away and may come back is
 * waited for: it could not answer.
 */
export function decideBreakTimeout(
  current: FileRecord | undefined,
  overdue: AwaitedBreak,
): Update<FileRecord, boolean> {
  const entry = current?.oplocks.find((other) => isSameBreak(other, overdue));
  if (current === undefined || entry === undefined) return { next: 'keep', result: false };
  if (isHolderAway(current, entry)) return { next: 'keep', result: false };
  const lost = { ...entry, caching: NO_CACHING, breaking: undefined };
  const oplocks = current.oplocks.map((other) => (other === entry ? lost : other));
  return { next: { ...current, oplocks, version: current.version + 1 }, result: true };
}

/** Whether one of these breaks is still in progress: then there is nothing new to decide. */
export function isAnyPending(
  record: FileRecord | undefined,
  awaited: readonly AwaitedBreak[],
): boolean {
  if (record === undefined) return false;
  return awaited.some((one) => record.oplocks.some((entry) => isSameBreak(entry, one)));
}

function isSameBreak(entry: OplockEntry, { oplockKey, since }: AwaitedBreak): boolean {
  return entry.oplockKey === oplockKey && entry.breaking?.since === since;
}

/** Whether all opens under an oplock or lease are of clients that are away and come back. */
export function isHolderAway(
  record: FileRecord,
  holder: Pick<OpenEntry, 'oplockKey' | 'streamKey'>,
): boolean {
  let isAway = false;
  for (const open of record.opens) {
    if (open.oplockKey !== holder.oplockKey || open.streamKey !== holder.streamKey) continue;
    if (open.persistent?.isAway !== true) return false;
    isAway = true;
  }
  return isAway;
}

/** T4: the holders that have an open left. */
export function dropOplocks(
  oplocks: readonly OplockEntry[],
  opens: readonly OpenEntry[],
): readonly OplockEntry[] {
  if (oplocks.length === 0) return oplocks;
  const kept = oplocks.filter((entry) =>
    opens.some((open) => open.oplockKey === entry.oplockKey && open.streamKey === entry.streamKey),
  );
  if (kept.length === oplocks.length) return oplocks;
  return kept.length === 0 ? NO_OPLOCKS : kept;
}

/** The key of an open that asks for nothing is its own id. */
export function oplockKeyOf(openId: string, request: OplockRequest | undefined): string {
  return request?.lease === undefined ? openId : leaseOplockKey(request.lease);
}

/**
 * [MS-FSA] 2.1.5.18 Server Requests an Oplock: what an open may cache beside the others. Pure; the
 * rules are tables of oplock-rules.ts.
 */
import { assert } from '../base/assert.ts';
import { isStatOpen, nextEpoch } from './decide-oplock.ts';
import type { FileRecord, OpenEntry } from './file-record.ts';
import {
  NO_CACHING,
  type OplockEntry,
  type OplockGrant,
  type OplockRequest,
  READ_CACHING,
  WRITE_CACHING,
} from './oplock.ts';
import { BESIDE_AN_OPEN, BESIDE_RULES, CACHING_STATES, type HolderKind } from './oplock-rules.ts';

export interface OplockProposal {
  readonly request: OplockRequest;
  /** What the open may do, and does at once. */
  readonly access: number;
  /** The file, or the stream, was made for this open. */
  readonly isNew: boolean;
  /** Its content was, or is about to be, thrown away. */
  readonly isOverwritten: boolean;
  /** Other opens wait to get in: they count as if they were there. */
  readonly isContended: boolean;
  /** Bytes in the stream: locks beyond its end do not keep readers from caching. */
  readonly fileSize: number;
}

/**
 * T0, 2.1.5.18: what an open that was decided gets. A lease that stands is only ever raised, to
 * exactly what is asked for, and never while it breaks.
 *
 * Windows: whoever asks for a lease belongs to it even with nothing granted; an oplock that is not
 * granted leaves no entry (smbtorture smb2.lease.request, smb2.lease.upgrade3).
 */
export function grantOplock(
  record: FileRecord,
  entry: OpenEntry,
  proposal: OplockProposal,
): { readonly oplocks: readonly OplockEntry[]; readonly grant: OplockGrant | undefined } {
  const { oplocks } = record;
  const { lease } = proposal.request;
  const caching = grantable(record, entry, proposal);
  const held = oplocks.find(
    (other) => other.oplockKey === entry.oplockKey && other.streamKey === entry.streamKey,
  );
  if (held !== undefined) {
    const raised = raise(held, proposal.request.caching, caching);
    const next =
      raised === held ? oplocks : oplocks.map((other) => (other === held ? raised : other));
    return { oplocks: next, grant: grantOf(raised) };
  }
  if (lease === undefined && caching === NO_CACHING) return { oplocks, grant: undefined };
  const epoch = lease?.epoch ?? 0;
  const added: OplockEntry = {
    oplockKey: entry.oplockKey,
    streamKey: entry.streamKey,
    serverId: entry.serverId,
    lease:
      lease === undefined
        ? undefined
        : { clientGuid: lease.clientGuid, leaseKey: lease.leaseKey, version: lease.version },
    caching,
    epoch: caching === NO_CACHING ? epoch : nextEpoch(epoch),
    breaking: undefined,
  };
  return { oplocks: [...oplocks, added], grant: grantOf(added) };
}

function raise(held: OplockEntry, asked: number, grantable: number): OplockEntry {
  const isMore = (asked & held.caching) === held.caching && asked !== held.caching;
  if (!isMore || grantable !== asked || held.breaking !== undefined) return held;
  return { ...held, caching: asked, epoch: nextEpoch(held.epoch) };
}

function grantOf(entry: OplockEntry): OplockGrant {
  const { caching, lease, epoch } = entry;
  return { caching, lease, epoch, isBreaking: entry.breaking !== undefined };
}

/** 2.1.5.18.1 and 2.1.5.18.2: as much of what is asked for as the others allow. */
function grantable(record: FileRecord, entry: OpenEntry, proposal: OplockProposal): number {
  const { request, access, isNew, isOverwritten } = proposal;
  const isLease = request.lease !== undefined;
  const kind: HolderKind = isLease ? 'lease' : 'oplock';
  if (!CACHING_STATES[kind].has(request.caching)) return NO_CACHING;
  // Windows: only a lease goes with an open of a file's attributes (smb2.lease.statopen).
  if (!isLease && !isNew && isStatOpen(access, 'oplock')) return NO_CACHING;
  // Who waits would break it at once, and of many who wait all but one would wait again: Windows
  // asks for the oplock once the open is through, when the others that waited are through, too.
  let caching = proposal.isContended ? request.caching & BESIDE_AN_OPEN : request.caching;
  if (!isOverwritten && hasLockInside(record, entry.streamKey, proposal.fileSize)) {
    caching = NO_CACHING;
  }
  for (const other of record.oplocks) {
    if (other.streamKey !== entry.streamKey || other.oplockKey === entry.oplockKey) continue;
    caching &= allowedBeside(other, kind);
  }
  for (const other of record.opens) {
    if (other.streamKey !== entry.streamKey || other.oplockKey === entry.oplockKey) continue;
    if (!isStatOpen(other.grantedAccess, 'oplock')) caching &= BESIDE_AN_OPEN;
  }
  if (isLease) return CACHING_STATES.lease.has(caching) ? caching : NO_CACHING;
  // Exclusive and batch are all or nothing; what is left of them is level II.
  return (caching & WRITE_CACHING) !== 0 ? caching : caching & READ_CACHING;
}

/** What may be cached beside another holder. */
function allowedBeside({ caching, lease }: OplockEntry, kind: HolderKind): number {
  const holder: HolderKind = lease === undefined ? 'oplock' : 'lease';
  for (const rule of BESIDE_RULES) {
    const applies = rule.holder === 'any' || rule.holder === holder;
    if (applies && (caching & rule.has) === rule.has) return rule.leaves[kind];
  }
  assert(false, `no rule for what may be cached beside ${holder} ${caching}`);
}

/** 2.1.5.18.2: byte-range locks keep others' data from being cached. */
function hasLockInside(record: FileRecord, streamKey: string, fileSize: number): boolean {
  return record.locks.some(
    (lock) => lock.streamKey === streamKey && lock.offset < BigInt(fileSize),
  );
}

/** Server processes are gone: what their opens held in the records goes, and who waited wakes. */
import type { RecordStore, RecordTable, Update } from '../state/record-store.ts';
import { sweepDirectoryLeases } from './directory-leases.ts';
import { FILE_RECORD_VERSION, type FileRecord, NO_SERVER, type OpenEntry } from './file-record.ts';
import { sweepMakings } from './makings.ts';
import type { OplockEntry } from './oplock.ts';
import { sweepWatching } from './watching-processes.ts';

/** What is gone, and what of it stays for another process: by ids. */
export interface Sweeping {
  readonly gone: ReadonlySet<string>;
  /** Opens whose clients may come back; those that outlive the server stay anyway. */
  readonly staying: ReadonlySet<string>;
}

/**
 * Takes dead processes' opens, locks and oplocks out of a file's record, but for opens that stay;
 * and those with which something is to be deleted, which takes a process that has the volume. These
 * belong to nobody then. Pure.
 */
export function decideSweep(
  current: FileRecord | undefined,
  { gone, staying }: Sweeping,
): Update<FileRecord, undefined> {
  const isDead = (entry: { readonly serverId: string }): boolean => gone.has(entry.serverId);
  if (current === undefined || !(current.opens.some(isDead) || current.oplocks.some(isDead))) {
    return { next: 'keep', result: undefined };
  }
  const opens = current.opens.flatMap((open): readonly OpenEntry[] => {
    if (!isDead(open)) return [open];
    const stays = staying.has(open.openId) || open.persistent !== undefined;
    return stays || isClosedLater(open, current) ? [left(open)] : [];
  });
  if (opens.length === 0) return { next: undefined, result: undefined };
  const ids = new Set(opens.map(({ openId }) => openId));
  return {
    next: {
      ...current,
      opens,
      locks: current.locks.filter(({ openId }) => ids.has(openId)),
      oplocks: current.oplocks.flatMap((held) => (isDead(held) ? heirOf(held, opens) : [held])),
      version: current.version + 1,
    },
    result: undefined,
  };
}

function isClosedLater({ deleteOnClose }: OpenEntry, { deletePending }: FileRecord): boolean {
  return deleteOnClose || deletePending.length > 0;
}

function left(open: OpenEntry): OpenEntry {
  const { persistent } = open;
  if (persistent === undefined) return { ...open, serverId: NO_SERVER };
  return { ...open, serverId: NO_SERVER, persistent: { ...persistent, isAway: true } };
}

/** An oplock is its opens': with the last of them it goes. */
function heirOf(held: OplockEntry, opens: readonly OpenEntry[]): readonly OplockEntry[] {
  const heir = opens.find(
    ({ oplockKey, streamKey }) => oplockKey === held.oplockKey && streamKey === held.streamKey,
  );
  return heir === undefined ? [] : [{ ...held, serverId: heir.serverId }];
}

/** Costs a scan of all records. Done again after half of it, it does the rest. */
export async function sweepProcesses(store: RecordStore, sweeping: Sweeping): Promise<void> {
  const files = fileTable(store);
  for (const [key, record] of await files.scan('')) {
    if (decideSweep(record, sweeping).next === 'keep') continue;
    await files.update(key, (current) => decideSweep(current, sweeping));
  }
  for (const serverId of sweeping.gone) {
    await sweepDirectoryLeases(store, serverId);
    await sweepWatching(store, serverId);
    await sweepMakings(store, serverId);
  }
}

/** Opens that belong to no process. */
export async function leftOpens(
  store: RecordStore,
): Promise<readonly { readonly fileKey: string; readonly entry: OpenEntry }[]> {
  const found: { readonly fileKey: string; readonly entry: OpenEntry }[] = [];
  for (const [fileKey, { opens }] of await fileTable(store).scan('')) {
    for (const entry of opens) if (entry.serverId === NO_SERVER) found.push({ fileKey, entry });
  }
  return found;
}

/**
 * Files without an open whose removal somebody began: their keys and versions. Given what was found
 * some time ago, those that are still there are forgotten: who was to remove them died with it.
 */
export async function sweepRemovals(
  store: RecordStore,
  before: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, number>> {
  const files = fileTable(store);
  const found = new Map<string, number>();
  for (const [key, { opens, version }] of await files.scan('')) {
    if (opens.length > 0) continue;
    if (before.get(key) !== version) found.set(key, version);
    else {
      await files.update(key, (current) => ({
        next: current?.version === version && current.opens.length === 0 ? undefined : 'keep',
        result: undefined,
      }));
    }
  }
  return found;
}

function fileTable(store: RecordStore): RecordTable<FileRecord> {
  return store.table<FileRecord>('file', FILE_RECORD_VERSION);
}

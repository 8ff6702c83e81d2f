/** A server process is gone: what its opens held in the records goes, and who waited wakes. */
import type { RecordStore, RecordTable, Update } from '../state/record-store.ts';
import { sweepDirectoryLeases } from './directory-leases.ts';
import { FILE_RECORD_VERSION, type FileRecord } from './file-record.ts';
import { sweepWatching } from './watching-processes.ts';

/**
 * Takes a dead process's opens, locks and oplocks out of a file's record. What it was to delete on
 * its last close stays a file, as after any crash; a deletion that others' opens keep waiting is
 * theirs to do. Pure.
 */
export function decideSweep(
  current: FileRecord | undefined,
  serverId: string,
): Update<FileRecord, undefined> {
  const isDead = (entry: { readonly serverId: string }): boolean => entry.serverId === serverId;
  if (current === undefined || !(current.opens.some(isDead) || current.oplocks.some(isDead))) {
    return { next: 'keep', result: undefined };
  }
  const opens = current.opens.filter((open) => !isDead(open));
  if (opens.length === 0) return { next: undefined, result: undefined };
  const left = new Set(opens.map(({ openId }) => openId));
  return {
    next: {
      ...current,
      opens,
      locks: current.locks.filter(({ openId }) => left.has(openId)),
      oplocks: current.oplocks.filter((entry) => !isDead(entry)),
      version: current.version + 1,
    },
    result: undefined,
  };
}

/** Costs a scan of all records. */
export async function sweepProcess(store: RecordStore, serverId: string): Promise<void> {
  const files = fileTable(store);
  for (const [key, record] of await files.scan('')) {
    if (decideSweep(record, serverId).next === 'keep') continue;
    await files.update(key, (current) => decideSweep(current, serverId));
  }
  await sweepDirectoryLeases(store, serverId);
  await sweepWatching(store, serverId);
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

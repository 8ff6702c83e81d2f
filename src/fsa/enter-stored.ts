/**
 * Opens that outlived the server, of one that has several processes: they stand in the shared
 * records before any process serves, and belong to none until one takes them over (move-open.ts).
 */
import { type Task, wait } from '../base/task.ts';
import type { RecordStore } from '../state/record-store.ts';
import { decideRestored, heldBy } from './decide-persistent.ts';
import { FILE_RECORD_VERSION, type FileRecord, NO_SERVER, type OpenEntry } from './file-record.ts';
import type { StoredFiles } from './persistent-files.ts';

/** Those of some volumes; what the layer above kept of each. Cost: a scan of the store. */
export function* enterStored(
  store: RecordStore,
  stored: Pick<StoredFiles, 'scan'>,
  volumeIds: ReadonlySet<string>,
): Task<readonly object[]> {
  const files = store.table<FileRecord>('file', FILE_RECORD_VERSION);
  const owners: object[] = [];
  for (const [key, kept] of yield* wait(stored.scan(''))) {
    const own = kept.opens.filter((entry) => volumeIds.has(entry.volumeId));
    if (own.length === 0) continue;
    const record = leftBy(kept, own);
    yield* wait(files.update(key, (current) => decideRestored(current, record)));
    for (const { persistent } of own) if (persistent !== undefined) owners.push(persistent.owner);
  }
  return owners;
}

function leftBy(kept: FileRecord, own: readonly OpenEntry[]): FileRecord {
  const { locks, oplocks } = heldBy(kept, own);
  return {
    ...kept,
    locks,
    oplocks: oplocks.map((held) => ({ ...held, serverId: NO_SERVER })),
    opens: own.map((entry) => ({
      ...entry,
      serverId: NO_SERVER,
      persistent: entry.persistent && { ...entry.persistent, isAway: true },
    })),
  };
}

/** Opens that stand in the store of what outlives the server, and that no server restores. */
import { type Task, wait } from '../base/task.ts';
import type { RecordStore } from '../state/record-store.ts';
import { decideRestored, heldBy, keptPart } from './decide-persistent.ts';
import { FILE_RECORD_VERSION, type FileRecord } from './file-record.ts';
import { persistentTable } from './persistent-files.ts';

/** 'here': its opens were restored. 'gone': nobody restores them, now or later. */
export type VolumeFate = 'here' | 'to come' | 'gone';

/**
 * Removes the opens of volumes that are gone, or that promise nothing any more; how many they were.
 * Cost: a scan of the store.
 */
export function* sweepPersistent(
  stores: { readonly persistent: RecordStore; readonly files: RecordStore },
  fateOf: (volumeId: string) => VolumeFate,
): Task<number> {
  const table = persistentTable(stores.persistent);
  const files = stores.files.table<FileRecord>('file', FILE_RECORD_VERSION);
  let count = 0;
  for (const [key, kept] of yield* wait(table.scan(''))) {
    const gone = kept.opens.filter(({ volumeId }) => fateOf(volumeId) === 'gone');
    if (gone.length === 0) continue;
    count += gone.length;
    const current = keptPart(yield* wait(files.get(key)));
    yield* wait(table.replace(key, rest(current, kept, fateOf)));
  }
  return count;
}

/** What is here is as memory has it: the store may be behind. */
function rest(
  current: FileRecord | undefined,
  kept: FileRecord,
  fateOf: (volumeId: string) => VolumeFate,
): FileRecord | undefined {
  const toCome = kept.opens.filter(({ volumeId }) => fateOf(volumeId) === 'to come');
  if (toCome.length === 0) return current;
  const { next } = decideRestored(current, { ...kept, ...heldBy(kept, toCome) });
  return next === 'keep' ? current : next;
}

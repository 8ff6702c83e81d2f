/**
 * What outlives a server of several processes is written by one of them, the supervisor: a worker
 * names the file, and what is written is the shared record as it is then. So nothing older is ever
 * written over something newer, and the changes of all workers share their syncs.
 */
import { isPromise, run } from '../../base/task.ts';
import { keptPart } from '../../fsa/decide-persistent.ts';
import { enterStored } from '../../fsa/enter-stored.ts';
import { FILE_RECORD_VERSION, type FileRecord } from '../../fsa/file-record.ts';
import type { StoredFiles } from '../../fsa/persistent-files.ts';
import type { BusCalls } from '../../messaging/calls.ts';
import { enterAgain } from '../../smb2/server/sweep-durable.ts';
import type { RecordStore } from '../../state/record-store.ts';
import { STORE } from './worker-messages.ts';

/** A worker's end. What the server before left it need not read: see `enterStored`. */
export function storedFilesOver(calls: BusCalls, supervisorId: string): StoredFiles {
  const store = async (fileKey: string, isSoon: boolean): Promise<void> => {
    const problem = await calls.ask(supervisorId, STORE, { fileKey, isSoon });
    // The supervisor is gone, and this worker goes with it: nobody is answered any more.
    if (problem === undefined) await new Promise(() => {});
    else if (problem !== '') throw new Error(problem);
  };
  return {
    scan: () => [],
    replace: (fileKey) => store(fileKey, false),
    replaceSoon: (fileKey) => store(fileKey, true),
  };
}

/** What the server before left on these volumes is nobody's now. False: it left nothing. */
export async function enterAll(
  store: RecordStore,
  stored: StoredFiles,
  volumeIds: ReadonlySet<string>,
): Promise<boolean> {
  const owners = await run(enterStored(store, stored, volumeIds));
  for (const owner of owners) await enterAgain(store, owner);
  return owners.length > 0;
}

/** The supervisor's. */
export function answerStore(
  calls: BusCalls,
  {
    store,
    stored,
  }: { readonly store: RecordStore; readonly stored: () => StoredFiles | undefined },
): void {
  const files = store.table<FileRecord>('file', FILE_RECORD_VERSION);
  calls.answer(STORE, async ({ fileKey, isSoon }) => {
    try {
      const table = stored();
      if (table === undefined) return 'there is no store';
      const record = files.get(fileKey);
      const kept = keptPart(isPromise(record) ? await record : record);
      await (isSoon ? table.replaceSoon(fileKey, kept) : table.replace(fileKey, kept));
      return '';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  });
}

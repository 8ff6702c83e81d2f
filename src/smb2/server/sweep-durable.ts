/**
 * Server processes are gone. What their clients may come back for stays in the records, nobody's
 * (`NO_SERVER`) until another process takes it over (left-opens.ts); the rest goes.
 */
import { FILE_RECORD_VERSION, type FileRecord, NO_SERVER } from '../../fsa/file-record.ts';
import { leftOpens, sweepProcesses } from '../../fsa/sweep-process.ts';
import type { RecordStore, RecordTable } from '../../state/record-store.ts';
import { sweepLimits } from '../../state/shared-limit.ts';
import { mayStay } from './decide-durable.ts';
import { DURABLE_RECORD_VERSION, type DurableRecord, durableKey } from './state/durable-record.ts';

/**
 * Costs a scan of all records. Done again after half of it, it does the rest. True: there are opens
 * that a process has to take over, or to close.
 */
export async function sweepGone(store: RecordStore, gone: ReadonlySet<string>): Promise<boolean> {
  const staying = await sweepDurable(store, gone);
  await sweepProcesses(store, { gone, staying });
  await sweepLimits(store, gone);
  const left = await leftOpens(store);
  for (const { entry } of left) {
    // Its CREATE was not answered, and is not in table 'durable' yet.
    if (entry.persistent !== undefined) await enterAgain(store, entry.persistent.owner);
  }
  return left.length > 0;
}

/** Ids of the opens that stay. */
async function sweepDurable(
  store: RecordStore,
  gone: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const table = durableTable(store);
  const files = store.table<FileRecord>('file', FILE_RECORD_VERSION);
  const staying = new Set<string>();
  for (const [key, record] of [...(await table.scan(''))]) {
    const file = await files.get(record.fileKey);
    if (!isLeft(record, file, gone)) continue;
    const stays = mayStay(record, file);
    if (stays) staying.add(record.openId);
    if (stays && record.serverId === NO_SERVER) continue;
    await table.update(key, (current) => {
      if (current?.serverId !== record.serverId) return { next: 'keep', result: undefined };
      return { next: stays ? { ...current, serverId: NO_SERVER } : undefined, result: undefined };
    });
  }
  return staying;
}

/**
 * Whether an open's process is gone. One that moves is first the other process's in the file's
 * record, then in its own: if that process ends between these, who had it before knows nothing.
 */
function isLeft(
  { serverId, openId }: DurableRecord,
  file: FileRecord | undefined,
  gone: ReadonlySet<string>,
): boolean {
  if (serverId === NO_SERVER || gone.has(serverId)) return true;
  const entry = file?.opens.find((open) => open.openId === openId);
  return entry !== undefined && (entry.serverId === NO_SERVER || gone.has(entry.serverId));
}

/** An open that outlived the server, or its process, may be taken over. */
export async function enterAgain(store: RecordStore, owner: object): Promise<void> {
  // The layout's version vouches for what it is.
  const record = { ...(owner as DurableRecord), serverId: NO_SERVER };
  await durableTable(store).update(durableKey(record.persistentId), (current) => ({
    next: current === undefined ? record : 'keep',
    result: undefined,
  }));
}

/** Durable opens that belong to no process. */
export async function leftDurable(store: RecordStore): Promise<readonly DurableRecord[]> {
  const records = [...(await durableTable(store).scan(''))].map(([, record]) => record);
  return records.filter(({ serverId }) => serverId === NO_SERVER);
}

function durableTable(store: RecordStore): RecordTable<DurableRecord> {
  return store.table<DurableRecord>('durable', DURABLE_RECORD_VERSION);
}

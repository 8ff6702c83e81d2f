import type { RecordStore } from '../../state/record-store.ts';
import { DURABLE_RECORD_VERSION, type DurableRecord } from './state/durable-record.ts';

/** A server process is gone: so are its durable opens. Costs a scan of all records. */
export async function sweepDurable(store: RecordStore, serverId: string): Promise<void> {
  const table = store.table<DurableRecord>('durable', DURABLE_RECORD_VERSION);
  for (const [key, record] of await table.scan('')) {
    if (record.serverId !== serverId) continue;
    await table.update(key, (current) => ({
      next: current?.serverId === serverId ? undefined : 'keep',
      result: undefined,
    }));
  }
}

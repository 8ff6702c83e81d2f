import { makeNodeClock } from '../../env/node/node-clock.ts';
import { openSharedMemory, processCalls } from '../../env/node/shared-memory.ts';
import type { ProcessBus } from '../../messaging/process/process-bus.ts';
import { BusWakes } from '../../messaging/wakes.ts';
import { SharedRecordStore } from '../../state/shared/shared-record-store.ts';

/** The records of all workers, in the runtime folder. */
export function openSharedStore(options: {
  readonly folder: string;
  readonly bus: ProcessBus;
  /** See `SharedRecordsOptions`. */
  readonly patienceMs?: number;
}): SharedRecordStore {
  const { folder, bus, patienceMs } = options;
  return new SharedRecordStore({
    memory: openSharedMemory(`${folder}/records`),
    processes: processCalls,
    clock: makeNodeClock(),
    bus: new BusWakes(bus),
    patienceMs,
  });
}

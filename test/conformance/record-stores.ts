/** Stores that several processes, or several starts of one, share. */
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import { openSharedMemory, processCalls } from '../../src/env/node/shared-memory.ts';
import { LmdbRecordStore } from '../../src/state/lmdb/lmdb-record-store.ts';
import type { WakeBus } from '../../src/state/record-store.ts';
import { SharedRecordStore } from '../../src/state/shared/shared-record-store.ts';

export function openShared(folder: string, bus?: WakeBus): SharedRecordStore {
  const memory = openSharedMemory(`${folder}/records`);
  const options = { memory, processes: processCalls, clock: makeNodeClock() };
  return new SharedRecordStore(bus === undefined ? options : { ...options, bus });
}

export function openLmdb(folder: string): LmdbRecordStore {
  return new LmdbRecordStore({ folder, durability: 'persistent' });
}

/** Stores that several processes, or several starts of one, share. */
import { assert } from '../../src/base/assert.ts';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import { makeNodeRandom } from '../../src/env/node/node-random.ts';
import { nodeTimers } from '../../src/env/node/node-timers.ts';
import { openSharedMemory, processCalls } from '../../src/env/node/shared-memory.ts';
import { JournalFolder } from '../../src/server/journal-folder.ts';
import { JournalRecordStore } from '../../src/state/journal/journal-record-store.ts';
import type { WakeBus } from '../../src/state/record-store.ts';
import { SharedRecordStore } from '../../src/state/shared/shared-record-store.ts';

export function openShared(folder: string, bus?: WakeBus): SharedRecordStore {
  const memory = openSharedMemory(`${folder}/records`);
  const options = { memory, processes: processCalls, clock: makeNodeClock() };
  return new SharedRecordStore(bus === undefined ? options : { ...options, bus });
}

export function openJournal(folder: string): JournalRecordStore {
  const disk = new JournalFolder(folder, makeNodeRandom());
  assert(disk.lock(), 'nobody else has the folder');
  return new JournalRecordStore(disk, { timers: nodeTimers });
}

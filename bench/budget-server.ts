/**
 * The server that `budget.ts` and `connections.ts` measure, a process of its own. It tells
 * its port and then, over IPC, what its heap holds, `collect`
 * after a collection and `look` without one.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { makeNodeLog } from '../src/env/node/node-log.ts';
import { SmbServer } from '../src/server/smb-server.ts';

export const USER = { name: 'budget', password: 'budget' };
export const SHARE = 'share';
const MANY = 100_000;

export interface HeapLook {
  /** Bytes of objects, and of the memory behind buffers. */
  readonly heap: number;
  readonly buffers: number;
  /** Collections since the process began. */
  readonly collections: number;
}

const [folder, stateFolder] = process.argv.slice(2);
if (process.send !== undefined && folder !== undefined && stateFolder !== undefined) {
  await serve(folder, stateFolder);
}

async function serve(path: string, state: string): Promise<void> {
  let collections = 0;
  new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  }).observe({ entryTypes: ['gc'] });
  const server = new SmbServer({
    listen: ['127.0.0.1'],
    port: 0,
    stateFolder: state,
    limits: { connectionsMax: MANY, connectionsPerAddressMax: MANY },
    log: makeNodeLog('warn'),
  });
  await server.addShare({ name: SHARE, path });
  await server.addUser(USER);
  await server.start();
  process.on('disconnect', () => process.exit(0));
  process.on('message', (what) => {
    if (what === 'collect') (globalThis as { gc?: () => void }).gc?.();
    // A collection is told of in a later turn.
    setImmediate(() => {
      const buffers = process.memoryUsage().arrayBuffers;
      const look: HeapLook = { heap: getHeapStatistics().used_heap_size, buffers, collections };
      process.send?.(look);
    });
  });
  process.send?.({ port: server.port });
}

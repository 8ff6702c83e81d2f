/** One of several processes that update the same few records: FOLDER DURABILITY TIMES. */
import assert from 'node:assert/strict';
import { LmdbRecordStore } from '../../src/state/lmdb/lmdb-record-store.ts';

const KEYS = 3;
const AT_ONCE = 8;

const [folder, durability, times] = process.argv.slice(2);
assert.ok(folder !== undefined && (durability === 'volatile' || durability === 'persistent'));
const store = new LmdbRecordStore({ folder, durability });
const table = store.table<{ readonly count: number }>('c', 1);
for (let done = 0; done < Number(times); ) {
  const batch = Math.min(AT_ONCE, Number(times) - done);
  await Promise.all(
    Array.from({ length: batch }, (_, i) =>
      table.update(`k${(done + i) % KEYS}`, (current) => ({
        next: { count: (current?.count ?? 0) + 1 },
        result: undefined,
      })),
    ),
  );
  done += batch;
  process.send?.(done);
}
await store.close();
process.disconnect?.();

/** One of several processes that update the same few records: FOLDER TIMES. */
import assert from 'node:assert/strict';
import { openLmdb } from './record-stores.ts';

const KEYS = 3;
const AT_ONCE = 8;

const [folder, times] = process.argv.slice(2);
assert.ok(folder !== undefined);
const store = openLmdb(folder);
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

/** What every record store has to do; each backend runs it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RecordStore, RecordTable } from '../../src/state/record-store.ts';

interface Counter {
  readonly count: number;
  readonly parts?: readonly string[];
}

const increment = (current: Counter | undefined) => {
  const count = (current?.count ?? 0) + 1;
  return { next: { count }, result: count };
};

export function describeRecordStore(
  name: string,
  /** An empty store, closed after the test. */
  make: () => { readonly store: RecordStore; readonly done: () => Promise<void> },
): void {
  const withTable = async (
    use: (table: RecordTable<Counter>, store: RecordStore) => Promise<void>,
  ): Promise<void> => {
    const { store, done } = make();
    try {
      await use(store.table<Counter>('counters', 1), store);
    } finally {
      await done();
    }
  };

  describe(`record store: ${name}`, () => {
    it('updates a record with a pure function and answers its result', () =>
      withTable(async (table) => {
        assert.equal(await table.update('a', increment), 1);
        assert.equal(await table.update('a', increment), 2);
        assert.deepEqual(await table.get('a'), { count: 2 });
        await table.update('a', () => ({ next: undefined, result: 0 }));
        assert.equal(await table.get('a'), undefined);
        const none = await table.update('a', (current) => ({ next: undefined, result: current }));
        assert.equal(none, undefined);
      }));

    it('loses no update of many at once', () =>
      withTable(async (table) => {
        const results = await Promise.all(
          Array.from({ length: 100 }, (_, i) => table.update(`k${i % 3}`, increment)),
        );
        assert.equal(results.length, 100);
        const counts = await Promise.all(['k0', 'k1', 'k2'].map((key) => table.get(key)));
        assert.deepEqual(
          counts.map((record) => record?.count),
          [34, 33, 33],
        );
      }));

    it('gives back what was put in: bigints, bytes, lists, undefined', () =>
      withTable(async (_table, store) => {
        const record = {
          big: 0xffff_ffff_ffff_ffffn,
          small: 5n,
          number: 2 ** 40 + 0.5,
          bytes: new Uint8Array([0, 1, 255]),
          nested: [{ name: 'ü\ud83d\ude00', none: undefined, is: true }],
        };
        const table = store.table<typeof record>('records', 1);
        await table.update('r', () => ({ next: record, result: 0 }));
        const back = await table.get('r');
        assert.ok(back !== undefined);
        assert.deepEqual({ ...back, bytes: new Uint8Array(back.bytes) }, record);
      }));

    it('replaces and removes a record whatever it was, the last of many', () =>
      withTable(async (table, store) => {
        const own = store.table<Counter>('own', 1);
        await own.replace('a', { count: 1 });
        let woken = 0;
        const stop = own.watch('a', () => woken++);
        await Promise.all([2, 3, 4].map((count) => own.replace('a', { count, parts: ['p'] })));
        assert.deepEqual(await own.get('a'), { count: 4, parts: ['p'] });
        assert.ok(woken > 0);
        stop();
        await Promise.all([own.replace('b', { count: 1 }), own.replace('a', undefined)]);
        await own.replace('none', undefined);
        assert.deepEqual([...(await own.scan(''))], [['b', { count: 1 }]]);
        assert.deepEqual([...(await table.scan(''))], []);
      }));

    it('keeps a record when told to, and when the function throws', () =>
      withTable(async (table) => {
        await table.update('a', increment);
        assert.equal(await table.update('a', () => ({ next: 'keep', result: 7 })), 7);
        const failing = async (): Promise<void> => {
          await table.update('a', () => {
            throw new Error('a bug');
          });
        };
        await assert.rejects(failing(), /a bug/);
        assert.deepEqual(await table.get('a'), { count: 1 });
        assert.equal(await table.update('a', increment), 2);
      }));

    it('gives the same table for the same name and refuses another version', () =>
      withTable(async (table, store) => {
        assert.equal(store.table('counters', 1), table);
        assert.throws(() => store.table('counters', 2), /version/);
      }));

    it('wakes watchers after the updater, and only for changes of their key', () =>
      withTable(async (table) => {
        const seen: number[] = [];
        let woken: (() => void) | undefined;
        const next = (): Promise<void> =>
          new Promise<void>((resolve) => {
            woken = resolve;
          });
        const stop = table.watch('a', () => {
          const record = table.get('a') as Counter | undefined;
          seen.push(record?.count ?? 0);
          woken?.();
        });
        let turn = next();
        await table.update('b', increment);
        await table.update('a', () => ({ next: 'keep', result: 0 }));
        await table.update('a', () => ({ next: undefined, result: 0 }));
        await table.update('a', increment);
        await turn;
        assert.deepEqual(seen, [1]);
        turn = next();
        await table.update('a', increment);
        await turn;
        assert.deepEqual(seen, [1, 2]);
        stop();
        await table.update('a', increment);
        await Promise.resolve();
        assert.equal(seen.length, 2);
      }));

    it('scans by prefix over a snapshot', () =>
      withTable(async (table) => {
        for (const key of ['x:1', 'y:1', 'x:2', 'x', 'x;']) await table.update(key, increment);
        const keys: string[] = [];
        for (const [key] of await table.scan('x:')) {
          keys.push(key);
          await table.update(`${key}:more`, increment);
        }
        assert.deepEqual(keys, ['x:1', 'x:2']);
        const all = [...(await table.scan(''))].map(([key]) => key);
        assert.deepEqual(all.sort(), ['x', 'x:1', 'x:1:more', 'x:2', 'x:2:more', 'x;', 'y:1']);
      }));
  });
}

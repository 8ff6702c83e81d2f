/** What is told ahead of a listing is what would have been told, also while others change files. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LISTING_FRESH_MS, LISTING_SLICE_MS } from '../../src/base/limits.ts';
import { run } from '../../src/base/task.ts';
import { closeOpen } from '../../src/fsa/close.ts';
import { setDisposition } from '../../src/fsa/information.ts';
import { aheadCount, mayTellAhead, tellAhead } from '../../src/fsa/list-ahead.ts';
import type { LocalOpen } from '../../src/fsa/local-open.ts';
import { nextEntry, queryDirectory } from '../../src/fsa/query-directory.ts';
import { writeFile } from '../../src/fsa/read-write.ts';
import type { DirectoryEntryData } from '../../src/fscc/file-metadata.ts';
import { makeVirtualEnv, type VirtualEnv } from '../faults/virtual-env.ts';
import { VolumeRig } from './volume-rig.ts';

/** More than make an answer of their own; making them on disk takes longer. */
const FILES = { memory: 400, local: 60 } as const;

async function makeRig(storage: 'memory' | 'local', env: VirtualEnv): Promise<VolumeRig> {
  const rig = new VolumeRig(storage, {}, { env });
  for (let i = 0; i < FILES[storage]; i++) await rig.make(`file${i}`);
  return rig;
}

/** At most `count` entries of one query, without '.' and '..'. */
async function page(
  directory: LocalOpen,
  count: number,
  changes = 0,
): Promise<readonly DirectoryEntryData[]> {
  const query = { pattern: '*', restart: false, reopen: false, changes };
  if ((await run(queryDirectory(directory, query))) !== 0) return [];
  const found: DirectoryEntryData[] = [];
  while (found.length < count) {
    const entry = await nextEntry(directory);
    if (entry === undefined) break;
    if (entry.name !== '.' && entry.name !== '..') found.push(entry);
  }
  return found;
}

/** Lets it tell for as long as it takes, or for a number of slices. */
async function ahead(
  directory: LocalOpen,
  env: VirtualEnv,
  slices = 1,
  changes = 0,
): Promise<void> {
  void run(tellAhead(directory, changes));
  for (let i = 0; i < slices; i++) {
    env.timers.advance(0);
    await Promise.resolve();
    await Promise.resolve();
  }
}

for (const storage of ['memory', 'local'] as const) {
  describe(`telling a listing ahead, ${storage}`, () => {
    it('tells every entry once and as it is, however much was told ahead', async () => {
      const step = fc.record({
        count: fc.integer({ min: 1, max: FILES[storage] / 4 }),
        slices: fc.nat({ max: 3 }),
        lookMs: fc.constantFrom(0, LISTING_SLICE_MS / 8),
        // Somebody else's change, or a client that took its time.
        spoils: fc.constantFrom('no', 'no', 'no', 'changed', 'late'),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 12 }), async (steps) => {
          const env = makeVirtualEnv();
          const rig = await makeRig(storage, env);
          const wanted = await rig.list('', '*');
          const directory = await rig.opened('');
          const found: DirectoryEntryData[] = [];
          let changes = 0;
          for (let i = 0; ; i++) {
            const { count, slices, lookMs, spoils } = steps[i % steps.length]!;
            const got = await page(directory, count, changes);
            if (got.length === 0) break;
            found.push(...got);
            env.timers.lookMs = lookMs;
            if (slices > 0) await ahead(directory, env, slices, changes);
            env.timers.lookMs = 0;
            if (spoils === 'changed') changes++;
            if (spoils === 'late') env.timers.advance(LISTING_FRESH_MS + 1);
          }
          assert.deepEqual(found, wanted);
          await rig.close();
          // What was about to go on finds the open closed.
          env.timers.advance(0);
          assert.equal(env.timers.pending, 0);
        }),
        { numRuns: 12 },
      );
    });

    it('is told anew once a request was answered that may have changed it', async () => {
      const env = makeVirtualEnv();
      const rig = await makeRig(storage, env);
      const directory = await rig.opened('');
      const first = await page(directory, 5);
      await ahead(directory, env);
      assert.ok(aheadCount(directory) > 40);
      const told = new Set(first.map(({ name }) => name));
      const rest = Array.from({ length: FILES[storage] }, (_, i) => `file${i}`).filter(
        (n) => !told.has(n),
      );
      const [written, removed] = rest as [string, string];
      const file = await rig.opened(written);
      await run(writeFile(file, [new Uint8Array(77)], 0, {}));
      await run(closeOpen(file));
      const doomed = await rig.opened(removed);
      await run(setDisposition(doomed, { delete: true }));
      await run(closeOpen(doomed));
      const second = await page(directory, FILES[storage], 1);
      assert.equal(second.find(({ name }) => name === written)?.endOfFile, 77);
      assert.equal(
        second.find(({ name }) => name === removed),
        undefined,
      );
      assert.equal(second.length, FILES[storage] - 5 - 1);
      assert.equal(mayTellAhead(directory), false);
      await rig.close();
    });

    it('is given up when nobody comes for it, and with the open', async () => {
      const env = makeVirtualEnv();
      const rig = await makeRig(storage, env);
      const directory = await rig.opened('');
      await page(directory, 5);
      await ahead(directory, env);
      assert.ok(aheadCount(directory) > 0);
      env.timers.advance(LISTING_FRESH_MS);
      assert.equal(aheadCount(directory), 0);
      void run(tellAhead(directory, 0));
      await rig.close();
      env.timers.advance(LISTING_FRESH_MS);
      await Promise.resolve();
      assert.equal(aheadCount(directory), 0);
    });
  });
}

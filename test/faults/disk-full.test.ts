import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import { STATUS_DISK_FULL } from '../../src/erref/ntstatus.ts';
import { FILE_DELETE_ON_CLOSE } from '../../src/fscc/create-parameters.ts';
import { FileAllocationInformation } from '../../src/fscc/info-classes.ts';
import type { ShareOptions } from '../../src/server/options.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import { assertStatus, openFile, pattern, type Rig, withRig } from './rig.ts';
import { mountSmall } from './small-file-system.ts';
import { VirtualTime } from './virtual-env.ts';

const TIMEOUT_MS = 30_000;
const CAPACITY = 4 * 1024 * 1024;
const CHUNK = 65_536;

interface Storage {
  readonly share: ShareOptions;
  release(): void;
}

/** Each makes storage of CAPACITY bytes, or tells why it cannot be had here. */
const STORAGES: Readonly<Record<string, () => Storage | string>> = {
  'in memory': () => {
    const vfs = new MemoryVfs(new VirtualTime(), { capacity: CAPACITY });
    return { share: { name: 'share', vfs }, release: () => {} };
  },
  'on a small file system': () => {
    const mounted = mountSmall(CAPACITY);
    if (typeof mounted === 'string') return mounted;
    return { share: { name: 'share', path: mounted.path }, release: mounted.release };
  },
};

for (const [name, make] of Object.entries(STORAGES)) {
  describe(`a full disk ${name}`, { timeout: TIMEOUT_MS }, () => {
    it('fails WRITE with STATUS_DISK_FULL and keeps all that was acknowledged', async (test) => {
      await withStorage(make, test, async (rig) => {
        const open = await openFile(await rig.tree(), { name: 'full' });
        const acknowledged = await fill(open, 1);
        assert.ok(acknowledged >= CAPACITY / CHUNK / 2, `${acknowledged} chunks fitted`);
        await assertContent(open, acknowledged, 1);
        assertStatus((await open.flush()).status, 0);
        assertStatus((await open.close()).status, 0);
        const again = await openFile(await rig.tree(), { name: 'full' });
        await assertContent(again, acknowledged, 1);
      });
    });

    it('goes on where there is room: overwriting, deleting, and writing again', async (test) => {
      await withStorage(make, test, async (rig) => {
        const tree = await rig.tree();
        const first = await openFile(tree, { name: 'first' });
        const acknowledged = await fill(first, 1);
        assertStatus((await first.write({ offset: 0, data: pattern(CHUNK, 9) })).status, 0);
        assertStatus((await first.write({ offset: 0, data: pattern(CHUNK, 1) })).status, 0);
        const createOptions = FILE_DELETE_ON_CLOSE;
        const doomed = await openFile(tree, { name: 'first', createOptions });
        await assertContent(doomed, acknowledged, 1);
        assertStatus((await doomed.close()).status, 0);
        assertStatus((await first.close()).status, 0);
        const second = await openFile(tree, { name: 'second' });
        assert.ok((await fill(second, 2)) >= acknowledged - 1);
      });
    });

    it("leaves another client's file as it was acknowledged", async (test) => {
      await withStorage(make, test, async (rig) => {
        const mine = await openFile(await rig.tree(), { name: 'mine' });
        assertStatus((await mine.write({ offset: 0, data: pattern(CHUNK, 10) })).status, 0);
        const theirs = await openFile(await rig.tree(), { name: 'theirs' });
        const acknowledged = await fill(theirs, 2);
        await assertContent(mine, 1, 10);
        await assertContent(theirs, acknowledged, 2);
      });
    });

    it('refuses an allocation that does not fit with STATUS_DISK_FULL', async (test) => {
      await withStorage(make, test, async (rig) => {
        const open = await openFile(await rig.tree(), { name: 'reserved' });
        const buffer = new Uint8Array(8);
        viewOf(buffer).setBigUint64(0, BigInt(2 * CAPACITY), true);
        const fileInfoClass = FileAllocationInformation;
        const { status } = await open.setInfo({ fileInfoClass, buffer });
        assertStatus(status, STATUS_DISK_FULL);
        assertStatus((await open.write({ offset: 0, data: pattern(CHUNK) })).status, 0);
      });
    });
  });
}

async function withStorage(
  make: () => Storage | string,
  test: TestContext,
  body: (rig: Rig) => Promise<void>,
): Promise<void> {
  const storage = make();
  if (typeof storage === 'string') return test.skip(storage);
  try {
    await withRig({ shares: [storage.share] }, body);
  } finally {
    storage.release();
  }
}

/** Writes chunk after chunk until the disk is full: how many were acknowledged. */
async function fill(open: ClientOpen, seed: number): Promise<number> {
  for (let chunks = 0; ; chunks++) {
    const data = pattern(CHUNK, seed + chunks);
    const { status, response } = await open.write({ offset: chunks * CHUNK, data });
    if (status !== 0) {
      assertStatus(status, STATUS_DISK_FULL);
      return chunks;
    }
    assert.equal(response?.count, CHUNK);
  }
}

async function assertContent(open: ClientOpen, chunks: number, seed: number): Promise<void> {
  for (let chunk = 0; chunk < chunks; chunk++) {
    const { status, response } = await open.read({ offset: chunk * CHUNK, length: CHUNK });
    assertStatus(status, 0, `chunk ${chunk}`);
    assert.deepEqual(response?.data, pattern(CHUNK, seed + chunk), `chunk ${chunk}`);
  }
}

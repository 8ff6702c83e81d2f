import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import { STATUS_SHARING_VIOLATION } from '../../src/erref/ntstatus.ts';
import { FILE_DELETE_ON_CLOSE, FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import type { ShareOptions } from '../../src/server/options.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import {
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
} from '../../src/smb2/wire/constants.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import {
  assertStatus,
  type FaultyClient,
  openFile,
  pattern,
  type Rig,
  tryOpen,
  until,
  withRig,
} from './rig.ts';

const TIMEOUT_MS = 30_000;
const SIZE = 256 * 1024;
const ALL = { offset: 0n, length: BigInt(SIZE), flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK };
const ALL_NOW = { ...ALL, flags: ALL.flags | SMB2_LOCKFLAG_FAIL_IMMEDIATELY };

const STORAGES: Readonly<Record<string, (folder: string) => ShareOptions>> = {
  'in memory': () => ({ name: 'share', vfs: new MemoryVfs(makeNodeClock()) }),
  'in a folder': (path) => ({ name: 'share', path }),
};

for (const [name, share] of Object.entries(STORAGES)) {
  describe(`[MS-SMB2] 3.3.7.1 Handling Loss of a Connection, a file ${name}`, {
    timeout: TIMEOUT_MS,
  }, () => {
    it('applies nothing of a WRITE whose message did not arrive whole', async () => {
      await withShare(share, async (rig) => {
        // In the frame, the header, the fixed part, the data, and one byte before the end.
        for (const after of [2, 4 + 10, 4 + 64 + 20, 4 + 64 + 48 + 1000, 4 + 64 + 48 + SIZE - 1]) {
          const { client, open } = await openFaulty(rig, `cut ${after}`);
          const before = pattern(SIZE, 1);
          assertStatus((await open.write({ offset: 0, data: before })).status, 0);
          client.transport.breakNext({ kind: 'cut', after });
          const cut = await open.write({ offset: 0, data: pattern(SIZE, 2) });
          assert.equal(cut.header, undefined, 'it was not acknowledged');
          await until(() => rig.engine.connections.size === 0);
          const again = await openFile(await rig.tree(), { name: `cut ${after}` });
          const read = await again.read({ offset: 0, length: SIZE });
          assert.deepEqual(read.response?.data, before);
          again.tree.session.connection.close();
          await until(() => rig.engine.connections.size === 0);
        }
      });
    });

    it('keeps what was acknowledged before, whatever was under way', async () => {
      await withShare(share, async (rig) => {
        const { client, open } = await openFaulty(rig, 'acknowledged');
        const chunk = SIZE / 4;
        const writes = Array.from({ length: 4 }, (_, i) =>
          open.write({ offset: i * chunk, data: pattern(chunk, 10 + i) }),
        );
        assertStatus((await writes[0]!).status, 0);
        client.transport.socket.destroy();
        const acknowledged: number[] = [];
        for (const [i, write] of writes.entries()) {
          if ((await write).status === 0) acknowledged.push(i);
        }
        await until(() => rig.engine.connections.size === 0);
        const again = await openFile(await rig.tree(), { name: 'acknowledged' });
        for (const i of acknowledged) {
          const read = await again.read({ offset: i * chunk, length: chunk });
          assert.deepEqual(read.response?.data, pattern(chunk, 10 + i));
        }
      });
    });

    it('releases the share mode of its opens', async () => {
      await withShare(share, async (rig) => {
        const { client } = await openFaulty(rig, 'mine', { shareAccess: 0 });
        const tree = await rig.tree();
        assertStatus((await tryOpen(tree, { name: 'mine' })).status, STATUS_SHARING_VIOLATION);
        client.transport.breakNext({ kind: 'cut', after: 100 });
        await client.connection.echo();
        await until(() => rig.engine.connections.size === 1);
        await openFile(tree, { name: 'mine', shareAccess: 0 });
      });
    });

    it('releases its locks, for those who wait as well', async () => {
      await withShare(share, async (rig) => {
        const { client, open } = await openFaulty(rig, 'locked');
        assertStatus((await open.lock([ALL])).status, 0);
        const other = await openFile(await rig.tree(), { name: 'locked' });
        const waiting = other.lock([ALL]);
        assert.notEqual(await waiting.interim, undefined);
        client.transport.socket.destroy();
        assertStatus((await waiting).status, 0);
        const third = await openFile(await rig.tree(), { name: 'locked' });
        assert.notEqual((await third.lock([ALL_NOW])).status, 0);
      });
    });

    it('gives up a lock that it waited for', async () => {
      await withShare(share, async (rig) => {
        const holder = await openFile(await rig.tree(), { name: 'locked' });
        assertStatus((await holder.lock([ALL])).status, 0);
        const { client, open } = await openFaulty(rig, 'locked');
        assert.notEqual(await open.lock([ALL]).interim, undefined);
        client.transport.socket.destroy();
        await until(() => rig.engine.connections.size === 1);
        assertStatus((await holder.close()).status, 0);
        const third = await openFile(await rig.tree(), { name: 'locked' });
        assertStatus((await third.lock([ALL_NOW])).status, 0);
      });
    });

    it('deletes what was to be deleted on close', async () => {
      await withShare(share, async (rig) => {
        const createOptions = FILE_DELETE_ON_CLOSE;
        const { client } = await openFaulty(rig, 'doomed', { createOptions });
        client.transport.socket.destroy();
        await until(() => rig.engine.connections.size === 0);
        const tree = await rig.tree();
        const gone = await tryOpen(tree, { name: 'doomed', createDisposition: FILE_OPEN });
        assert.notEqual(gone.status, 0);
      });
    });
  });
}

async function withShare(
  share: (folder: string) => ShareOptions,
  body: (rig: Rig) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'semba-cut-'));
  try {
    await withRig({ shares: [share(folder)] }, body);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function openFaulty(
  rig: Rig,
  name: string,
  options: Partial<Parameters<typeof openFile>[1]> = {},
): Promise<{ readonly client: FaultyClient; readonly open: ClientOpen }> {
  const client = await rig.connectFaulty();
  const tree = await rig.tree(await rig.logOn(client.connection));
  return { client, open: await openFile(tree, { name, ...options }) };
}

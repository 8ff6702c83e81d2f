import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
  statusName,
} from '../../src/erref/ntstatus.ts';
import { FILE_DELETE_ON_CLOSE, FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import {
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
} from '../../src/smb2/wire/constants.ts';
import {
  durableReconnectV2Context,
  durableRequestV2Context,
} from '../../src/smb2/wire/create-context-durable.ts';
import {
  grantedMs,
  lose,
  newGuid,
  OTHER_GUID,
  openDurable,
  reconnect,
  treeOfClient,
} from './durable-client.ts';
import { leased } from './restart-rig.ts';
import { assertStatus, openFile, pattern, tryOpen, until, withRig } from './rig.ts';

const TIMEOUT_MS = 30_000;
const LOCK = {
  offset: 0n,
  length: 10n,
  flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
};

describe('[MS-SMB2] 3.3.7.1 Handling Loss of a Connection, durable opens', {
  timeout: TIMEOUT_MS,
}, () => {
  it('gives the open back with its data and locks', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const open = await openDurable(tree, 'kept');
      assertStatus((await open.write({ offset: 0, data: pattern(100) })).status, 0);
      assertStatus((await open.lock([LOCK])).status, 0);
      await lose(rig, tree);
      assert.equal(rig.engine.counts().opens, 1);

      const again = await treeOfClient(rig);
      const { status, open: back } = await reconnect(again, open);
      assertStatus(status, 0);
      assert.equal(back?.fileId.persistent, open.fileId.persistent);
      assert.notEqual(back?.fileId.volatile, open.fileId.volatile);
      const read = await back!.read({ offset: 0, length: 100 });
      assert.deepEqual(read.response?.data, pattern(100));
      const unlock = { ...LOCK, flags: 4 };
      assertStatus((await back!.lock([unlock])).status, 0, 'the lock is still its own');
      assertStatus((await back!.close()).status, 0);
    });
  });

  it('closes it when the client does not come back in time', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const open = await openDurable(tree, 'overdue', { timeoutMs: 5_000 });
      assert.equal(grantedMs(open), 5_000);
      await lose(rig, tree);
      rig.time.advance(4_999);
      assert.equal(rig.engine.counts().opens, 1);
      rig.time.advance(1);
      assert.equal(rig.engine.counts().opens, 0);
      const { status } = await reconnect(await treeOfClient(rig), open);
      assertStatus(status, STATUS_OBJECT_NAME_NOT_FOUND);
    });
  });

  it('begins the time anew with each loss', async () => {
    await withRig({}, async (rig) => {
      let tree = await treeOfClient(rig);
      let open = await openDurable(tree, 'twice', { timeoutMs: 5_000 });
      for (let i = 0; i < 3; i++) {
        await lose(rig, tree);
        rig.time.advance(4_000);
        tree = await treeOfClient(rig);
        const { status, open: back } = await reconnect(tree, open);
        assertStatus(status, 0);
        open = back!;
      }
      rig.time.advance(60_000);
      assertStatus((await open.close()).status, 0);
    });
  });

  it('keeps it no longer than the server allows', async () => {
    await withRig(
      { limits: { durableTimeoutMs: 1_000, durableTimeoutMaxMs: 2_000 } },
      async (rig) => {
        const tree = await treeOfClient(rig);
        assert.equal(grantedMs(await openDurable(tree, 'default')), 1_000);
        assert.equal(grantedMs(await openDurable(tree, 'most', { timeoutMs: 0xffff_ffff })), 2_000);
        await lose(rig, tree);
        rig.time.advance(2_000);
        await until(() => {
          rig.time.advance(0);
          return rig.engine.counts().opens === 0;
        });
      },
    );
  });

  it('deletes what is to be deleted on close when its time is over', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      await openDurable(tree, 'gone', { createOptions: FILE_DELETE_ON_CLOSE });
      await lose(rig, tree);
      rig.time.advance(60_000);
      const other = await treeOfClient(rig, OTHER_GUID);
      const { status } = await tryOpen(other, { name: 'gone', createDisposition: FILE_OPEN });
      assertStatus(status, STATUS_OBJECT_NAME_NOT_FOUND);
    });
  });

  for (const [what, createOptions, expected] of [
    ['stays', 0, STATUS_INVALID_PARAMETER],
    ['is to be deleted', FILE_DELETE_ON_CLOSE, STATUS_SUCCESS],
  ] as const) {
    it(`answers ${statusName(expected)} to another name of a file that ${what}`, async () => {
      await withRig({}, async (rig) => {
        const createGuid = newGuid();
        const asked = durableRequestV2Context({ timeoutMs: 0, flags: 0, createGuid });
        const create = { name: 'one', createOptions, ...leased([asked], 7) };
        const tree = await treeOfClient(rig);
        const { fileId } = await openFile(tree, create);
        await lose(rig, tree);
        const back = durableReconnectV2Context({ fileId, createGuid, flags: 0 });
        const again = { name: 'another', ...leased([back], 7) };
        assertStatus((await tryOpen(await treeOfClient(rig), again)).status, expected);
        await rig.engine.removeShare('share');
      });
    });
  }

  it('purges it for another open of the file', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const open = await openDurable(tree, 'wanted', { shareAccess: 0 });
      await lose(rig, tree);
      const other = await treeOfClient(rig, OTHER_GUID);
      const taken = await openFile(other, { name: 'wanted', createDisposition: FILE_OPEN });
      const { status } = await reconnect(await treeOfClient(rig), open);
      assertStatus(status, STATUS_OBJECT_NAME_NOT_FOUND);
      assertStatus((await taken.close()).status, 0);
    });
  });

  it('keeps no more of them than the limit', async () => {
    await withRig({ limits: { disconnectedOpensMax: 2 } }, async (rig) => {
      const tree = await treeOfClient(rig);
      for (const name of ['a', 'b', 'c', 'd']) await openDurable(tree, name);
      await lose(rig, tree);
      assert.equal(rig.engine.counts().opens, 2);
      rig.time.advance(60_000);
    });
  });

  it('closes those of a share that is removed, and of a user who is', async () => {
    await withRig({}, async (rig) => {
      const first = await treeOfClient(rig);
      await openDurable(first, 'user');
      await lose(rig, first);
      rig.engine.logoffUser('TORTURE1');
      assert.equal(rig.engine.counts().opens, 0);
      const second = await treeOfClient(rig);
      await openDurable(second, 'share');
      await lose(rig, second);
      await rig.engine.removeShare('share');
      assert.equal(rig.engine.counts().opens, 0);
    });
  });

  it('closes an open that is not durable at once', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      await openFile(tree, { name: 'plain' });
      const undurable = await openDurable(tree, 'level II', { requestedOplockLevel: 1 });
      assert.equal(grantedMs(undurable), undefined);
      await lose(rig, tree);
      assert.equal(rig.engine.counts().opens, 0);
    });
  });

  it('refuses a second client of the open', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const open = await openDurable(tree, 'in use');
      const { status } = await reconnect(await treeOfClient(rig), open);
      assertStatus(status, STATUS_OBJECT_NAME_NOT_FOUND);
      assertStatus((await open.close()).status, 0);
    });
  });
});

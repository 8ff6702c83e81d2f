/** A client comes back to another process, and one of the two is killed meanwhile. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  STATUS_FILE_NOT_AVAILABLE,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import {
  SMB2_DHANDLE_FLAG_PERSISTENT,
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_OPLOCK_LEVEL_BATCH,
  SMB2_OPLOCK_LEVEL_NONE,
} from '../../src/smb2/wire/constants.ts';
import {
  CLIENT_GUID,
  lose,
  OTHER_GUID,
  openDurable,
  reconnect,
  treeOfClient,
} from './durable-client.ts';
import { type Processes, withProcesses } from './processes.ts';
import { assertStatus, openFile, tryOpen, turn, until } from './rig.ts';

const LOCK = {
  offset: 0n,
  length: 10n,
  flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
};

describe('an open on its way to a process that is killed then', () => {
  const moments = ['it was offered', 'it is in its file', 'it is among the durable'] as const;

  /** `a` asks for an open of `b`, and is killed after that. */
  async function takeAndDie(
    { a, cutA, cutAAfter }: Pick<Processes, 'a' | 'cutA' | 'cutAAfter'>,
    moment: (typeof moments)[number],
    take: () => Promise<unknown>,
  ): Promise<void> {
    if (moment !== moments[0]) {
      const isCut = cutAAfter(moment === moments[1] ? 'file' : 'durable');
      void take();
      return await isCut;
    }
    const { peers } = a.engine.options;
    assert.ok(peers);
    const ask = peers.askForOpen.bind(peers);
    const isCut = new Promise<void>((resolve) => {
      const askForOpen = async (...asked: Parameters<typeof ask>): Promise<boolean> => {
        assert.equal(await ask(...asked), true);
        await cutA();
        resolve();
        return await new Promise(() => {});
      };
      Object.assign(peers, { askForOpen });
    });
    void take();
    await isCut;
  }

  for (const [share, flags, requestedOplockLevel] of [
    ['share', 0, SMB2_OPLOCK_LEVEL_BATCH],
    ['kept', SMB2_DHANDLE_FLAG_PERSISTENT, SMB2_OPLOCK_LEVEL_NONE],
  ] as const) {
    for (const moment of moments) {
      it(`is its client's still, ${share}, once ${moment}`, () =>
        withProcesses(async (both) => {
          const { a, b, stored, killA } = both;
          const tree = await treeOfClient(b, CLIENT_GUID, share);
          const rest = { flags, requestedOplockLevel };
          const lost = await openDurable(tree, 'x', { ...rest, shareAccess: 0 });
          const sequence = { lockSequenceNumber: 5, lockSequenceIndex: 3 };
          assertStatus((await lost.lock([LOCK], { sequence })).status, STATUS_SUCCESS);
          await lose(b, tree);
          const elsewhere = await treeOfClient(a, CLIENT_GUID, share);
          await takeAndDie(both, moment, () => reconnect(elsewhere, lost, { flags }));
          await killA();
          assert.equal(b.engine.counts().opens, 1);
          const stranger = await treeOfClient(b, OTHER_GUID, share);
          if (flags !== 0) {
            const { status } = await tryOpen(stranger, { name: 'x' });
            assertStatus(status, STATUS_FILE_NOT_AVAILABLE);
          }
          const back = await treeOfClient(b, CLIENT_GUID, share);
          const { status, open } = await reconnect(back, lost, { flags });
          assertStatus(status, STATUS_SUCCESS);
          assert.equal(open?.fileId.persistent, lost.fileId.persistent);
          assertStatus((await open!.lock([LOCK], { sequence })).status, STATUS_SUCCESS, 'a replay');
          assertStatus((await open!.close()).status, STATUS_SUCCESS);
          await openFile(stranger, { name: 'x', shareAccess: 0 });
          assert.deepEqual([...(await stored.scan(''))], []);
        }));
    }
  }
});

describe('an open whose process is gone when it is asked for', () => {
  const flags = SMB2_DHANDLE_FLAG_PERSISTENT;
  const rest = { flags, requestedOplockLevel: SMB2_OPLOCK_LEVEL_NONE };

  it('is given back once it was swept', () =>
    withProcesses(async ({ a, b, cutA, killA }) => {
      const lost = await openDurable(await treeOfClient(a, CLIENT_GUID, 'kept'), 'x', rest);
      const tree = await treeOfClient(b, CLIENT_GUID, 'kept');
      await cutA();
      let isAnswered = false;
      const back = reconnect(tree, lost, { flags }).finally(() => {
        isAnswered = true;
      });
      for (let i = 0; i < 20; i++) await turn();
      assert.equal(isAnswered, false);
      await killA();
      const { status, open } = await back;
      assertStatus(status, STATUS_SUCCESS);
      assert.equal(open?.fileId.persistent, lost.fileId.persistent);
      assertStatus((await open!.close()).status, STATUS_SUCCESS);
    }));

  it('fails with STATUS_OBJECT_NAME_NOT_FOUND when nobody sweeps', () =>
    withProcesses(async ({ a, b, time, cutA, killA }) => {
      const lost = await openDurable(await treeOfClient(a, CLIENT_GUID, 'kept'), 'x', rest);
      const tree = await treeOfClient(b, CLIENT_GUID, 'kept');
      await cutA();
      const back = reconnect(tree, lost, { flags });
      for (let i = 0; i < 20; i++) await turn();
      await time.advance(10_000);
      assertStatus((await back).status, STATUS_OBJECT_NAME_NOT_FOUND);
      await killA();
      await time.advance(b.limits.durableTimeoutMs);
      await until(() => b.engine.counts().opens === 0);
    }));
});

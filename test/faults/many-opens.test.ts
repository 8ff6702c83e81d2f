/** What many opens end in, turns in which others are served, and what happens between two turns. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TURN_TIME_MS } from '../../src/base/limits.ts';
import { FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_CANCELLED,
  STATUS_NETWORK_NAME_DELETED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_PENDING,
  STATUS_RANGE_NOT_LOCKED,
} from '../../src/erref/ntstatus.ts';
import { FILE_OVERWRITE } from '../../src/fscc/create-parameters.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import {
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_OPLOCK_LEVEL_BATCH,
} from '../../src/smb2/wire/constants.ts';
import { lose, OTHER_GUID, openDurable, reconnect, treeOfClient } from './durable-client.ts';
import { assertStatus, openFile, type Rig, SHARE_ALL, tryOpen, until, withRig } from './rig.ts';

const TIMEOUT_MS = 30_000;
const MANY = 20;

/** What begins meanwhile stops after its first step, and waits for its next turn. */
async function begin(rig: Rig, what: () => unknown): Promise<void> {
  rig.time.lookMs = TURN_TIME_MS + 1;
  await what();
  rig.time.lookMs = 0;
}

/** Lets turn follow turn until the condition holds. */
async function takeTurns(rig: Rig, condition: () => boolean): Promise<void> {
  await until(() => {
    rig.time.advance(0);
    return condition();
  });
}

async function openMany(tree: ClientTree): Promise<ClientOpen[]> {
  const opens: ClientOpen[] = [];
  for (let i = 0; i < MANY; i++) opens.push(await openDurable(tree, `kept ${i}`));
  return opens;
}

describe('[MS-SMB2] 3.3.7.1 Handling Loss of a Connection that had many opens', {
  timeout: TIMEOUT_MS,
}, () => {
  it('gives back one that is still to be lost, and closes what is not durable in the end', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const opens = await openMany(tree);
      for (let i = 0; i < MANY; i++) await openFile(tree, { name: `plain ${i}` });
      await begin(rig, () => lose(rig, tree));
      assert.equal(rig.engine.endingSessions.size, 1);
      const again = await treeOfClient(rig);
      const { status, open: back } = await reconnect(again, opens.at(-1)!);
      assertStatus(status, 0);
      assert.equal(rig.engine.endingSessions.size, 1, 'the others are still to be lost');
      await takeTurns(rig, () => rig.engine.endingSessions.size === 0);
      assert.equal(rig.engine.counts().opens, MANY);
      assertStatus((await back!.close()).status, 0, 'it is the new session now');
      const { status: second, open: other } = await reconnect(again, opens[MANY / 2]!);
      assertStatus(second, 0);
      rig.time.advance(60_000);
      await takeTurns(rig, () => rig.engine.counts().opens === 1);
      assertStatus((await other!.close()).status, 0);
    });
  });

  it('closes one in which somebody else wants what it caches before its turn came', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const opens = await openMany(tree);
      await begin(rig, () => lose(rig, tree));
      const other = await treeOfClient(rig, OTHER_GUID);
      const taking = tryOpen(other, { name: `kept ${MANY - 1}` });
      await takeTurns(rig, () => rig.engine.endingSessions.size === 0);
      assertStatus((await taking).status, 0);
      const { status } = await reconnect(await treeOfClient(rig), opens.at(-1)!);
      assertStatus(status, STATUS_OBJECT_NAME_NOT_FOUND);
      rig.time.advance(60_000);
      await takeTurns(rig, () => rig.engine.counts().opens === 1);
    });
  });

  it('answers a logon that names the session when all of it is lost', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const { sessionId } = tree.session;
      for (let i = 0; i < MANY; i++) await openFile(tree, { name: `${i}`, shareAccess: 0 });
      await begin(rig, () => lose(rig, tree));
      let isDone = false;
      const logon = rig.logOn(undefined, { previousSessionId: sessionId }).then((session) => {
        isDone = true;
        return session;
      });
      await takeTurns(rig, () => isDone);
      assert.equal(rig.engine.counts().opens, 0);
      const again = await rig.tree(await logon);
      for (let i = 0; i < MANY; i++) await openFile(again, { name: `${i}`, shareAccess: 0 });
    });
  });

  it('ends with the server', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      await openMany(tree);
      await begin(rig, () => lose(rig, tree));
      let isClosed = false;
      const closing = rig.engine.close().then(() => {
        isClosed = true;
      });
      await takeTurns(rig, () => isClosed && rig.engine.endingSessions.size === 0);
      await closing;
      assert.equal(rig.engine.counts().opens, 0);
    });
  });
});

describe('[MS-SMB2] 3.3.6.2 Durable Open Scavenger Timer Event, many at once', {
  timeout: TIMEOUT_MS,
}, () => {
  it('does not close the one that came back before its turn', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const opens = await openMany(tree);
      await lose(rig, tree);
      const again = await treeOfClient(rig);
      await begin(rig, () => rig.time.advance(60_000));
      assert.equal(rig.engine.counts().opens, MANY - 1, 'the first of them closed');
      const { status, open: back } = await reconnect(again, opens.at(-1)!);
      assertStatus(status, 0);
      await takeTurns(rig, () => rig.engine.counts().opens === 1);
      rig.time.advance(60_000);
      assertStatus((await back!.close()).status, 0);
      assert.equal(rig.engine.counts().opens, 0);
    });
  });
});

describe('[MS-SMB2] 3.3.5.8 Receiving an SMB2 TREE_DISCONNECT Request with many opens', {
  timeout: TIMEOUT_MS,
}, () => {
  it('opens nothing more there, and is answered when all of them are closed', async () => {
    await withRig({}, async (rig) => {
      const session = await rig.logOn();
      const tree = await rig.tree(session);
      for (let i = 0; i < MANY; i++) await openFile(tree, { name: `${i}` });
      let isDone = false;
      await begin(rig, async () => {
        void tree.disconnect().then(() => {
          isDone = true;
        });
        await until(() => rig.engine.counts().treeConnects === 0);
      });
      assert.equal(isDone, false);
      assert.ok(rig.engine.counts().opens > 0);
      const refused = tryOpen(tree, { name: 'more' });
      await takeTurns(rig, () => isDone);
      assertStatus((await refused).status, STATUS_NETWORK_NAME_DELETED);
      assert.equal(rig.engine.counts().opens, 0);
    });
  });
});

describe('[MS-SMB2] 3.3.5.6 LOGOFF and 3.3.5.8 TREE_DISCONNECT, what waits for others of it', {
  timeout: TIMEOUT_MS,
}, () => {
  const ends = {
    'a tree connect': (tree: ClientTree) => tree.disconnect(),
    'a session': (tree: ClientTree) => tree.session.logoff(),
  };
  for (const [what, end] of Object.entries(ends)) {
    it(`locks nothing that goes with ${what}: the lock's own open goes, too`, async () => {
      await withRig({}, async (rig) => {
        const tree = await treeOfClient(rig);
        const range = { offset: 0n, length: 10n, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK };
        const holder = await openFile(tree, { name: 'locked' });
        const waiter = await openFile(tree, { name: 'locked' });
        assertStatus((await holder.lock([range])).status, 0);
        const waiting = waiter.lock([range]);
        assertStatus((await waiting.interim)!.status, STATUS_PENDING);
        rig.time.lookMs = TURN_TIME_MS + 1;
        const ending = end(tree);
        assertStatus((await waiting).status, STATUS_RANGE_NOT_LOCKED);
        assert.ok(rig.engine.counts().opens > 0, 'its open is still to be closed');
        rig.time.lookMs = 0;
        await takeTurns(rig, () => rig.engine.counts().opens === 0);
        assertStatus((await ending).status, 0);
      });
    });

    it(`opens nothing in what goes with ${what}`, async () => {
      await withRig({}, async (rig) => {
        const tree = await treeOfClient(rig);
        const requestedOplockLevel = SMB2_OPLOCK_LEVEL_BATCH;
        const alone = await openFile(tree, { name: 'alone', requestedOplockLevel });
        assertStatus((await alone.write({ offset: 0, data: Uint8Array.of(1) })).status, 0);
        await openFile(tree, { name: 'beside' });
        const opening = tree.create({
          name: 'alone',
          desiredAccess: FILE_GENERIC_WRITE,
          shareAccess: SHARE_ALL,
          createDisposition: FILE_OVERWRITE,
        });
        assertStatus((await opening.interim)!.status, STATUS_PENDING);
        rig.time.lookMs = TURN_TIME_MS + 1;
        const ending = end(tree);
        assertStatus((await opening).status, STATUS_CANCELLED);
        rig.time.lookMs = 0;
        await takeTurns(rig, () => rig.engine.counts().opens === 0);
        assertStatus((await ending).status, 0);
        const left = await openFile(await treeOfClient(rig), { name: 'alone' });
        const read = await left.read({ offset: 0, length: 2 });
        assert.equal(read.response?.data.length, 1, 'it was not overwritten');
      });
    });
  }
});

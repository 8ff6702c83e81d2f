/** Persistent opens while their store takes nothing: what clients are told holds after a crash. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  STATUS_FILE_NOT_AVAILABLE,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../../src/erref/ntstatus.ts';
import { FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import { FileDispositionInformation } from '../../src/fscc/info-classes.ts';
import {
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_SHARED_LOCK,
  SMB2_LOCKFLAG_UNLOCK,
} from '../../src/smb2/wire/constants.ts';
import { CLIENT_GUID, lose, OTHER_GUID, treeOfClient } from './durable-client.ts';
import {
  isPersistent,
  KEPT_MS,
  type Kept,
  LEASE_KEY,
  leaseStateOf,
  mustGiveBack,
  openKept,
  withRestarts,
} from './restart-rig.ts';
import { assertStatus, openFile, tryOpen, until } from './rig.ts';

const TIMEOUT_MS = 30_000;
const FAIL = SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
const EXCLUSIVE = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | FAIL;
const [RH, RWH] = [3, 7];

function range(
  flags: number,
  offset: bigint = 0n,
): { readonly offset: bigint; readonly length: bigint; readonly flags: number } {
  return { offset, length: 10n, flags };
}

async function dispose({ open }: Kept, isDeleted: boolean): Promise<number> {
  const buffer = Uint8Array.of(Number(isDeleted));
  return (await open.setInfo({ fileInfoClass: FileDispositionInformation, buffer })).status;
}

describe('a persistent open whose store takes nothing', { timeout: TIMEOUT_MS }, () => {
  it('gets no lock, and nor does the store once it has room', () =>
    withRestarts(async (restarts) => {
      const kept = await openKept(await treeOfClient(restarts.rig));
      assert.ok(isPersistent(kept));
      assertStatus((await kept.open.lock([range(EXCLUSIVE)])).status, 0);
      restarts.store.isFull = true;
      const refused = await kept.open.lock([range(EXCLUSIVE, 100n), range(EXCLUSIVE, 200n)]);
      assertStatus(refused.status, STATUS_INSUFFICIENT_RESOURCES);
      const other = await openFile(await restarts.rig.tree(), { name: 'file' });
      assertStatus((await other.lock([range(EXCLUSIVE, 100n)])).status, 0, 'nobody has it');
      assertStatus((await other.lock([range(EXCLUSIVE)])).status, STATUS_LOCK_NOT_GRANTED);
      await restarts.makeRoom();
      assert.deepEqual(
        (await restarts.stored())?.locks.map(({ offset }) => offset),
        [0n],
      );
      assertStatus((await kept.open.lock([range(EXCLUSIVE, 200n)])).status, 0);
      assert.equal((await restarts.stored())?.locks.length, 2);
    }));

  it('takes back no more than the lock that was refused', () =>
    withRestarts(async (restarts) => {
      const kept = await openKept(await treeOfClient(restarts.rig));
      assertStatus((await kept.open.lock([range(EXCLUSIVE)])).status, 0);
      restarts.store.isFull = true;
      const refused = await kept.open.lock([range(SMB2_LOCKFLAG_SHARED_LOCK | FAIL)]);
      assertStatus(refused.status, STATUS_INSUFFICIENT_RESOURCES);
      await restarts.makeRoom();
      const locks = (await restarts.stored())?.locks ?? [];
      assert.deepEqual(
        locks.map(({ exclusive }) => exclusive),
        [true],
      );
    }));

  it('asks again for the refused lock with its sequence, and gets it then', () =>
    withRestarts(async (restarts) => {
      const kept = await openKept(await treeOfClient(restarts.rig));
      const sequence = { sequence: { lockSequenceIndex: 1, lockSequenceNumber: 3 } };
      restarts.store.isFull = true;
      const refused = await kept.open.lock([range(EXCLUSIVE)], sequence);
      assertStatus(refused.status, STATUS_INSUFFICIENT_RESOURCES);
      await restarts.makeRoom();
      await restarts.crash();
      const { open } = await mustGiveBack(restarts.rig, kept);
      assert.equal((await restarts.stored())?.locks.length, 0);
      assertStatus((await open.lock([range(EXCLUSIVE)], sequence)).status, 0);
      assert.equal((await restarts.stored())?.locks.length, 1, 'it was no replay');
    }));

  it('gives locks up, which after a crash are there until they are given up once more', () =>
    withRestarts(async (restarts) => {
      const kept = await openKept(await treeOfClient(restarts.rig));
      assertStatus((await kept.open.lock([range(EXCLUSIVE)])).status, 0);
      restarts.store.isFull = true;
      assertStatus((await kept.open.lock([range(SMB2_LOCKFLAG_UNLOCK)])).status, 0);
      const other = await openFile(await restarts.rig.tree(), { name: 'file' });
      assertStatus((await other.lock([range(EXCLUSIVE)])).status, 0);
      await restarts.crash();
      const { open } = await mustGiveBack(restarts.rig, kept);
      assert.equal((await restarts.stored())?.locks.length, 1);
      assertStatus((await open.lock([range(SMB2_LOCKFLAG_UNLOCK)])).status, 0);
      assert.equal((await restarts.stored())?.locks.length, 0);
    }));

  for (const isDeleted of [true, false]) {
    it(`keeps its file ${isDeleted ? 'undeleted' : 'to be deleted'} when told otherwise`, () =>
      withRestarts(async (restarts) => {
        const kept = await openKept(await treeOfClient(restarts.rig));
        if (!isDeleted) assertStatus(await dispose(kept, true), 0);
        restarts.store.isFull = true;
        assertStatus(await dispose(kept, isDeleted), STATUS_INSUFFICIENT_RESOURCES);
        await restarts.crash();
        const { open } = await mustGiveBack(restarts.rig, kept);
        assertStatus((await open.close()).status, 0);
        const again = await tryOpen(await restarts.rig.tree(), {
          name: 'file',
          createDisposition: FILE_OPEN,
        });
        assertStatus(again.status, isDeleted ? 0 : STATUS_OBJECT_NAME_NOT_FOUND);
      }));
  }

  it('closes; after a crash the file waits for nobody, until the time of the open is over', () =>
    withRestarts(async (restarts) => {
      const kept = await openKept(await treeOfClient(restarts.rig));
      restarts.store.isFull = true;
      assertStatus((await kept.open.close()).status, 0);
      const meanwhile = await openFile(await restarts.rig.tree(), { name: 'file' });
      assertStatus((await meanwhile.close()).status, 0);
      await restarts.crash();
      const tree = await restarts.rig.tree();
      const { status } = await tryOpen(tree, { name: 'file' });
      assertStatus(status, STATUS_FILE_NOT_AVAILABLE);
      restarts.rig.time.advance(KEPT_MS);
      await until(() => restarts.rig.engine.counts().opens === 0);
      await openFile(tree, { name: 'file' });
      await until(() => restarts.rig.engine.durableOpens.persistentCount === 0);
      assert.equal(await restarts.stored(), undefined);
    }));

  it('closes, and the store forgets it once it has room', () =>
    withRestarts(async (restarts) => {
      const kept = await openKept(await treeOfClient(restarts.rig));
      restarts.store.isFull = true;
      assertStatus((await kept.open.close()).status, 0);
      assert.ok((await restarts.stored()) !== undefined);
      await restarts.makeRoom();
      assert.equal(await restarts.stored(), undefined);
    }));

  it('is forgotten, closed, by a server that ends when there is room again', () =>
    withRestarts(async (restarts) => {
      const kept = await openKept(await treeOfClient(restarts.rig));
      restarts.store.isFull = true;
      assertStatus((await kept.open.close()).status, 0);
      restarts.store.isFull = false;
      await restarts.rig.leave();
      assert.equal(await restarts.stored(), undefined);
      await restarts.start();
    }));

  it('is given back, and is still there after a crash', () =>
    withRestarts(async (restarts) => {
      const tree = await treeOfClient(restarts.rig);
      const kept = await openKept(tree);
      restarts.store.isFull = true;
      await lose(restarts.rig, tree);
      const again = await mustGiveBack(restarts.rig, kept);
      assert.ok((await again.open.write({ offset: 0, data: Buffer.from('here') })).status === 0);
      await restarts.crash();
      const { open } = await mustGiveBack(restarts.rig, again);
      assertStatus((await open.close()).status, 0);
    }));

  it('is broken for a client that is promised nothing, and whole again after a crash', () =>
    withRestarts(async (restarts) => {
      const breaks: number[] = [];
      const connection = await restarts.rig.connect(
        { clientGuid: CLIENT_GUID },
        { onBreak: (one) => one.kind === 'lease' && breaks.push(one.notification.newLeaseState) },
      );
      const tree = await restarts.rig.tree(await restarts.rig.logOn(connection));
      const kept = await openKept(tree, { leaseState: RWH });
      assert.equal(leaseStateOf(kept.open), RWH);
      restarts.store.isFull = true;
      const waiting = openKept(await treeOfClient(restarts.rig, OTHER_GUID));
      await until(() => breaks.length > 0);
      assert.deepEqual(breaks, [RH]);
      const ack = await tree.acknowledgeLeaseBreak({ leaseKey: LEASE_KEY, leaseState: RH });
      assertStatus(ack.status, 0);
      assert.equal(isPersistent(await waiting), false);
      await restarts.crash();
      const { open } = await mustGiveBack(restarts.rig, kept, RWH);
      assert.equal(leaseStateOf(open), RWH, 'the second client is gone with the server');
    }));

  it('tells of the lease that the store has, when the one that was raised is lost', () =>
    withRestarts(async (restarts) => {
      const tree = await treeOfClient(restarts.rig);
      const kept = await openKept(tree, { leaseState: RH });
      assert.equal(leaseStateOf(kept.open), RH);
      restarts.store.isFull = true;
      const raised = await openKept(tree, { leaseState: RWH });
      assert.equal(isPersistent(raised), false);
      assert.equal(leaseStateOf(raised.open), RWH);
      await restarts.crash();
      const { open } = await mustGiveBack(restarts.rig, kept, RWH);
      assert.equal(leaseStateOf(open), RH);
    }));
});

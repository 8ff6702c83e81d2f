/** What two processes of one server owe each other's clients. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import { FILE_GENERIC_READ } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_DELETE_PENDING,
  STATUS_FILE_NOT_AVAILABLE,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_LOGON_FAILURE,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import { FILE_DELETE_ON_CLOSE, FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import { FileDispositionInformation, FileRenameInformation } from '../../src/fscc/info-classes.ts';
import { encodeNewName, newNameSize } from '../../src/fscc/set-information.ts';
import type { BreakNotification } from '../../src/smb2/client/connection.ts';
import { ClientOpen } from '../../src/smb2/client/open.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import {
  SMB2_DHANDLE_FLAG_PERSISTENT,
  SMB2_FLAGS_REPLAY_OPERATION,
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_UNLOCK,
  SMB2_OPLOCK_LEVEL_BATCH,
  SMB2_OPLOCK_LEVEL_II,
  SMB2_OPLOCK_LEVEL_NONE,
} from '../../src/smb2/wire/constants.ts';
import { durableRequestV2Context } from '../../src/smb2/wire/create-context-durable.ts';
import {
  CLIENT_GUID,
  lose,
  newGuid,
  OTHER_GUID,
  openDurable,
  reconnect,
  treeOfClient,
} from './durable-client.ts';
import { withProcesses } from './processes.ts';
import { assertStatus, openFile, type Rig, SHARE_ALL, tryOpen, turn, until } from './rig.ts';

const LOCK = {
  offset: 0n,
  length: 10n,
  flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
};

async function rename(open: ClientOpen, name: string): Promise<number> {
  const buffer = new Uint8Array(newNameSize(name));
  encodeNewName(viewOf(buffer), 0, { name, replaceIfExists: false });
  const { status } = await open.setInfo({
    infoType: 1,
    fileInfoClass: FileRenameInformation,
    buffer,
  });
  return status;
}

/** A client whose breaks are kept. */
async function listening(rig: Rig): Promise<{ tree: ClientTree; breaks: BreakNotification[] }> {
  const breaks: BreakNotification[] = [];
  const onBreak = (notification: BreakNotification): void => void breaks.push(notification);
  const tree = await rig.tree(await rig.logOn(await rig.connect({}, { onBreak })));
  return { tree, breaks };
}

/** The fourth failure is the first that is not free. */
const FIRST_DELAY_MS = 100;

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

describe('two processes of one server', () => {
  it('keep each other from what is not shared', () =>
    withProcesses(async ({ a, b }) => {
      const held = await openFile(await a.tree(), { name: 'x', shareAccess: 0 });
      const tree = await b.tree();
      assertStatus((await tryOpen(tree, { name: 'x' })).status, STATUS_SHARING_VIOLATION);
      await held.close();
      await openFile(tree, { name: 'x' });
    }));

  it('wait for a file that the other one is removing, but not for ever', () =>
    withProcesses(async ({ a, b, vfs, time }) => {
      const createOptions = FILE_DELETE_ON_CLOSE;
      const released: (() => void)[] = [];
      const remove = vfs.unlink.bind(vfs);
      const unlink = (...args: Parameters<typeof remove>) =>
        new Promise<void>((resolve) => released.push(resolve)).then(() => remove(...args));
      Object.assign(vfs, { unlink });
      const tree = await b.tree();
      for (const isLate of [false, true]) {
        const held = await openFile(await a.tree(), { name: 'x', createOptions });
        const closed = held.close();
        await until(() => released.length === 1);
        let isAnswered = false;
        const waiting = tryOpen(tree, { name: 'x' }).then((opened) => {
          isAnswered = true;
          return opened;
        });
        await turns(20);
        assert.equal(isAnswered, false);
        if (isLate) await time.advance(2_000);
        else released.pop()?.();
        const { status, open } = await waiting;
        assertStatus(status, isLate ? STATUS_DELETE_PENDING : STATUS_SUCCESS);
        released.pop()?.();
        await closed;
        await open?.close();
      }
    }));

  it('break an oplock in the other one, whose answer lets the open go on', () =>
    withProcesses(async ({ a, b }) => {
      const { tree, breaks } = await listening(a);
      const requestedOplockLevel = SMB2_OPLOCK_LEVEL_BATCH;
      const held = await openFile(tree, { name: 'x', requestedOplockLevel });
      const waiting = tryOpen(await b.tree(), { name: 'x' });
      await until(() => breaks.length === 1);
      const answer = await held.acknowledgeOplockBreak(SMB2_OPLOCK_LEVEL_II);
      assertStatus(answer.status, STATUS_SUCCESS);
      assertStatus((await waiting).status, STATUS_SUCCESS);
    }));

  it('wait for a holder that does not answer as long as for one of their own', () =>
    withProcesses(async ({ a, b, time }) => {
      const { tree, breaks } = await listening(a);
      await openFile(tree, { name: 'x', requestedOplockLevel: SMB2_OPLOCK_LEVEL_BATCH });
      let isOpen = false;
      const waiting = tryOpen(await b.tree(), { name: 'x' }).then((opened) => {
        isOpen = true;
        return opened;
      });
      await until(() => breaks.length === 1);
      await time.advance(b.limits.breakTimeoutMs - 1);
      assert.equal(isOpen, false);
      await time.advance(1);
      assertStatus((await waiting).status, STATUS_SUCCESS);
    }));

  it('give what a process held that is gone to who waits', () =>
    withProcesses(async ({ a, b, killA }) => {
      const { tree, breaks } = await listening(a);
      await openFile(tree, { name: 'x', requestedOplockLevel: SMB2_OPLOCK_LEVEL_BATCH });
      const other = await b.tree();
      const waiting = tryOpen(other, { name: 'x' });
      await until(() => breaks.length === 1);
      await killA();
      assertStatus((await waiting).status, STATUS_SUCCESS);
    }));

  it('count guesses at a password together', () =>
    withProcesses(async ({ a, b, time }) => {
      for (const rig of [a, b, a]) {
        assertStatus(await rig.tryLogOn(await rig.connect(), 'guess'), STATUS_LOGON_FAILURE);
      }
      // The fourth is the first that is not free, and who guessed waits with a right one, too.
      const answers: number[] = [];
      for (const [rig, password] of [
        [b, 'guess'],
        [a, 'torture1pw'],
      ] as const) {
        void rig.tryLogOn(await rig.connect(), password).then((status) => answers.push(status));
        await turns(50);
      }
      assert.deepEqual(answers, []);
      await time.advance(FIRST_DELAY_MS);
      await until(() => answers.length === 2);
      assert.deepEqual([...answers].sort(), [STATUS_SUCCESS, STATUS_LOGON_FAILURE]);
    }));

  it('refuse a right guess among too many, whichever of them it is tried at', () =>
    withProcesses(async ({ a, b, time }) => {
      const answers: number[] = [];
      for (let guess = 0; guess < 20; guess++) {
        const rig = guess % 2 === 0 ? a : b;
        void rig.tryLogOn(await rig.connect(), 'guess').then((status) => answers.push(status));
        await turns(50);
      }
      const statuses: number[] = [];
      for (const rig of [a, b]) {
        void rig.tryLogOn(await rig.connect(), 'torture1pw').then((one) => statuses.push(one));
        await turns(50);
      }
      assert.deepEqual([answers.length, statuses], [3, []]);
      await time.advance(4 * a.limits.failedLogonDelayMs);
      await until(() => answers.length === 20 && statuses.length === 2);
      assert.deepEqual(statuses, [STATUS_LOGON_FAILURE, STATUS_LOGON_FAILURE]);
    }));

  it('count their opens together', () =>
    withProcesses(
      async ({ a, b }) => {
        const [here, there] = [await a.tree(), await b.tree()];
        const first = await openFile(here, { name: 'a' });
        const second = await openFile(there, { name: 'b' });
        for (const tree of [here, there]) {
          assertStatus((await tryOpen(tree, { name: 'c' })).status, STATUS_INSUFFICIENT_RESOURCES);
        }
        await first.close();
        await openFile(there, { name: 'c' });
        assertStatus((await tryOpen(here, { name: 'a' })).status, STATUS_INSUFFICIENT_RESOURCES);
        await second.close();
      },
      { opensMax: 2 },
    ));

  it('count opens that wait for their clients together', () =>
    withProcesses(
      async ({ a, b, time }) => {
        const [here, there] = [await treeOfClient(a), await treeOfClient(b, OTHER_GUID)];
        for (const name of ['a', 'b']) await openDurable(here, name);
        for (const name of ['c', 'd']) await openDurable(there, name);
        await lose(a, here);
        await lose(b, there);
        assert.deepEqual([a.engine.counts().opens, b.engine.counts().opens], [2, 1]);
        time.advance(60_000);
      },
      { disconnectedOpensMax: 3 },
    ));

  it('give a durable open to the process to which its client comes back', () =>
    withProcesses(async ({ a, b }) => {
      const left = await treeOfClient(a);
      const lost = await openDurable(left, 'x');
      await lost.write({ offset: 0, data: Buffer.from('kept') });
      await lose(a, left);
      const tree = await treeOfClient(b, OTHER_GUID);
      const { status, open } = await reconnect(tree, lost);
      assertStatus(status, STATUS_SUCCESS);
      const read = await open!.read({ offset: 0, length: 10 });
      assert.equal(Buffer.from(read.response!.data).toString(), 'kept');
      assert.deepEqual([a.engine.counts().opens, b.engine.counts().opens], [0, 1]);
      await open!.close();
    }));
});

describe('what a process leaves behind that was killed', () => {
  it('counts no longer towards a limit', () =>
    withProcesses(
      async ({ a, b, killA }) => {
        const tree = await a.tree();
        for (const name of ['a', 'b']) await openFile(tree, { name });
        await killA();
        const left = await b.tree();
        for (const name of ['a', 'b']) await openFile(left, { name });
      },
      { opensMax: 2 },
    ));

  it('is a durable open with its data, locks and lock sequences', () =>
    withProcesses(async ({ a, b, killA }) => {
      const lost = await openDurable(await treeOfClient(a), 'x', { shareAccess: 0 });
      await lost.write({ offset: 0, data: Buffer.from('kept') });
      const sequence = { lockSequenceNumber: 5, lockSequenceIndex: 3 };
      assertStatus((await lost.lock([LOCK], { sequence })).status, STATUS_SUCCESS);
      await killA();
      assert.equal(b.engine.durableOpens.disconnectedCount, 1);
      const { status, open } = await reconnect(await treeOfClient(b), lost);
      assertStatus(status, STATUS_SUCCESS);
      assert.equal(open?.fileId.persistent, lost.fileId.persistent);
      const read = await open!.read({ offset: 0, length: 10 });
      assert.equal(Buffer.from(read.response!.data).toString(), 'kept');
      assertStatus((await open!.lock([LOCK])).status, STATUS_LOCK_NOT_GRANTED);
      assertStatus((await open!.lock([LOCK], { sequence })).status, STATUS_SUCCESS, 'a replay');
      const unlock = { ...LOCK, flags: SMB2_LOCKFLAG_UNLOCK };
      assertStatus((await open!.lock([unlock])).status, STATUS_SUCCESS);
      await open!.close();
      await openFile(await b.tree(), { name: 'x', shareAccess: 0 });
    }));

  it('is one whose client had gone before, with what it was at then', () =>
    withProcesses(async ({ a, b, killA }) => {
      const tree = await treeOfClient(a);
      const lost = await openDurable(tree, 'x');
      await lose(a, tree);
      await killA();
      const { status, open } = await reconnect(await treeOfClient(b, OTHER_GUID), lost);
      assertStatus(status, STATUS_SUCCESS);
      await open!.close();
    }));

  it("is no other user's", () =>
    withProcesses(async ({ a, b, killA }) => {
      const lost = await openDurable(await treeOfClient(a), 'x');
      await killA();
      const connection = await b.connect({ clientGuid: CLIENT_GUID });
      const other = await b.tree(await b.logOn(connection, { user: 'torture2' }));
      assertStatus((await reconnect(other, lost)).status, STATUS_ACCESS_DENIED);
      const { status, open } = await reconnect(await treeOfClient(b), lost);
      assertStatus(status, STATUS_SUCCESS);
      await open!.close();
    }));

  it('goes when somebody needs what it caches, and its sharing counts until then', () =>
    withProcesses(async ({ a, b, killA }) => {
      const rest = { shareAccess: 0 };
      const lost = await openDurable(await treeOfClient(a), 'x', rest);
      await killA();
      // Breaking the oplock of a client that is away takes its open away.
      await openFile(await b.tree(), { name: 'x' });
      const { status } = await reconnect(await treeOfClient(b), lost);
      assertStatus(status, STATUS_OBJECT_NAME_NOT_FOUND);
    }));

  it('goes when its client does not come back in time', () =>
    withProcesses(async ({ a, b, time, killA }) => {
      const lost = await openDurable(await treeOfClient(a), 'x', { timeoutMs: 5_000 });
      await killA();
      await time.advance(5_000);
      await until(() => b.engine.counts().opens === 0);
      const { status } = await reconnect(await treeOfClient(b), lost);
      assertStatus(status, STATUS_OBJECT_NAME_NOT_FOUND);
    }));

  it('goes when a break was under way that nobody answers any more', () =>
    withProcesses(async ({ a, b, killA }) => {
      const { tree, breaks } = await listening(a);
      const lost = await openDurable(tree, 'x');
      const waiting = tryOpen(await b.tree(), { name: 'x' });
      await until(() => breaks.length === 1);
      await killA();
      assertStatus((await waiting).status, STATUS_SUCCESS);
      const { status } = await reconnect(await treeOfClient(b), lost);
      assertStatus(status, STATUS_OBJECT_NAME_NOT_FOUND);
    }));

  it('is found under its new name when it was renamed', () =>
    withProcesses(async ({ a, b, killA }) => {
      const shareAccess = SHARE_ALL;
      const lost = await openDurable(await treeOfClient(a), 'x', { shareAccess });
      assertStatus(await rename(lost, 'y'), STATUS_SUCCESS);
      await killA();
      const { status, open } = await reconnect(await treeOfClient(b), lost);
      assertStatus(status, STATUS_SUCCESS);
      await open!.close();
    }));

  it('goes with a file that was replaced by somebody else', () =>
    withProcesses(async ({ a, b, vfs, killA }) => {
      const lost = await openDurable(await treeOfClient(a), 'x');
      vfs.unlink({ uid: 0, gid: 0, groups: [] }, 'x');
      await killA();
      assert.equal(b.engine.counts().opens, 0);
      const { status } = await reconnect(await treeOfClient(b), lost);
      assertStatus(status, STATUS_OBJECT_NAME_NOT_FOUND);
      await openFile(await b.tree(), { name: 'x', shareAccess: 0 });
    }));

  it('is deleted with the last open when that was asked for', () =>
    withProcesses(async ({ a, b, killA }) => {
      const tree = await a.tree();
      await openFile(tree, { name: 'x', createOptions: FILE_DELETE_ON_CLOSE });
      const marked = await openFile(tree, { name: 'y' });
      const disposition = { infoType: 1, fileInfoClass: FileDispositionInformation };
      const buffer = Uint8Array.of(1);
      assertStatus((await marked.setInfo({ ...disposition, buffer })).status, STATUS_SUCCESS);
      await openFile(tree, { name: 'z' });
      await killA();
      const other = await b.tree();
      const createDisposition = FILE_OPEN;
      for (const name of ['x', 'y']) {
        const { status } = await tryOpen(other, { name, createDisposition });
        assertStatus(status, STATUS_OBJECT_NAME_NOT_FOUND, name);
      }
      await openFile(other, { name: 'z', createDisposition, shareAccess: 0 });
    }));

  it('keeps its deletion until the client that comes back closes it', () =>
    withProcesses(async ({ a, b, killA }) => {
      const createOptions = FILE_DELETE_ON_CLOSE;
      const lost = await openDurable(await treeOfClient(a), 'x', { createOptions });
      await killA();
      const tree = await treeOfClient(b);
      const { status, open } = await reconnect(tree, lost);
      assertStatus(status, STATUS_SUCCESS);
      await open!.close();
      const again = await tryOpen(tree, { name: 'x', createDisposition: FILE_OPEN });
      assertStatus(again.status, STATUS_OBJECT_NAME_NOT_FOUND);
    }));
});

describe('a persistent open of a process that was killed', () => {
  const flags = SMB2_DHANDLE_FLAG_PERSISTENT;
  const kept = (rig: Rig): Promise<ClientTree> => treeOfClient(rig, CLIENT_GUID, 'kept');

  it('is given back with its locks, and nobody else has it meanwhile', () =>
    withProcesses(async ({ a, b, stored, killA }) => {
      const rest = { flags, requestedOplockLevel: SMB2_OPLOCK_LEVEL_NONE };
      const lost = await openDurable(await kept(a), 'x', rest);
      const sequence = { lockSequenceNumber: 5, lockSequenceIndex: 3 };
      assertStatus((await lost.lock([LOCK], { sequence })).status, STATUS_SUCCESS);
      const locks = async (): Promise<number | undefined> =>
        [...(await stored.scan(''))][0]?.[1].locks.length;
      assert.equal(await locks(), 1);
      await killA();
      const stranger = await treeOfClient(b, OTHER_GUID, 'kept');
      assertStatus((await tryOpen(stranger, { name: 'x' })).status, STATUS_FILE_NOT_AVAILABLE);
      const { status, open } = await reconnect(await kept(b), lost, rest);
      assertStatus(status, STATUS_SUCCESS);
      assertStatus((await open!.lock([LOCK], { sequence })).status, STATUS_SUCCESS, 'a replay');
      assertStatus((await open!.lock([LOCK])).status, STATUS_LOCK_NOT_GRANTED);
      await openFile(stranger, { name: 'x' });
      await open!.close();
      assert.deepEqual([...(await stored.scan(''))], []);
    }));

  it('is given back to who sends the CREATE again that was not answered', () =>
    withProcesses(async ({ a, b, killA }) => {
      const createGuid = newGuid();
      const contexts = [durableRequestV2Context({ timeoutMs: 0, flags, createGuid })];
      const create = { name: 'x', shareAccess: 0, contexts };
      const first = await openFile(await kept(a), create);
      await killA();
      const header = { flags: SMB2_FLAGS_REPLAY_OPERATION };
      const tree = await kept(b);
      const parameters = {
        ...create,
        desiredAccess: FILE_GENERIC_READ,
        createDisposition: FILE_OPEN,
      };
      const again = await tree.create(parameters, { header });
      assertStatus(again.status, STATUS_SUCCESS);
      assert.equal(again.response?.fileId.persistent, first.fileId.persistent);
      assertStatus((await new ClientOpen(tree, again.response!).close()).status, STATUS_SUCCESS);
    }));

  it('goes when its client does not come back in time', () =>
    withProcesses(async ({ a, b, time, stored, killA }) => {
      await openDurable(await kept(a), 'x', { flags, timeoutMs: 5_000 });
      await killA();
      assert.equal([...(await stored.scan(''))].length, 1);
      await time.advance(5_000);
      await until(() => b.engine.counts().opens === 0);
      await until(() => [...(stored.scan('') as Iterable<unknown>)].length === 0);
    }));
});

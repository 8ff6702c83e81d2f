/** What two processes of one server owe each other's clients. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  STATUS_LOGON_FAILURE,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import type { BreakNotification } from '../../src/smb2/client/connection.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import { SMB2_OPLOCK_LEVEL_BATCH, SMB2_OPLOCK_LEVEL_II } from '../../src/smb2/wire/constants.ts';
import { lose, OTHER_GUID, openDurable, reconnect, treeOfClient } from './durable-client.ts';
import { withProcesses } from './processes.ts';
import { assertStatus, openFile, type Rig, tryOpen, turn, until } from './rig.ts';

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
    withProcesses(async ({ a, b, sweepA }) => {
      const { tree, breaks } = await listening(a);
      await openFile(tree, { name: 'x', requestedOplockLevel: SMB2_OPLOCK_LEVEL_BATCH });
      const other = await b.tree();
      const waiting = tryOpen(other, { name: 'x' });
      await until(() => breaks.length === 1);
      await sweepA();
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

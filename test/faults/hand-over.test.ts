/** An engine that gives its place away, as its clients see it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { run } from '../../src/base/task.ts';
import {
  STATUS_CONNECTION_DISCONNECTED,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import type { FileRecord } from '../../src/fsa/file-record.ts';
import { leaveOpens, part, settle } from '../../src/smb2/server/hand-over.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK } from '../../src/smb2/wire/constants.ts';
import { CLIENT_GUID, OTHER_GUID, openDurable, treeOfClient } from './durable-client.ts';
import { assertStatus, openFile, pattern, type Rig, turn, until, withRig } from './rig.ts';

const TIMEOUT_MS = 60_000;
const LOOK_MS = 10;
const SIZE = 256 * 1024;

/** Does it while virtual time passes. */
async function passing<T>(rig: Rig, work: Promise<T>): Promise<T> {
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await turn();
    rig.time.advance(LOOK_MS);
  }
  return await done;
}

describe('smb2/server/hand-over.ts', { timeout: TIMEOUT_MS }, () => {
  it('gets every answer to a client that goes on asking', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const open = await openFile(tree, { name: 'file' });
      const data = pattern(SIZE);
      assertStatus((await open.write({ offset: 0, data })).status, 0);
      const reads = Array.from({ length: 40 }, () => open.read({ offset: 0, length: SIZE }));
      await reads[0];
      await passing(rig, settle(rig.engine, TIMEOUT_MS));
      await passing(rig, rig.engine.loseAll('handed over'));
      const late = open.write({ offset: 0, data });
      const answers = await Promise.all(reads);
      const answered = answers.filter(({ status }) => status === STATUS_SUCCESS);
      assert.ok(answered.length > 0);
      for (const { response } of answered) assert.deepEqual(response?.data, data);
      for (const { status } of answers.slice(answered.length)) {
        assertStatus(status, STATUS_CONNECTION_DISCONNECTED);
      }
      assertStatus((await late).status, STATUS_CONNECTION_DISCONNECTED);
      assert.equal(await tree.session.connection.closed, 'closed by the peer');
      await passing(rig, part(rig.engine, TIMEOUT_MS));
      assert.equal(rig.engine.partingCount, 0);
    });
  });

  it('does nothing new, and waits no longer than it is told to', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const holder = await openDurable(tree, 'file');
      const other = await treeOfClient(rig, OTHER_GUID);
      // It waits for the answer to a break, which never comes.
      const waiting = openFile(other, { name: 'file' }).catch(() => undefined);
      await until(() => [...rig.engine.connections].some(({ waiting: { size } }) => size > 0));
      const settled = passing(rig, settle(rig.engine, 1_000));
      const write = holder.write({ offset: 0, data: pattern(1) });
      await settled;
      await passing(rig, rig.engine.loseAll('handed over'));
      assertStatus((await write).status, STATUS_CONNECTION_DISCONNECTED);
      await waiting;
      const written: FileRecord[] = [];
      const left = await run(leaveOpens(rig.engine, (record) => written.push(record)));
      // One that breaks is not durable.
      assert.equal(left.durable, 0);
      assert.deepEqual(written, []);
    });
  });

  it('leaves each open with what is its own, and no client any more', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig, CLIENT_GUID);
      const held = await openDurable(tree, 'file');
      await openFile(tree, { name: 'other' });
      const flags = SMB2_LOCKFLAG_EXCLUSIVE_LOCK;
      const lock = [{ offset: 5n, length: 2n, flags }];
      assertStatus((await held.lock(lock)).status, STATUS_SUCCESS);
      const blocked = held.lock(lock);
      assertStatus((await blocked.interim)!.status, STATUS_PENDING);
      await passing(rig, settle(rig.engine, TIMEOUT_MS));
      assert.equal(await passing(rig, rig.engine.loseAll('handed over')), 1);
      assertStatus((await blocked).status, STATUS_CONNECTION_DISCONNECTED);
      const written: FileRecord[] = [];
      const left = await run(leaveOpens(rig.engine, (record) => written.push(record)));
      assert.equal(left.durable, 1);
      assert.deepEqual(
        written.map(({ opens, locks, oplocks }) => [opens[0]?.path, locks.length, oplocks.length]),
        [['file', 1, 1]],
      );
      assert.equal(rig.engine.counts().opens, 0);
    });
  });
});

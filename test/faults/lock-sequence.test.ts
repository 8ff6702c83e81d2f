import { describe, it } from 'node:test';
import { STATUS_LOCK_NOT_GRANTED, STATUS_RANGE_NOT_LOCKED } from '../../src/erref/ntstatus.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import {
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_UNLOCK,
} from '../../src/smb2/wire/constants.ts';
import { lose, openDurable, reconnect, treeOfClient } from './durable-client.ts';
import { assertStatus, openFile, withRig } from './rig.ts';

const TIMEOUT_MS = 30_000;
const EXCLUSIVE = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;

interface LockSequence {
  readonly lockSequenceIndex: number;
  readonly lockSequenceNumber: number;
}

/** Of the first ten bytes. */
async function send(open: ClientOpen, flags: number, sequence: LockSequence): Promise<number> {
  return (await open.lock([{ offset: 0n, length: 10n, flags }], { sequence })).status;
}

describe('[MS-SMB2] 3.3.5.14 Receiving an SMB2 LOCK Request, LockSequence', {
  timeout: TIMEOUT_MS,
}, () => {
  it('grants a lock once that is asked for twice', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const open = await openDurable(tree, 'locked');
      const flags = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
      const range = [{ offset: 0n, length: 10n, flags }];
      const sequence = { lockSequenceIndex: 1, lockSequenceNumber: 1 };
      const next = { lockSequenceIndex: 2, lockSequenceNumber: 1 };
      assertStatus((await open.lock(range, { sequence })).status, 0);
      assertStatus((await open.lock(range, { sequence })).status, 0);
      const second = await open.lock(range, { sequence: next });
      assertStatus(second.status, STATUS_LOCK_NOT_GRANTED);
      assertStatus((await open.close()).status, 0);
    });
  });

  it('is given up once, and the same number asks for something new at another place', async () => {
    await withRig({}, async (rig) => {
      const open = await openDurable(await treeOfClient(rig), 'locked');
      const take = (place: number, number: number): Promise<number> =>
        send(open, EXCLUSIVE, { lockSequenceIndex: place, lockSequenceNumber: number });
      const give = (place: number, number: number): Promise<number> =>
        send(open, SMB2_LOCKFLAG_UNLOCK, { lockSequenceIndex: place, lockSequenceNumber: number });
      assertStatus(await take(64, 15), 0);
      assertStatus(await give(64, 0), 0);
      assertStatus(await give(64, 0), 0);
      assertStatus(await give(64, 1), STATUS_RANGE_NOT_LOCKED);
      assertStatus(await give(64, 0), STATUS_RANGE_NOT_LOCKED, 'the failure freed the place');
      assertStatus(await take(63, 0), 0);
      assertStatus((await open.close()).status, 0);
    });
  });

  it('verifies neither place 0 nor one beyond 64', async () => {
    await withRig({}, async (rig) => {
      const open = await openDurable(await treeOfClient(rig), 'locked');
      for (const lockSequenceIndex of [0, 65, 0x0fff_ffff]) {
        const sequence = { lockSequenceIndex, lockSequenceNumber: 1 };
        assertStatus(await send(open, EXCLUSIVE, sequence), 0);
        assertStatus(await send(open, EXCLUSIVE, sequence), STATUS_LOCK_NOT_GRANTED);
        assertStatus(await send(open, SMB2_LOCKFLAG_UNLOCK, sequence), 0);
      }
      assertStatus((await open.close()).status, 0);
    });
  });

  for (const [dialect, verifies] of [
    [0x0202, false],
    [0x0210, false],
    [0x0300, true],
  ] as const) {
    const what = verifies ? 'verifies' : 'does not verify';
    it(`${what} those of plain handles in dialect 0x0${dialect.toString(16)}`, async () => {
      await withRig({}, async (rig) => {
        const connection = await rig.connect({ dialects: [dialect] });
        const open = await openFile(await rig.tree(await rig.logOn(connection)), { name: 'a' });
        const sequence = { lockSequenceIndex: 1, lockSequenceNumber: 1 };
        assertStatus(await send(open, EXCLUSIVE, sequence), 0);
        const again = await send(open, EXCLUSIVE, sequence);
        assertStatus(again, verifies ? 0 : STATUS_LOCK_NOT_GRANTED);
      });
    });
  }

  it('goes on with them when the client is back', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const lost = await openDurable(tree, 'locked');
      const sequence = { lockSequenceIndex: 1, lockSequenceNumber: 1 };
      assertStatus(await send(lost, EXCLUSIVE, sequence), 0);
      await lose(rig, tree);
      const { open } = await reconnect(await treeOfClient(rig), lost);
      assertStatus(await send(open!, EXCLUSIVE, sequence), 0);
      const next = { lockSequenceIndex: 1, lockSequenceNumber: 2 };
      assertStatus(await send(open!, EXCLUSIVE, next), STATUS_LOCK_NOT_GRANTED);
      assertStatus((await open!.close()).status, 0);
    });
  });
});

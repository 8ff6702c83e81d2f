/** A CREATE whose answer was lost is sent again, to another process of the server. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type NtStatus,
  STATUS_DUPLICATE_OBJECTID,
  STATUS_FILE_NOT_AVAILABLE,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import { FILE_OPEN_IF } from '../../src/fscc/create-parameters.ts';
import { ClientOpen } from '../../src/smb2/client/open.ts';
import type { CreateParameters } from '../../src/smb2/client/requests.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import {
  SMB2_DHANDLE_FLAG_PERSISTENT,
  SMB2_FLAGS_REPLAY_OPERATION,
  SMB2_OPLOCK_LEVEL_BATCH,
  SMB2_OPLOCK_LEVEL_NONE,
} from '../../src/smb2/wire/constants.ts';
import { durableRequestV2Context } from '../../src/smb2/wire/create-context-durable.ts';
import { CLIENT_GUID, lose, newGuid, treeOfClient } from './durable-client.ts';
import { withProcesses } from './processes.ts';
import { assertStatus, openFile, type Rig, tryOpen, until } from './rig.ts';

const KINDS = [
  ['durable', 'share', 0, SMB2_OPLOCK_LEVEL_BATCH],
  ['persistent', 'kept', SMB2_DHANDLE_FLAG_PERSISTENT, SMB2_OPLOCK_LEVEL_NONE],
] as const;

/** `KINDS` without the name: what a CREATE of that kind is. */
function createOf(flags: number, requestedOplockLevel: number): CreateParameters {
  const context = durableRequestV2Context({ timeoutMs: 0, flags, createGuid: newGuid() });
  return {
    name: 'x',
    desiredAccess: 0x0013_019f,
    shareAccess: 0,
    createDisposition: FILE_OPEN_IF,
    requestedOplockLevel,
    contexts: [context],
  };
}

async function sendAgain(
  tree: ClientTree,
  create: CreateParameters,
): Promise<{ readonly status: NtStatus; readonly open: ClientOpen | undefined }> {
  const header = { flags: SMB2_FLAGS_REPLAY_OPERATION };
  const { status, response } = await tree.create(create, { header });
  return { status, open: response && new ClientOpen(tree, response) };
}

describe('[MS-SMB2] 3.3.5.9.10, a CREATE that ran in another process', () => {
  for (const [kind, share, flags, level] of KINDS) {
    const treeOf = (rig: Rig): Promise<ClientTree> => treeOfClient(rig, CLIENT_GUID, share);

    it(`is answered with its open, ${kind}`, () =>
      withProcesses(async ({ a, b, stored }) => {
        const create = createOf(flags, level);
        const tree = await treeOf(a);
        const first = await openFile(tree, create);
        await lose(a, tree);
        const { status, open } = await sendAgain(await treeOf(b), create);
        assertStatus(status, STATUS_SUCCESS);
        assert.equal(open?.fileId.persistent, first.fileId.persistent);
        assert.deepEqual([a.engine.counts().opens, b.engine.counts().opens], [0, 1]);
        assertStatus((await open!.close()).status, STATUS_SUCCESS);
        assert.deepEqual([...(await stored.scan(''))], []);
      }));

    it(`fails with STATUS_DUPLICATE_OBJECTID while its client is connected there, ${kind}`, () =>
      withProcesses(async ({ a, b }) => {
        const create = createOf(flags, level);
        const first = await openFile(await treeOf(a), create);
        assertStatus((await sendAgain(await treeOf(b), create)).status, STATUS_DUPLICATE_OBJECTID);
        await first.close();
      }));

    it(`fails with STATUS_FILE_NOT_AVAILABLE while it waits there, ${kind}`, () =>
      withProcesses(async ({ a, b }) => {
        const breaks: unknown[] = [];
        const connection = await a.connect({}, { onBreak: (broken) => void breaks.push(broken) });
        const holder = await a.tree(await a.logOn(connection), share);
        const requestedOplockLevel = SMB2_OPLOCK_LEVEL_BATCH;
        const held = await openFile(holder, { name: 'x', requestedOplockLevel });
        const create = createOf(flags, level);
        const waiting = tryOpen(await treeOf(a), create);
        await until(() => breaks.length === 1);
        assertStatus((await sendAgain(await treeOf(b), create)).status, STATUS_FILE_NOT_AVAILABLE);
        await held.close();
        const { status, open } = await waiting;
        assertStatus(status, STATUS_SUCCESS);
        await open?.close();
      }));
  }

  it('fails with STATUS_FILE_NOT_AVAILABLE when its open is persistent and was used', () =>
    withProcesses(async ({ a, b, time }) => {
      const create = createOf(SMB2_DHANDLE_FLAG_PERSISTENT, SMB2_OPLOCK_LEVEL_NONE);
      const tree = await treeOfClient(a, CLIENT_GUID, 'kept');
      const used = await openFile(tree, create);
      await used.write({ offset: 0, data: Uint8Array.of(1) });
      await lose(a, tree);
      const elsewhere = await treeOfClient(b, CLIENT_GUID, 'kept');
      assertStatus((await sendAgain(elsewhere, create)).status, STATUS_FILE_NOT_AVAILABLE);
      await time.advance(a.limits.durableTimeoutMs);
      await until(() => a.engine.counts().opens === 0);
    }));

  it('is done when there was none', () =>
    withProcesses(async ({ b }) => {
      const create = createOf(0, SMB2_OPLOCK_LEVEL_BATCH);
      const { status, open } = await sendAgain(await treeOfClient(b), create);
      assertStatus(status, STATUS_SUCCESS);
      await open?.close();
    }));
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FILE_ALL_ACCESS } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_DUPLICATE_OBJECTID,
  STATUS_END_OF_FILE,
  STATUS_FILE_NOT_AVAILABLE,
  STATUS_INVALID_PARAMETER,
  STATUS_PENDING,
  STATUS_SHARING_VIOLATION,
} from '../../src/erref/ntstatus.ts';
import {
  FILE_CREATED,
  FILE_DIRECTORY_FILE,
  FILE_OPEN_IF,
  FILE_OPENED,
} from '../../src/fscc/create-parameters.ts';
import { FSCTL_SET_SPARSE } from '../../src/fscc/fsctl.ts';
import { FilePositionInformation } from '../../src/fscc/info-classes.ts';
import type { Call } from '../../src/smb2/client/call.ts';
import { ClientOpen } from '../../src/smb2/client/open.ts';
import { type HeaderFields, type Request, withHeader } from '../../src/smb2/client/request.ts';
import {
  type CreateParameters,
  createRequest,
  ioctlRequest,
  lockRequest,
  setInfoRequest,
} from '../../src/smb2/client/requests.ts';
import { readRequest, writeRequest } from '../../src/smb2/client/transfer-requests.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import {
  SMB2_DHANDLE_FLAG_PERSISTENT,
  SMB2_FLAGS_REPLAY_OPERATION,
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_OPLOCK_LEVEL_BATCH,
  SMB2_OPLOCK_LEVEL_EXCLUSIVE,
  SMB2_OPLOCK_LEVEL_NONE,
} from '../../src/smb2/wire/constants.ts';
import type { CreateResponse } from '../../src/smb2/wire/create.ts';
import {
  durableReconnectContext,
  durableReconnectV2Context,
  durableRequestContext,
  durableRequestV2Context,
} from '../../src/smb2/wire/create-context-durable.ts';
import { leaseContext } from '../../src/smb2/wire/create-context-lease.ts';
import { lose, newGuid, OTHER_GUID, openDurable, treeOfClient } from './durable-client.ts';
import { leased } from './restart-rig.ts';
import { assertStatus, openFile, pattern, SHARE_ALL, withRig } from './rig.ts';

const TIMEOUT_MS = 30_000;
const POSITION = new Uint8Array(8);
const REPLAY = { flags: SMB2_FLAGS_REPLAY_OPERATION };

/** A CREATE that can be sent again as it is. */
function guided(name: string, rest: Partial<CreateParameters> = {}): CreateParameters {
  return {
    name,
    desiredAccess: FILE_ALL_ACCESS,
    shareAccess: 0,
    createDisposition: FILE_OPEN_IF,
    requestedOplockLevel: SMB2_OPLOCK_LEVEL_BATCH,
    contexts: [durableRequestV2Context({ timeoutMs: 0, flags: 0, createGuid: newGuid() })],
    ...rest,
  };
}

function send(
  tree: ClientTree,
  create: CreateParameters,
  header: HeaderFields = {},
): Call<CreateResponse> {
  return tree.call(withHeader(createRequest(create), header));
}

describe('[MS-SMB2] 3.3.5.9.10: a CREATE that is sent again', { timeout: TIMEOUT_MS }, () => {
  it('is answered with the open that the first one made', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const create = guided('again');
      const first = await send(tree, create);
      const again = await send(tree, create, REPLAY);
      assertStatus(again.status, 0);
      assert.deepEqual(again.response?.fileId, first.response?.fileId);
      assert.equal(again.response?.createAction, FILE_CREATED);
      assert.equal(rig.engine.counts().opens, 1);
      await lose(rig, tree);
      rig.time.advance(60_000);
    });
  });

  it('fails with STATUS_DUPLICATE_OBJECTID when it is no replay', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const create = guided('twice');
      assertStatus((await send(tree, create)).status, 0);
      assertStatus((await send(tree, create)).status, STATUS_DUPLICATE_OBJECTID);
      const other = await treeOfClient(rig);
      assertStatus((await send(other, create, REPLAY)).status, STATUS_DUPLICATE_OBJECTID);
      await lose(rig, tree);
      rig.time.advance(60_000);
    });
  });

  it('is a CREATE of its own once the open was used', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const create = guided('used', { requestedOplockLevel: 0 });
      const first = await send(tree, create);
      const { fileId } = first.response!;
      const data = pattern(10);
      assertStatus((await tree.call(writeRequest({ fileId, offset: 0, data }))).status, 0);
      assertStatus((await send(tree, create, REPLAY)).status, STATUS_SHARING_VIOLATION);
    });
  });

  it('fails with STATUS_FILE_NOT_AVAILABLE while the first one waits', async () => {
    await withRig({}, async (rig) => {
      const holder = await openDurable(await treeOfClient(rig, OTHER_GUID), 'held');
      const tree = await treeOfClient(rig);
      const create = guided('held', { shareAccess: SHARE_ALL });
      const first = send(tree, create);
      assertStatus((await first.interim)?.status ?? 0, STATUS_PENDING);
      assertStatus((await send(tree, create, REPLAY)).status, STATUS_FILE_NOT_AVAILABLE);
      assertStatus((await send(tree, create)).status, STATUS_FILE_NOT_AVAILABLE);
      assertStatus((await holder.close()).status, 0);
      const { status, response } = await first;
      assertStatus(status, 0);
      const again = await send(tree, create, REPLAY);
      assert.deepEqual(again.response?.fileId, response?.fileId);
      await lose(rig, tree);
      rig.time.advance(60_000);
    });
  });

  it('fails with STATUS_ACCESS_DENIED meanwhile where Windows is the example', async () => {
    await withRig({ server: { replayOrder: 'windows' } }, async (rig) => {
      const holder = await openDurable(await treeOfClient(rig, OTHER_GUID), 'held');
      const tree = await treeOfClient(rig);
      const create = guided('held', { shareAccess: SHARE_ALL });
      const first = send(tree, create);
      assertStatus((await first.interim)?.status ?? 0, STATUS_PENDING);
      assertStatus((await send(tree, create, REPLAY)).status, STATUS_ACCESS_DENIED);
      assertStatus((await holder.close()).status, 0);
      assertStatus((await first).status, 0);
      await lose(rig, tree);
      rig.time.advance(60_000);
    });
  });

  it('waits beside one that waits for sharing, where Windows is the example', async () => {
    await withRig({ server: { replayOrder: 'windows' } }, async (rig) => {
      const other = await treeOfClient(rig, OTHER_GUID);
      const holder = await openDurable(other, 'held', { shareAccess: 0 });
      const tree = await treeOfClient(rig);
      const create = guided('held');
      const first = send(tree, create);
      assertStatus((await first.interim)?.status ?? 0, STATUS_PENDING);
      const second = send(tree, create, REPLAY);
      assertStatus((await second.interim)?.status ?? 0, STATUS_PENDING);
      assertStatus((await holder.close()).status, 0);
      assertStatus((await first).status, 0);
      rig.time.advance(60_000);
      assertStatus((await second).status, STATUS_SHARING_VIOLATION);
      await lose(rig, tree);
      rig.time.advance(60_000);
    });
  });

  it('can be sent anew when the first one failed', async () => {
    await withRig({}, async (rig) => {
      const other = await treeOfClient(rig, OTHER_GUID);
      const blocking = await openFile(other, { name: 'blocked', shareAccess: 0 });
      const tree = await treeOfClient(rig);
      const create = guided('blocked');
      assertStatus((await send(tree, create)).status, STATUS_SHARING_VIOLATION);
      assertStatus((await blocking.close()).status, 0);
      const again = await send(tree, create, REPLAY);
      assertStatus(again.status, 0);
      assert.equal(again.response?.createAction, FILE_OPENED);
      await lose(rig, tree);
      rig.time.advance(60_000);
    });
  });

  it('gives the open back when its answer was lost with the connection', async () => {
    await withRig({}, async (rig) => {
      // A persistent handle was asked for, in vain: the share has none.
      for (const flags of [0, SMB2_DHANDLE_FLAG_PERSISTENT]) {
        const tree = await treeOfClient(rig);
        const durable = durableRequestV2Context({ timeoutMs: 0, flags, createGuid: newGuid() });
        const create = guided(`lost ${flags}`, { contexts: [durable] });
        const first = await send(tree, create);
        await lose(rig, tree);
        const back = await treeOfClient(rig);
        const again = await send(back, create, REPLAY);
        assertStatus(again.status, 0);
        assert.equal(again.response?.createAction, FILE_CREATED);
        assert.equal(again.response?.fileId.persistent, first.response?.fileId.persistent);
        await lose(rig, back);
        rig.time.advance(60_000);
      }
    });
  });

  it('fails with STATUS_DUPLICATE_OBJECTID on another session of the client', async () => {
    await withRig({}, async (rig) => {
      const create = guided('mine');
      const tree = await treeOfClient(rig);
      const { response } = await send(tree, create);
      const { status } = await send(await treeOfClient(rig), create, REPLAY);
      assertStatus(status, STATUS_DUPLICATE_OBJECTID);
      assertStatus((await new ClientOpen(tree, response!).close()).status, 0);
    });
  });

  it('is a CREATE of its own on another client', async () => {
    await withRig({}, async (rig) => {
      const create = guided('shared', { shareAccess: SHARE_ALL, requestedOplockLevel: 0 });
      const first = await send(await treeOfClient(rig), create);
      const other = await send(await treeOfClient(rig, OTHER_GUID), create, REPLAY);
      assertStatus(other.status, 0);
      assert.notDeepEqual(other.response?.fileId, first.response?.fileId);
      assert.equal(other.response?.createAction, FILE_OPENED);
    });
  });

  it('fails with STATUS_ACCESS_DENIED when it names another lease', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const { contexts } = guided('leased');
      const create = { ...guided('leased'), ...leased(contexts ?? [], 7) };
      assertStatus((await send(tree, create)).status, 0);
      const other = leaseContext({
        version: 2,
        leaseKey: 'f6'.repeat(16),
        leaseState: 7,
        leaseFlags: 0,
        parentLeaseKey: undefined,
        epoch: 1,
      });
      const named = { ...create, contexts: [...(contexts ?? []), other] };
      assertStatus((await send(tree, named, REPLAY)).status, STATUS_ACCESS_DENIED);
      const { status, response } = await send(tree, create, REPLAY);
      assertStatus(status, 0);
      assertStatus((await new ClientOpen(tree, response!).close()).status, 0);
    });
  });

  it('is durable with neither a directory nor less than a batch oplock', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const createOptions = FILE_DIRECTORY_FILE;
      for (const create of [
        guided('folder', { createOptions }),
        guided('exclusive', { requestedOplockLevel: SMB2_OPLOCK_LEVEL_EXCLUSIVE }),
        guided('none', { requestedOplockLevel: SMB2_OPLOCK_LEVEL_NONE }),
      ]) {
        const { status, response } = await send(tree, create);
        assertStatus(status, 0);
        assert.deepEqual(response?.contexts, []);
        const again = await send(tree, create, REPLAY);
        assert.deepEqual(again.response?.fileId, response?.fileId);
      }
    });
  });

  it('fails with STATUS_INVALID_PARAMETER beside another durable context', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const { contexts = [], ...rest } = guided('both');
      const fileId = { persistent: 1n, volatile: 1n };
      const createGuid = newGuid();
      for (const other of [
        durableRequestContext(),
        durableReconnectContext(fileId),
        durableReconnectV2Context({ fileId, createGuid, flags: 0 }),
      ]) {
        const { status } = await send(tree, { ...rest, contexts: [...contexts, other] });
        assertStatus(status, STATUS_INVALID_PARAMETER);
      }
    });
  });
});

describe('[MS-SMB2] 3.3.5.2.10 Verifying the Channel Sequence Number', {
  timeout: TIMEOUT_MS,
}, () => {
  it('fails with STATUS_FILE_NOT_AVAILABLE what changes a file out of turn', async () => {
    await withRig({}, async (rig) => {
      const { tree, fileId } = await openFile(await treeOfClient(rig), { name: 'turn' });
      const write = writeRequest({ fileId, offset: 0, data: pattern(10) });
      const read = readRequest({ fileId, offset: 0, length: 10 });
      const at = (channelSequence: number, header: HeaderFields = {}): HeaderFields => ({
        ...header,
        channelSequence,
      });
      assertStatus((await tree.call(withHeader(write, at(2)))).status, 0);
      assertStatus((await tree.call(withHeader(write, at(1)))).status, STATUS_FILE_NOT_AVAILABLE);
      assertStatus((await tree.call(withHeader(read, at(1)))).status, 0);
      assertStatus((await tree.call(withHeader(write, at(2, REPLAY)))).status, 0);
      const old = withHeader(write, at(0xffff, REPLAY));
      assertStatus((await tree.call(old)).status, STATUS_FILE_NOT_AVAILABLE);
    });
  });

  it('takes a replay once no request from before is under way', async () => {
    await withRig({}, async (rig) => {
      const holder = await openFile(await rig.tree(), { name: 'turn' });
      const flags = SMB2_LOCKFLAG_EXCLUSIVE_LOCK;
      const locks = [{ offset: 100n, length: 1n, flags }];
      assertStatus((await holder.lock(locks)).status, 0);
      const { tree, fileId } = await openFile(await treeOfClient(rig), { name: 'turn' });
      const waiting = tree.call(lockRequest({ fileId, locks }));
      await waiting.interim;
      const channelSequence = 1;
      const again = { channelSequence, ...REPLAY };
      const changes: readonly Request<unknown>[] = [
        writeRequest({ fileId, offset: 0, data: pattern(10) }),
        setInfoRequest({ fileId, fileInfoClass: FilePositionInformation, buffer: POSITION }),
        ioctlRequest({ fileId, ctlCode: FSCTL_SET_SPARSE, input: new Uint8Array() }),
      ];
      for (const change of changes) {
        const { status } = await tree.call(withHeader(change, again));
        assertStatus(status, STATUS_FILE_NOT_AVAILABLE);
      }
      const read = readRequest({ fileId, offset: 0, length: 10 });
      assertStatus((await tree.call(withHeader(read, again))).status, STATUS_END_OF_FILE);
      assertStatus((await holder.close()).status, 0);
      assertStatus((await waiting).status, 0);
      for (const change of changes) {
        assertStatus((await tree.call(withHeader(change, again))).status, 0);
      }
    });
  });

  it('verifies none below 3.0', async () => {
    await withRig({}, async (rig) => {
      const connection = await rig.connect({ dialects: [0x0210] });
      const tree = await rig.tree(await rig.logOn(connection));
      const { fileId } = await openFile(tree, { name: 'turn' });
      const write = writeRequest({ fileId, offset: 0, data: pattern(10) });
      for (const channelSequence of [2, 1]) {
        assertStatus((await tree.call(withHeader(write, { channelSequence }))).status, 0);
      }
    });
  });
});

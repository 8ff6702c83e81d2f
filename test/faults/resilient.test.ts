import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../../src/base/bytes.ts';
import {
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SHARING_VIOLATION,
} from '../../src/erref/ntstatus.ts';
import { FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import { FSCTL_LMR_REQUEST_RESILIENCY } from '../../src/fscc/fsctl.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import { SMB2_DIALECT_202, SMB2_OPLOCK_LEVEL_BATCH } from '../../src/smb2/wire/constants.ts';
import {
  encodeNetworkResiliency,
  NETWORK_RESILIENCY_REQUEST_SIZE,
} from '../../src/smb2/wire/network-resiliency.ts';
import { lose, OTHER_GUID, reconnect, treeOfClient } from './durable-client.ts';
import { assertStatus, openFile, pattern, tryOpen, withRig } from './rig.ts';

const TIMEOUT_MS = 30_000;

async function askResiliency(open: ClientOpen, timeoutMs: number): Promise<number> {
  const input = new Uint8Array(NETWORK_RESILIENCY_REQUEST_SIZE);
  encodeNetworkResiliency(viewOf(input), 0, { timeoutMs });
  const reply = await open.ioctl({
    ctlCode: FSCTL_LMR_REQUEST_RESILIENCY,
    input,
    maxOutputResponse: 0,
  });
  return reply.status;
}

describe('[MS-SMB2] 3.3.5.15.9 Handling a Resiliency Request', { timeout: TIMEOUT_MS }, () => {
  it('keeps an open without any oplock, and others out, until its time is over', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const open = await openFile(tree, { name: 'resilient', shareAccess: 0 });
      assertStatus(await askResiliency(open, 5_000), 0);
      await lose(rig, tree);
      const other = await treeOfClient(rig, OTHER_GUID);
      const meanwhile = await tryOpen(other, { name: 'resilient', createDisposition: FILE_OPEN });
      assertStatus(meanwhile.status, STATUS_SHARING_VIOLATION);
      const back = await treeOfClient(rig);
      const again = await reconnect(back, open, { version: 1 });
      assertStatus(again.status, 0);
      assertStatus((await again.open!.write({ offset: 0, data: pattern(10) })).status, 0);
      await lose(rig, back);
      rig.time.advance(5_000);
      const { status } = await reconnect(await treeOfClient(rig), open, { version: 1 });
      assertStatus(status, STATUS_OBJECT_NAME_NOT_FOUND);
      assert.equal(rig.engine.counts().opens, 0);
    });
  });

  it('gives its oplock up for another open, and stays', async () => {
    await withRig({}, async (rig) => {
      const tree = await treeOfClient(rig);
      const requestedOplockLevel = SMB2_OPLOCK_LEVEL_BATCH;
      const open = await openFile(tree, { name: 'shared', requestedOplockLevel });
      assertStatus(await askResiliency(open, 0), 0);
      await lose(rig, tree);
      await openFile(await treeOfClient(rig, OTHER_GUID), { name: 'shared' });
      const again = await reconnect(await treeOfClient(rig), open, { version: 1 });
      assertStatus(again.status, 0);
      assert.equal(again.open?.response.oplockLevel, 0);
      assertStatus((await again.open!.close()).status, 0);
    });
  });

  it('fails with STATUS_INVALID_PARAMETER when it asks for too much time', async () => {
    await withRig({}, async (rig) => {
      const open = await openFile(await treeOfClient(rig), { name: 'long' });
      const { durableTimeoutMaxMs } = rig.limits;
      assertStatus(await askResiliency(open, durableTimeoutMaxMs), 0);
      assertStatus(await askResiliency(open, durableTimeoutMaxMs + 1), STATUS_INVALID_PARAMETER);
      assertStatus((await open.close()).status, 0);
    });
  });

  it('fails with STATUS_INVALID_DEVICE_REQUEST in dialect 2.0.2', async () => {
    await withRig({}, async (rig) => {
      const connection = await rig.connect({ dialects: [SMB2_DIALECT_202] });
      const tree = await rig.tree(await rig.logOn(connection));
      const open = await openFile(tree, { name: 'old' });
      assertStatus(await askResiliency(open, 0), STATUS_INVALID_DEVICE_REQUEST);
    });
  });
});

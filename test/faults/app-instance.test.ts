/** Applications that move to another machine. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FILE_ALL_ACCESS } from '../../src/dtyp/access-mask.ts';
import {
  DACL_SECURITY_INFORMATION,
  type SecurityDescriptor,
  securityDescriptorBytes,
} from '../../src/dtyp/security-descriptor.ts';
import {
  STATUS_FILE_CLOSED,
  STATUS_FILE_FORCED_CLOSED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SHARING_VIOLATION,
} from '../../src/erref/ntstatus.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import { decideTakeOver } from '../../src/smb2/server/app-instances.ts';
import { SMB2_0_INFO_SECURITY, SMB2_OPLOCK_LEVEL_BATCH } from '../../src/smb2/wire/constants.ts';
import type { CreateContext } from '../../src/smb2/wire/create-context.ts';
import {
  durableReconnectV2Context,
  durableRequestV2Context,
} from '../../src/smb2/wire/create-context-durable.ts';
import {
  appInstanceIdContext,
  appInstanceVersionContext,
} from '../../src/smb2/wire/create-context-file.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import {
  CLIENT_GUID,
  grantedMs,
  lose,
  newGuid,
  OTHER_GUID,
  openDurable,
  reconnect,
  treeOfClient,
} from './durable-client.ts';
import { assertStatus, openFile, pattern, tryOpen, withRig } from './rig.ts';
import { VirtualTime } from './virtual-env.ts';

const TIMEOUT_MS = 30_000;

/** An empty list lets nobody in. */
const NOBODY: SecurityDescriptor = {
  control: 0,
  owner: undefined,
  group: undefined,
  sacl: undefined,
  dacl: { revision: 2, aces: [] },
};

async function letNobodyIn(open: ClientOpen): Promise<void> {
  const { status } = await open.setInfo({
    infoType: SMB2_0_INFO_SECURITY,
    fileInfoClass: 0,
    additionalInformation: DACL_SECURITY_INFORMATION,
    buffer: securityDescriptorBytes(NOBODY),
  });
  assertStatus(status, 0);
}

/** What makes an open durable, and the application's. */
function durableWith(instance: CreateContext): { readonly contexts: readonly CreateContext[] } {
  const asked = { timeoutMs: 0, flags: 0, createGuid: newGuid() };
  return { contexts: [durableRequestV2Context(asked), instance] };
}

describe('[MS-SMB2] 3.3.5.9.13 Handling the SMB2_CREATE_APP_INSTANCE_ID Create Context', {
  timeout: TIMEOUT_MS,
}, () => {
  const INSTANCE = appInstanceIdContext('d4'.repeat(16));
  const version = (low: bigint): readonly CreateContext[] => [
    INSTANCE,
    appInstanceVersionContext({ high: 1n, low }),
  ];

  it('closes what the instance had open on another client', async () => {
    await withRig({}, async (rig) => {
      const first = await treeOfClient(rig);
      const mine = { name: 'app', shareAccess: 0, contexts: [INSTANCE] };
      const open = await openFile(first, mine);
      assertStatus((await tryOpen(first, mine)).status, STATUS_SHARING_VIOLATION);
      const stranger = await treeOfClient(rig, OTHER_GUID);
      assertStatus((await tryOpen(stranger, { name: 'app' })).status, STATUS_SHARING_VIOLATION);
      const moved = await openFile(stranger, mine);
      assertStatus((await open.read({ offset: 0, length: 1 })).status, STATUS_FILE_CLOSED);
      assertStatus((await moved.close()).status, 0);
    });
  });

  it('fails with STATUS_FILE_FORCED_CLOSED when the other one is as new', async () => {
    await withRig({}, async (rig) => {
      const first = await treeOfClient(rig);
      const mine = { name: 'app', shareAccess: 0 };
      await openFile(first, { ...mine, contexts: version(7n) });
      const second = await treeOfClient(rig, OTHER_GUID);
      for (const low of [6n, 7n]) {
        const { status } = await tryOpen(second, { ...mine, contexts: version(low) });
        assertStatus(status, STATUS_FILE_FORCED_CLOSED);
      }
      await openFile(second, { ...mine, contexts: version(8n) });
    });
  });

  it('leaves alone what the user may not read', async () => {
    await withRig({}, async (rig) => {
      const first = await treeOfClient(rig);
      const desiredAccess = FILE_ALL_ACCESS;
      const mine = { name: 'app', desiredAccess, shareAccess: 0, contexts: [INSTANCE] };
      const open = await openFile(first, mine);
      await letNobodyIn(open);
      const second = await treeOfClient(rig, OTHER_GUID);
      assert.notEqual((await tryOpen(second, mine)).status, 0);
      assertStatus((await open.write({ offset: 0, data: pattern(10) })).status, 0);
      assertStatus((await open.close()).status, 0);
    });
  });

  it('leaves alone another file, another share, and what has no instance', async () => {
    const vfs = new MemoryVfs(new VirtualTime());
    const shares = [
      { name: 'share', vfs },
      { name: 'other', vfs },
    ];
    await withRig({ shares }, async (rig) => {
      const first = await treeOfClient(rig);
      const kept = [
        await openFile(first, { name: 'app', contexts: [INSTANCE] }),
        await openFile(first, { name: 'other', contexts: [INSTANCE] }),
        await openFile(first, { name: 'app' }),
      ];
      const connection = await rig.connect({ clientGuid: OTHER_GUID });
      const session = await rig.logOn(connection);
      await openFile(await rig.tree(session, 'other'), { name: 'app', contexts: [INSTANCE] });
      await openFile(await rig.tree(session), { name: 'new', contexts: [INSTANCE] });
      for (const open of kept) assertStatus((await open.flush()).status, 0);
      await openFile(await rig.tree(session), { name: 'APP', contexts: [INSTANCE] });
      const [mine, ...others] = kept;
      assertStatus((await mine!.flush()).status, STATUS_FILE_CLOSED);
      for (const open of others) assertStatus((await open.flush()).status, 0);
    });
  });

  it('closes what the instance had open on a client that is away', async () => {
    await withRig({}, async (rig) => {
      const first = await treeOfClient(rig);
      const lost = await openDurable(first, 'app', { shareAccess: 0, ...durableWith(INSTANCE) });
      await lose(rig, first);
      const second = await treeOfClient(rig, OTHER_GUID);
      const moved = await openDurable(second, 'app', { shareAccess: 0, ...durableWith(INSTANCE) });
      assert.notEqual(grantedMs(moved), undefined, 'it is durable in its turn');
      assert.equal(rig.engine.counts().opens, 1);
      const { status } = await reconnect(await treeOfClient(rig), lost);
      assertStatus(status, STATUS_OBJECT_NAME_NOT_FOUND);
      assertStatus((await moved.close()).status, 0);
    });
  });

  it('does not count where an open is asked back for', async () => {
    await withRig({}, async (rig) => {
      const first = await treeOfClient(rig);
      const createGuid = newGuid();
      const asked = { timeoutMs: 0, flags: 0, createGuid };
      const requestedOplockLevel = SMB2_OPLOCK_LEVEL_BATCH;
      const contexts = [durableRequestV2Context(asked), INSTANCE];
      const { fileId } = await openFile(first, { name: 'app', requestedOplockLevel, contexts });
      await lose(rig, first);
      const second = await treeOfClient(rig, OTHER_GUID);
      const back = await tryOpen(second, {
        name: '',
        contexts: [durableReconnectV2Context({ fileId, createGuid, flags: 0 }), ...version(0n)],
      });
      assertStatus(back.status, 0);
      assertStatus((await back.open!.close()).status, 0);
    });
  });

  for (const [dialect, outcome] of [
    [0x0210, STATUS_SHARING_VIOLATION],
    [0x0302, STATUS_FILE_FORCED_CLOSED],
    [0x0311, STATUS_FILE_FORCED_CLOSED],
  ] as const) {
    const dialectName = `0x0${dialect.toString(16)}`;
    it(`counts from 3.0 on, a version from before 3.1.1 as none: ${dialectName}`, async () => {
      await withRig({}, async (rig) => {
        const dialects = [dialect];
        const asked = { name: 'app', shareAccess: 0 };
        const first = await rig.connect({ clientGuid: CLIENT_GUID });
        const mine = await rig.tree(await rig.logOn(first));
        await openFile(mine, { ...asked, contexts: version(2n) });
        const second = await rig.connect({ clientGuid: OTHER_GUID, dialects });
        const theirs = await rig.tree(await rig.logOn(second));
        const { status } = await tryOpen(theirs, { ...asked, contexts: version(1n) });
        assertStatus(status, outcome);
      });
    });
  }

  it('gives way to any version where it has none, and to none where it has one', () => {
    const instance = (number: bigint | undefined) => ({ id: 'id', version: number });
    assert.equal(decideTakeOver(instance(2n), instance(undefined)), 'refuse');
    assert.equal(decideTakeOver(instance(undefined), instance(undefined)), 'close');
    assert.equal(decideTakeOver(instance(undefined), instance(1n)), 'close');
    assert.equal(decideTakeOver(instance(1n << 64n), instance(2n)), 'refuse');
  });
});

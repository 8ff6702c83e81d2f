import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import {
  STATUS_CANCELLED,
  STATUS_CONNECTION_DISCONNECTED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_TOO_MANY_OPENED_FILES,
  statusName,
} from '../../src/erref/ntstatus.ts';
import type { ClientConnection } from '../../src/smb2/client/connection.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import { echoRequest, sessionSetupRequest } from '../../src/smb2/client/requests.ts';
import { ClientSession } from '../../src/smb2/client/session.ts';
import { readRequest } from '../../src/smb2/client/transfer-requests.ts';
import { ClientTree } from '../../src/smb2/client/tree.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK } from '../../src/smb2/wire/constants.ts';
import { assertStatus, openFile, pattern, type Rig, tryOpen, until, withRig } from './rig.ts';

const TIMEOUT_MS = 30_000;
const MIB = 1024 * 1024;
const EXCLUSIVE = { offset: 0n, length: 1n, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK };

describe('[MS-SMB2] 3.3.3 and base/limits.ts: what a limit does when it is reached', {
  timeout: TIMEOUT_MS,
}, () => {
  it('connectionsMax: one more is closed at once, the others stay, a free place is taken', async () => {
    await withRig({ limits: { connectionsMax: 2 } }, async (rig) => {
      const first = await rig.connect();
      const second = await rig.connect();
      await assertRefused(rig);
      assertStatus((await first.echo()).status, 0);
      assertStatus((await second.echo()).status, 0);
      first.close();
      await until(() => rig.engine.connections.size === 1);
      assertStatus((await (await rig.connect()).echo()).status, 0);
    });
  });

  it('connectionsPerAddressMax: one more from the address is closed at once', async () => {
    await withRig({ limits: { connectionsPerAddressMax: 1 } }, async (rig) => {
      const first = await rig.connect();
      await assertRefused(rig);
      assertStatus((await first.echo()).status, 0);
      first.close();
      await until(() => rig.engine.connections.size === 0);
      assertStatus((await (await rig.connect()).echo()).status, 0);
    });
  });

  it('sessionsPerConnectionMax: STATUS_INSUFFICIENT_RESOURCES until one logged off', async () => {
    await withRig({ limits: { sessionsPerConnectionMax: 2 } }, async (rig) => {
      const connection = await rig.connect();
      const first = await rig.logOn(connection);
      await rig.logOn(connection);
      assertStatus(await rig.tryLogOn(connection), STATUS_INSUFFICIENT_RESOURCES);
      assertStatus((await first.logoff()).status, 0);
      await rig.logOn(connection);
      assert.equal(rig.engine.counts().sessions, 2);
    });
  });

  it('pendingLogonsMax: one more begun is STATUS_INSUFFICIENT_RESOURCES, users stay', async () => {
    await withRig({ limits: { pendingLogonsMax: 3 } }, async (rig) => {
      const connection = await rig.connect();
      const session = await rig.logOn(connection);
      for (let i = 0; i < 3; i++) {
        assertStatus(await beginLogon(connection), STATUS_MORE_PROCESSING_REQUIRED);
      }
      assertStatus(await beginLogon(connection), STATUS_INSUFFICIENT_RESOURCES);
      assertStatus((await connection.echo({ channel: session.channel })).status, 0);
      await rig.logOn();
    });
  });

  it('treeConnectsPerSessionMax: STATUS_INSUFFICIENT_RESOURCES until one disconnected', async () => {
    await withRig({ limits: { treeConnectsPerSessionMax: 2 } }, async (rig) => {
      const session = await rig.logOn();
      const first = await rig.tree(session);
      await rig.tree(session);
      const refused = await ClientTree.connect(session, '\\\\rig\\share');
      assertStatus(refused.status, STATUS_INSUFFICIENT_RESOURCES);
      assertStatus((await first.disconnect()).status, 0);
      await rig.tree(session);
      assert.equal(rig.engine.counts().treeConnects, 2);
    });
  });

  it('opensPerSessionMax: STATUS_TOO_MANY_OPENED_FILES until one was closed', async () => {
    await withRig({ limits: { opensPerSessionMax: 2 } }, async (rig) => {
      const session = await rig.logOn();
      const tree = await rig.tree(session);
      const first = await openFile(tree, { name: 'a' });
      await openFile(tree, { name: 'b' });
      assertStatus((await tryOpen(tree, { name: 'c' })).status, STATUS_TOO_MANY_OPENED_FILES);
      const pipes = await rig.tree(session, 'IPC$');
      assertStatus((await tryOpen(pipes, { name: 'srvsvc' })).status, STATUS_TOO_MANY_OPENED_FILES);
      const other = await rig.tree();
      await openFile(other, { name: 'c' });
      assertStatus((await first.close()).status, 0);
      await openFile(tree, { name: 'd' });
    });
  });

  it('opensMax: STATUS_INSUFFICIENT_RESOURCES for every session', async () => {
    await withRig({ limits: { opensMax: 1 } }, async (rig) => {
      const tree = await rig.tree();
      const first = await openFile(tree, { name: 'a' });
      const other = await rig.tree();
      assertStatus((await tryOpen(other, { name: 'b' })).status, STATUS_INSUFFICIENT_RESOURCES);
      assertStatus((await first.close()).status, 0);
      await openFile(other, { name: 'b' });
    });
  });

  it('asyncRequestsMax: one more lock that would wait is STATUS_INSUFFICIENT_RESOURCES', async () => {
    await withRig({ limits: { asyncRequestsMax: 2 } }, async (rig) => {
      const holder = await openFile(await rig.tree(), { name: 'a' });
      assertStatus((await holder.lock([EXCLUSIVE])).status, 0);
      const waiter = await openFile(await rig.tree(), { name: 'a' });
      const first = waiter.lock([EXCLUSIVE]);
      const second = waiter.lock([EXCLUSIVE]);
      assert.notEqual(await first.interim, undefined);
      assert.notEqual(await second.interim, undefined);
      assertStatus((await waiter.lock([EXCLUSIVE])).status, STATUS_INSUFFICIENT_RESOURCES);
      first.cancel();
      assertStatus((await first).status, STATUS_CANCELLED);
      const third = waiter.lock([EXCLUSIVE]);
      assert.notEqual(await third.interim, undefined);
    });
  });

  it('compoundMax: a longer chain ends the connection', async () => {
    await withRig({ limits: { compoundMax: 3 } }, async (rig) => {
      const connection = await rig.connect();
      await creditsOf(connection, 8);
      const allowed = connection.compound([echoRequest(), echoRequest(), echoRequest()]);
      for (const call of allowed) assertStatus((await call).status, 0);
      await creditsOf(connection, 8);
      const long = [echoRequest(), echoRequest(), echoRequest(), echoRequest()];
      for (const call of connection.compound(long)) {
        assertStatus((await call).status, STATUS_CONNECTION_DISCONNECTED);
      }
      assert.equal(rig.engine.connections.size, 0);
    });
  });

  it('unauthenticatedMessageSize: a longer message ends a connection without a session', async () => {
    await withRig({ limits: { unauthenticatedMessageSize: 4096 } }, async (rig) => {
      const connection = await rig.connect();
      connection.sendRaw(new Uint8Array(4097));
      await connection.closed;
      const session = await rig.logOn();
      const open = await openFile(await rig.tree(session), { name: 'a' });
      assertStatus((await open.write({ offset: 0, data: pattern(65_536) })).status, 0);
    });
  });

  it('transactSizeMax: a longer READ or WRITE is STATUS_INVALID_PARAMETER', async () => {
    await withRig({ limits: { transactSizeMax: 65_536 } }, async (rig) => {
      const open = await openFile(await rig.tree(), { name: 'a' });
      const data = pattern(65_537);
      await creditsOf(open.tree.session.connection, 8);
      assertStatus((await open.write({ offset: 0, data })).status, STATUS_INVALID_PARAMETER);
      const read = await open.read({ offset: 0, length: data.length });
      assertStatus(read.status, STATUS_INVALID_PARAMETER);
    });
  });

  it('writeSizeMax: a longer WRITE is STATUS_INVALID_PARAMETER, a longer READ is none', async () => {
    await withRig({ limits: { writeSizeMax: 65_536 } }, async (rig) => {
      const open = await openFile(await rig.tree(), { name: 'a' });
      const data = pattern(65_537);
      await creditsOf(open.tree.session.connection, 8);
      const sizes = open.tree.session.connection.negotiated?.response;
      assert.equal(sizes?.maxWriteSize, 65_536);
      assert.equal(sizes?.maxReadSize, rig.limits.transactSizeMax);
      assertStatus((await open.write({ offset: 0, data })).status, STATUS_INVALID_PARAMETER);
      assertStatus((await open.write({ offset: 1, data: data.subarray(1) })).status, 0);
      const read = await open.read({ offset: 0, length: data.length });
      assert.equal(read.response?.data.length, data.length);
    });
  });

  it('sendQueueSize: READs of one compound beyond it are STATUS_INSUFFICIENT_RESOURCES', async () => {
    await withRig({ limits: { sendQueueSize: 2 * MIB } }, async (rig) => {
      const { open, data } = await openLarge(rig, MIB);
      const reads = open.tree.compound(
        Array.from({ length: 5 }, () =>
          readRequest({ fileId: open.fileId, offset: 0, length: MIB }),
        ),
      );
      const statuses = [];
      for (const read of reads) {
        const { status, response } = await read;
        statuses.push(statusName(status));
        if (status === 0) assert.deepEqual(response?.data, data);
      }
      assert.deepEqual(statuses, [
        ...Array(2).fill('STATUS_SUCCESS'),
        ...Array(3).fill('STATUS_INSUFFICIENT_RESOURCES'),
      ]);
    });
  });

  it('sendQueueSize: one that is smaller than any reply stops nobody', async () => {
    await withRig({ limits: { sendQueueSize: 1 } }, async (rig) => {
      const open = await openFile(await rig.tree(), { name: 'a' });
      const data = pattern(65_536);
      for (let i = 0; i < 10; i++) {
        assertStatus((await open.write({ offset: 0, data })).status, 0);
        assert.deepEqual((await open.read({ offset: 0, length: 65_536 })).response?.data, data);
      }
    });
  });

  it('24 bits of length: larger responses of a compound leave as several messages', async () => {
    await withRig({}, async (rig) => {
      const { open, data } = await openLarge(rig, 8 * MIB);
      const length = 8 * MIB;
      const reads = open.tree.compound([
        readRequest({ fileId: open.fileId, offset: 0, length }),
        readRequest({ fileId: open.fileId, offset: 0, length }),
        readRequest({ fileId: open.fileId, offset: 0, length: 1 }),
      ]);
      assert.deepEqual((await reads[0]).response?.data, data);
      assert.deepEqual((await reads[1]).response?.data, data);
      assert.deepEqual((await reads[2]).response?.data, data.subarray(0, 1));
    });
  });

  it('creditsMax: no more credits are held than that, whatever is asked for', async () => {
    await withRig({ limits: { creditsMax: 16 } }, async (rig) => {
      const session = new ClientSession(await rig.connect({}, { creditsTarget: 1000 }));
      for (let i = 0; i < 10; i++) await session.connection.echo();
      assert.ok(session.connection.creditsAvailable <= 16);
    });
  });

  it('securityTokenSize: a longer token is STATUS_INVALID_PARAMETER', async () => {
    await withRig({ limits: { securityTokenSize: 16 } }, async (rig) => {
      assertStatus(await rig.tryLogOn(await rig.connect()), STATUS_INVALID_PARAMETER);
    });
  });
});

/** The first SESSION_SETUP of a logon that nobody ends: an NTLM NEGOTIATE_MESSAGE, raw. */
async function beginLogon(connection: ClientConnection): Promise<number> {
  const securityBuffer = Buffer.concat([Buffer.from('NTLMSSP\0'), NEGOTIATE_MESSAGE_REST]);
  const request = sessionSetupRequest({
    flags: 0,
    securityMode: 1,
    capabilities: 0,
    previousSessionId: 0n,
    securityBuffer,
  });
  return (await connection.call(request)).status;
}

/** Type 1, the flags that NTLMv2 needs, empty domain and workstation, no version. */
const NEGOTIATE_MESSAGE_REST = Buffer.from(`01000000158208e2${'00'.repeat(24)}`, 'hex');

/** A file of `size` bytes, and the credits to read it a few times at once. */
async function openLarge(
  rig: Rig,
  size: number,
): Promise<{ readonly open: ClientOpen; readonly data: Uint8Array }> {
  const connection = await rig.connect({}, { creditsTarget: 2048 });
  const tree = await rig.tree(await rig.logOn(connection));
  await creditsOf(connection, 1024);
  const open = await openFile(tree, { name: 'large' });
  const data = pattern(size);
  for (let offset = 0; offset < size; offset += MIB) {
    const piece = data.subarray(offset, offset + MIB);
    assertStatus((await open.write({ offset, data: piece })).status, 0);
  }
  await creditsOf(connection, 1024);
  return { open, data };
}

/** A connection over the limit ends before a byte of it is answered. */
async function assertRefused(rig: Rig): Promise<void> {
  const before = rig.engine.connections.size;
  const socket = await rig.socket();
  socket.resume();
  await once(socket, 'close');
  assert.equal(rig.engine.connections.size, before);
}

/** ECHOs bring credits until the connection holds `count`. */
async function creditsOf(connection: ClientConnection, count: number): Promise<void> {
  while (connection.creditsAvailable < count) assertStatus((await connection.echo()).status, 0);
}

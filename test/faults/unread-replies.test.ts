import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { statusName } from '../../src/erref/ntstatus.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import type { Transport } from '../../src/smb2/transport/transport.ts';
import {
  assertStatus,
  type FaultyClient,
  openFile,
  pattern,
  type Rig,
  turn,
  until,
  withRig,
} from './rig.ts';

const TIMEOUT_MS = 60_000;
/** As in tcp-transport.ts. */
const LINGER_MS = 5_000;
const MIB = 1024 * 1024;
/** More than the kernel's socket buffers take. */
const READS = 100;
const LIMITS = { sendQueueSize: 2 * MIB, transactSizeMax: MIB };

describe('base/limits.ts sendQueueSize', { timeout: TIMEOUT_MS }, () => {
  it('stops reading from a peer that takes no replies, serves others, and goes on', async () => {
    await withRig({ limits: LIMITS }, async (rig) => {
      const { client, open, data, server } = await deaf(rig);
      const reads = askFor(open);
      let most = 0;
      await until(() => {
        most = Math.max(most, server.queuedBytes);
        return server.queuedBytes > LIMITS.sendQueueSize;
      });
      const other = await openFile(await rig.tree(), { name: 'other' });
      for (let i = 0; i < 50; i++) {
        assertStatus((await other.write({ offset: i, data: pattern(10) })).status, 0);
        most = Math.max(most, server.queuedBytes);
      }
      assert.ok(most <= LIMITS.sendQueueSize + 2 * MIB, `${most} bytes are queued`);
      assert.ok(rig.engine.connections.size === 2);

      client.transport.resume();
      for (const read of reads) assert.deepEqual((await read).response?.data, data);
      assertStatus((await open.read({ offset: 0, length: 1 })).status, 0);
    });
  });

  it('ends a peer that takes nothing of its replies for messageTimeMs', async () => {
    await withRig({ limits: LIMITS }, async (rig) => {
      const { client, open, server } = await deaf(rig);
      askFor(open);
      await until(() => server.queuedBytes > LIMITS.sendQueueSize);
      for (let i = 0; i < 20; i++) await turn();
      rig.time.advance(rig.limits.messageTimeMs);
      rig.time.advance(rig.limits.messageTimeMs);
      await until(() => rig.engine.connections.size === 0);
      assert.equal(rig.engine.counts().opens, 0);
      client.transport.resume();
      await client.connection.closed;
    });
  });

  it('ends a peer that takes no replies when the server stops', async () => {
    await withRig({ limits: LIMITS }, async (rig) => {
      const { client, open, server } = await deaf(rig);
      const reads = askFor(open);
      await until(() => server.queuedBytes > LIMITS.sendQueueSize);
      await rig.engine.close();
      rig.time.advance(LINGER_MS);
      await turn();
      client.transport.resume();
      const statuses = new Set<string>();
      for (const read of reads) statuses.add(statusName((await read).status));
      assert.ok(statuses.has('STATUS_CONNECTION_DISCONNECTED'), [...statuses].join(' '));
    });
  });

  it('keeps a peer that takes its replies slowly', async () => {
    await withRig({ limits: LIMITS }, async (rig) => {
      const { client, open, data, server } = await deaf(rig);
      const reads = askFor(open);
      await until(() => server.queuedBytes > LIMITS.sendQueueSize);
      const { socket } = client.transport;
      for (let i = 0; i < 10; i++) {
        const before = socket.bytesRead;
        client.transport.resume();
        await until(() => socket.bytesRead > before + 4 * MIB);
        client.transport.pause();
        for (let turns = 0; turns < 20; turns++) await turn();
        rig.time.advance(rig.limits.messageTimeMs * 0.9);
      }
      client.transport.resume();
      for (const read of reads) assert.deepEqual((await read).response?.data, data);
    });
  });
});

/** A client that has stopped to read from its socket, with an open file of 1 MiB. */
async function deaf(rig: Rig): Promise<{
  readonly client: FaultyClient;
  readonly open: ClientOpen;
  readonly data: Uint8Array;
  readonly server: Transport;
}> {
  const client = await rig.connectFaulty({ creditsTarget: 4096 });
  const tree = await rig.tree(await rig.logOn(client.connection));
  const open = await openFile(tree, { name: 'large' });
  const data = pattern(MIB);
  assertStatus((await open.write({ offset: 0, data })).status, 0);
  while (client.connection.creditsAvailable < READS * 16) await client.connection.echo();
  client.transport.pause();
  const [connection] = rig.engine.connections;
  return { client, open, data, server: connection!.transport };
}

function askFor(open: ClientOpen): ReturnType<ClientOpen['read']>[] {
  return Array.from({ length: READS }, () => open.read({ offset: 0, length: MIB }));
}

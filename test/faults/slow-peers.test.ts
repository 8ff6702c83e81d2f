import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { STATUS_CONNECTION_DISCONNECTED } from '../../src/erref/ntstatus.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
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

const TIMEOUT_MS = 30_000;

describe('base/limits.ts messageTimeMs', { timeout: TIMEOUT_MS }, () => {
  it('ends a peer that sends a message byte by byte for too long, and serves others', async () => {
    await withRig({}, async (rig) => {
      const other = await openFile(await rig.tree(), { name: 'other' });
      const { client, open } = await openFaulty(rig);
      client.transport.breakNext({ kind: 'keep' });
      const write = open.write({ offset: 0, data: pattern(4096) });
      const { kept, socket } = client.transport;
      const stepMs = rig.limits.messageTimeMs / 64;
      for (let i = 0; i < 63; i++) {
        await sendByte(socket, kept, i);
        rig.time.advance(stepMs);
        assertStatus((await other.read({ offset: 0, length: 0 })).status, 0);
      }
      assert.equal(client.connection.closedReason, undefined);
      await sendByte(socket, kept, 63);
      rig.time.advance(2 * stepMs);
      assertStatus((await write).status, STATUS_CONNECTION_DISCONNECTED);
      await until(() => rig.engine.connections.size === 1);
      assert.equal(rig.engine.counts().opens, 1);
    });
  });

  it('serves a peer that sends byte by byte and ends in time', async () => {
    await withRig({}, async (rig) => {
      const { client, open } = await openFaulty(rig);
      client.transport.breakNext({ kind: 'keep' });
      const data = pattern(100);
      const write = open.write({ offset: 0, data });
      const { kept, socket } = client.transport;
      for (let i = 0; i < kept.length; i++) await sendByte(socket, kept, i);
      assertStatus((await write).status, 0);
      const read = await open.read({ offset: 0, length: data.length });
      assert.deepEqual(read.response?.data, data);
    });
  });

  it('counts each message by itself: a stream that is never at rest goes on', async () => {
    await withRig({}, async (rig) => {
      const { client, open } = await openFaulty(rig);
      const { transport } = client;
      // Each piece ends in the middle of a message, so that one has always begun.
      let pending: Uint8Array = new Uint8Array(0);
      const rounds = 5;
      const writes = [];
      for (let i = 0; i < rounds; i++) {
        transport.breakNext({ kind: 'keep' });
        writes.push(open.write({ offset: 1000 * i, data: pattern(1000) }));
        const middle = transport.kept.length >> 1;
        transport.socket.write(Buffer.concat([pending, transport.kept.subarray(0, middle)]));
        pending = transport.kept.subarray(middle);
        if (i > 0) assertStatus((await writes[i - 1]!).status, 0);
        await turn();
        rig.time.advance(rig.limits.messageTimeMs * 0.75);
      }
      transport.socket.write(pending);
      assertStatus((await writes[rounds - 1]!).status, 0);
    });
  });
});

async function openFaulty(
  rig: Rig,
): Promise<{ readonly client: FaultyClient; readonly open: ClientOpen }> {
  const client = await rig.connectFaulty();
  const tree = await rig.tree(await rig.logOn(client.connection));
  return { client, open: await openFile(tree, { name: 'slow' }) };
}

async function sendByte(socket: Socket, bytes: Uint8Array, at: number): Promise<void> {
  await new Promise((resolve) => socket.write(bytes.subarray(at, at + 1), resolve));
}

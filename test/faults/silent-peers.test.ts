import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import type { Transport } from '../../src/smb2/transport/transport.ts';
import { assertStatus, openFile, pattern, until, withRig } from './rig.ts';

const SILENT_PEERS = 1_000;
const TIMEOUT_MS = 60_000;

describe('base/limits.ts unauthenticatedTimeMs', { timeout: TIMEOUT_MS }, () => {
  it('ends 1,000 connections that never speak, and serves another client throughout', async () => {
    await withRig({}, async (rig) => {
      const tree = await rig.tree();
      const open = await openFile(tree, { name: 'a' });
      const data = pattern(65_536);
      const closed: Promise<unknown>[] = [];
      for (let i = 0; i < SILENT_PEERS; i++) {
        const socket = await rig.socket();
        socket.resume();
        closed.push(once(socket, 'close'));
        if (i % 100 !== 0) continue;
        assertStatus((await open.write({ offset: i * data.length, data })).status, 0);
        const read = await open.read({ offset: i * data.length, length: data.length });
        assert.deepEqual(read.response?.data, data);
      }
      await until(() => rig.engine.connections.size === SILENT_PEERS + 1);
      rig.time.advance(rig.limits.unauthenticatedTimeMs - 1);
      assert.equal(rig.engine.connections.size, SILENT_PEERS + 1);

      rig.time.advance(1);
      await Promise.all(closed);
      assert.equal(rig.engine.connections.size, 1);
      assertStatus((await open.read({ offset: 0, length: 1 })).status, 0);
      assertStatus((await (await rig.connect()).echo()).status, 0);
    });
  });

  it('counts what another process waited before this one had the connection', async () => {
    await withRig({}, async (rig) => {
      let isEnded = false;
      const transport: Transport = {
        remoteAddress: '127.0.0.1',
        localAddress: '127.0.0.1',
        headroom: 4,
        sendSizeMax: 0xff_ffff,
        queuedBytes: 0,
        sentBytes: 0,
        unconfirmedBytes: () => 0,
        send: () => {},
        pause: () => {},
        resume: () => {},
        setMessageSizeMax: () => {},
        close: () => {
          isEnded = true;
        },
      };
      rig.engine.accept(transport, { begin: () => {}, waitedMs: 10_000 });
      rig.time.advance(rig.limits.unauthenticatedTimeMs - 10_001);
      assert.equal(isEnded, false);
      rig.time.advance(1);
      assert.equal(isEnded, true);
    });
  });

  it('ends a connection that negotiated and never logged on', async () => {
    await withRig({}, async (rig) => {
      const connection = await rig.connect();
      rig.time.advance(rig.limits.unauthenticatedTimeMs);
      await connection.closed;
    });
  });

  it('ends a connection whose logons all failed, however busy it is', async () => {
    await withRig({ limits: { failedLogonsFree: 100 } }, async (rig) => {
      const connection = await rig.connect();
      for (let i = 0; i < 5; i++) assert.notEqual(await rig.tryLogOn(connection, 'wrong'), 0);
      assertStatus((await connection.echo()).status, 0);
      assert.equal(rig.engine.counts().sessions, 0);
      rig.time.advance(rig.limits.unauthenticatedTimeMs);
      await connection.closed;
    });
  });

  it('leaves no timer behind for a connection that went by itself', async () => {
    await withRig({}, async (rig) => {
      const before = rig.time.pending;
      const socket = await rig.socket();
      await until(() => rig.engine.connections.size === 1);
      assert.equal(rig.time.pending, before + 1);
      socket.destroy();
      await until(() => rig.engine.connections.size === 0);
      assert.equal(rig.time.pending, before);
    });
  });
});

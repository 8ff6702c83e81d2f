import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  STATUS_CONNECTION_DISCONNECTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../../src/erref/ntstatus.ts';
import type { ConnectOptions, DialectName } from '../../src/smb2/client/connect-options.ts';
import { SmbClient, SmbError } from '../../src/smb2/client/smb-client.ts';
import {
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
} from '../../src/smb2/wire/constants.ts';
import { during, prepare, REMAKE_MS, repeatableLoad } from './client-load.ts';
import { CUTS, CuttingProxy } from './cutting-proxy.ts';
import { assertStatus, openFile, pattern, type Rig, until, withRig } from './rig.ts';
import { seededRandom, VirtualTime } from './virtual-env.ts';

const TIMEOUT_MS = 240_000;
const PROXY = '127.0.0.2';
const RANGE = { offset: 10, length: 20 };
const NOW = {
  offset: 10n,
  length: 20n,
  flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
};

interface Setting {
  readonly rig: Rig;
  readonly proxy: CuttingProxy;
  readonly client: SmbClient;
  readonly time: VirtualTime;
}

/** A client that comes back, all of whose connections go through a proxy that can be cut. */
async function withReturning(
  options: Partial<ConnectOptions>,
  body: (setting: Setting) => Promise<void>,
): Promise<void> {
  await withRig({}, async (rig) => {
    const proxy = await CuttingProxy.start(PROXY, rig.port);
    const time = new VirtualTime();
    const client = await SmbClient.connect({
      ...rig.account,
      host: PROXY,
      port: rig.port,
      share: 'share',
      reconnect: true,
      env: { clock: time, timers: time, random: seededRandom(7) },
      ...options,
    });
    const guid = client.session.connection.negotiated?.request.clientGuid;
    try {
      await body({ rig, proxy, client, time });
    } finally {
      await client.close();
      await proxy.stop();
      // Opens whose CREATE the client never saw answered, and nobody asked for again.
      await until(() => [...rig.engine.sessions.values()].every((one) => one.clientGuid !== guid));
      rig.time.advance(rig.limits.durableTimeoutMs);
    }
  });
}

function refusedWith(status: number, text: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof SmbError && error.status === status && text.test(error.message);
}

describe('[MS-SMB2] 3.2.4.4 Re-establishing a Durable Open, by SmbClient', {
  timeout: TIMEOUT_MS,
}, () => {
  for (const [dialect, channels] of [
    ['2.1', 1],
    ['3.0', 1],
    ['3.1.1', 1],
    ['3.1.1', [PROXY]],
  ] as const) {
    const count = channels === 1 ? 1 : 2;
    it(`loses nothing when its connection breaks: ${dialect}, channels: ${count}`, async () => {
      const options = { dialects: [dialect satisfies DialectName], channels };
      await withReturning(options, async ({ proxy, client, time }) => {
        await prepare(client);
        for (const [direction, bytes] of CUTS) {
          const { session } = client;
          const { cuts } = proxy;
          proxy.cutAfter(direction, bytes);
          while (proxy.cuts === cuts) await during(time, repeatableLoad(client));
          proxy.cutNow();
          await during(time, client.stat('source'));
          assert.notEqual(client.session, session, `${bytes} bytes ${direction}`);
        }
      });
    });
  }

  it('keeps locks and goes on in the same file', async () => {
    await withReturning({}, async ({ rig, proxy, client, time }) => {
      const file = await client.open('kept', {
        access: 'read-write',
        mode: 'create',
        share: 'all',
      });
      assert.equal(file.isDurable, true);
      await file.lock(RANGE);
      for (let i = 0; i < 5; i++) {
        proxy.cutNow();
        await during(time, file.write(i * 100, pattern(100, i)));
      }
      assert.equal(rig.engine.counts().opens, 1);
      assert.equal((await file.stat()).size, 500);
      assert.deepEqual(await file.read(400, 200), pattern(100, 4));
      const other = await openFile(await rig.tree(), { name: 'kept' });
      assert.notEqual((await other.lock([NOW])).status, 0);
      await file.unlock(RANGE);
      assertStatus((await other.lock([NOW])).status, 0);
      await file.close();
    });
  });

  it('fails where somebody else wrote to the file before', async () => {
    await withReturning({}, async ({ rig, proxy, client, time }) => {
      const file = await client.open('shared', {
        access: 'read-write',
        mode: 'keep',
        share: 'all',
      });
      const other = await openFile(await rig.tree(), { name: 'shared' });
      assertStatus((await other.write({ offset: 0, data: pattern(10) })).status, 0);
      await until(() => !file.isDurable);
      proxy.cutNow();
      const lost = refusedWith(STATUS_CONNECTION_DISCONNECTED, /: shared/);
      await assert.rejects(file.read(0, 10), lost);
      await during(time, client.stat('shared'));
      await assert.rejects(file.read(0, 10), lost);
      await assert.rejects(file.close(), lost);
    });
  });

  it('fails when it comes too late', async () => {
    await withReturning({}, async ({ rig, proxy, client, time }) => {
      const file = await client.open('late', { access: 'read-write', mode: 'create' });
      proxy.cutNow();
      await until(() => rig.engine.connections.size === 0);
      rig.time.advance(rig.limits.durableTimeoutMs);
      await until(() => rig.engine.counts().opens === 0);
      const gone = refusedWith(STATUS_OBJECT_NAME_NOT_FOUND, /late: the server did not keep/);
      await assert.rejects(during(time, file.read(0, 10)), gone);
      await client.stat('late');
    });
  });

  it('gives up after reconnectTimeMs, and tries again when it is asked again', async () => {
    const reconnectTimeMs = 500;
    await withReturning({ reconnectTimeMs }, async ({ rig, proxy, client, time }) => {
      await client.writeFile('file', 'text');
      await proxy.stop();
      const late = refusedWith(STATUS_CONNECTION_DISCONNECTED, /not back in time: .*ECONNREFUSED/);
      await assert.rejects(during(time, client.stat('file')), late);
      time.advance(REMAKE_MS);
      await assert.rejects(during(time, client.readFile('file')), late);
      const again = await CuttingProxy.start(PROXY, rig.port);
      assert.equal(String(Buffer.from(await client.readFile('file'))), 'text');
      await client.close();
      await again.stop();
    });
  });

  it('does not come back once it was closed', async () => {
    await withReturning({}, async ({ client }) => {
      await client.close();
      const closed = refusedWith(STATUS_CONNECTION_DISCONNECTED, /file/);
      await assert.rejects(client.readFile('file'), closed);
    });
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FILE_GENERIC_READ } from '../../src/dtyp/access-mask.ts';
import type { ConnectOptions } from '../../src/smb2/client/connect-options.ts';
import type { BreakNotification } from '../../src/smb2/client/connection.ts';
import { perform } from '../../src/smb2/client/perform.ts';
import { SmbClient } from '../../src/smb2/client/smb-client.ts';
import {
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_UNLOCK,
} from '../../src/smb2/wire/constants.ts';
import type { LockElement } from '../../src/smb2/wire/lock.ts';
import { LEASE_KEY, lease, RH, RWH } from '../conformance/oplock-peer.ts';
import { during, load, prepare, REMAKE_MS } from './client-load.ts';
import { CUTS, CuttingProxy, type Direction } from './cutting-proxy.ts';
import { assertStatus, openFile, pattern, type Rig, turn, until, withRig } from './rig.ts';
import { seededRandom, VirtualTime } from './virtual-env.ts';

const TIMEOUT_MS = 240_000;
const DIRECT = '127.0.0.1';
const THROUGH_PROXY = '127.0.0.2';

interface Setting {
  readonly rig: Rig;
  readonly proxy: CuttingProxy;
  readonly client: SmbClient;
  readonly time: VirtualTime;
}

/** A client with two channels, the first one through a proxy that can be cut. */
async function withTwoChannels(
  options: Partial<ConnectOptions>,
  body: (setting: Setting) => Promise<void>,
): Promise<void> {
  await withRig({}, async (rig) => {
    const proxy = await CuttingProxy.start(THROUGH_PROXY, rig.port);
    const time = new VirtualTime();
    const client = await SmbClient.connect({
      ...rig.account,
      host: THROUGH_PROXY,
      channels: [DIRECT],
      port: rig.port,
      share: 'share',
      env: { clock: time, timers: time, random: seededRandom(7) },
      ...options,
    });
    try {
      await body({ rig, proxy, client, time });
    } finally {
      await client.close();
      await proxy.stop();
    }
  });
}

const RANGE = { offset: 0, length: 10 };
/** Longer than it takes to find a channel dead: a look that saw it alive, one more, and an ECHO. */
const WATCH_MS = 16_000;
const STEP_MS = 10;

/** Lets so much time pass, and the network carry what is asked and answered meanwhile. */
async function passWatch(time: VirtualTime): Promise<void> {
  for (let ms = 0; ms < WATCH_MS; ms += STEP_MS) {
    time.advance(STEP_MS);
    await turn();
  }
}

const LOCK_CUTS: readonly (readonly [Direction, number])[] = [
  ['to-server', 3],
  ['to-server', 118],
  ['to-server', 2_000],
  ['to-client', 3],
  ['to-client', 118],
  ['to-client', 2_000],
];

/** As `SmbFile.lock` with `wait: false` asks for it. */
function exclusive({ offset, length }: { offset: number; length: number }): LockElement {
  const flags = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
  return { offset: BigInt(offset), length: BigInt(length), flags };
}

describe('[MS-SMB2] 3.2.7.1: a client one of whose channels breaks', {
  timeout: TIMEOUT_MS,
}, () => {
  for (const protection of [{}, { signing: 'required' }, { encryption: 'required' }] as const) {
    const how = Object.keys(protection)[0] ?? 'no signing';
    it(`loses nothing, wherever that happens: ${how}`, async () => {
      await withTwoChannels(protection, async ({ proxy, client, time }) => {
        await prepare(client);
        for (const [direction, bytes] of CUTS) {
          proxy.cutAfter(direction, bytes);
          const { cuts } = proxy;
          while (proxy.cuts === cuts) await during(time, load(client));
          const what = `${bytes} bytes ${direction}`;
          assert.deepEqual(client.channels, [DIRECT], what);
          time.advance(REMAKE_MS);
          await until(() => client.channels.length === 2);
          assert.equal(client.channels[1], THROUGH_PROXY);
        }
      });
    });
  }

  it('gives a channel up on which nothing arrives any more, and no other', async () => {
    await withTwoChannels({}, async ({ rig, proxy, client, time }) => {
      await prepare(client);
      const holder = await openFile(await rig.tree(), { name: 'source' });
      const ranges = [RANGE, { ...RANGE, offset: 20 }];
      assertStatus((await holder.lock(ranges.map(exclusive))).status, 0);
      const file = await client.open('source', { access: 'read-write', share: 'all' });
      // One on each channel: a server that does not answer yet is no reason to give them up.
      const waiting = ranges.map((range) => file.lock(range));
      await passWatch(time);
      assert.equal(client.channels.length, 2);
      await holder.close();
      await Promise.all(waiting);
      await Promise.all(ranges.map((range) => file.unlock(range)));

      proxy.stall();
      const loading = load(client);
      await passWatch(time);
      await until(() => client.channels.length === 1);
      assert.deepEqual(client.channels, [DIRECT]);
      await loading;
      await file.close();
    });
  });

  it('keeps locks, and knows which ones were granted', async () => {
    await withTwoChannels({}, async ({ rig, proxy, client, time }) => {
      await client.writeFile('locked', pattern(1_000, 9));
      const other = await openFile(await rig.tree(), { name: 'locked' });
      for (const [direction, bytes] of LOCK_CUTS) {
        const file = await client.open('locked', { access: 'read-write', share: 'all' });
        proxy.cutAfter(direction, bytes);
        const { cuts } = proxy;
        for (let offset = 0; proxy.cuts === cuts; offset += 10) {
          const range = { offset, length: 10 };
          await during(time, file.lock(range));
          assert.notEqual((await other.lock([exclusive(range)])).status, 0);
          await during(time, file.unlock(range));
          const free = exclusive(range);
          assertStatus((await other.lock([free])).status, 0, `${bytes} bytes ${direction}`);
          assertStatus((await other.lock([{ ...free, flags: SMB2_LOCKFLAG_UNLOCK }])).status, 0);
        }
        await during(time, file.close());
        time.advance(REMAKE_MS);
        await until(() => client.channels.length === 2);
      }
      await other.close();
    });
  });

  it('waits for a lock on another channel', async () => {
    await withTwoChannels({}, async ({ rig, proxy, client, time }) => {
      await client.writeFile('locked', '');
      const range = RANGE;
      const holder = await openFile(await rig.tree(), { name: 'locked' });
      assertStatus((await holder.lock([exclusive(range)])).status, 0);
      const file = await client.open('locked', { access: 'read-write', share: 'all' });
      // Two of them: each channel has one.
      const waiting = [file.lock(range), file.lock({ offset: 20, length: 10 })];
      await until(() =>
        [...rig.engine.connections].some(({ asyncCommands: { size } }) => size > 0),
      );
      proxy.cutNow();
      await until(() => client.channels.length === 1);
      assertStatus((await holder.close()).status, 0);
      await during(time, Promise.all(waiting));
      const late = await openFile(await rig.tree(), { name: 'locked' });
      assert.notEqual((await late.lock([exclusive(range)])).status, 0);
      await file.close();
    });
  });

  it('has its leases broken over another channel, and other clients served', async () => {
    const breaks: BreakNotification[] = [];
    const onBreak = (notification: BreakNotification): void => void breaks.push(notification);
    await withTwoChannels({ onBreak }, async ({ rig, proxy, client, time }) => {
      await prepare(client);
      const { tree } = client;
      const name = 'leased';
      await openFile(tree, { name, ...lease(LEASE_KEY, RWH) });
      proxy.cutAfter('to-client', 50_000);
      const loading = during(time, load(client));
      const reader = openFile(await rig.tree(), { name, desiredAccess: FILE_GENERIC_READ });
      await until(() => breaks.length > 0);
      const acknowledged = await perform(client.session, (options) =>
        tree.acknowledgeLeaseBreak({ leaseKey: LEASE_KEY, leaseState: RH }, options),
      );
      assertStatus(acknowledged.status, 0);
      await loading;
      assert.equal((await reader).response.oplockLevel, 0);
      // The way on which the first break may have come is gone for good.
      if (proxy.cuts === 0) proxy.cutNow();
      await until(() => client.channels.length === 1);
      const writer = await openFile(await rig.tree(), { name });
      assertStatus((await writer.write({ offset: 0, data: pattern(10) })).status, 0);
      await until(() => breaks.length === 2);
      assert.deepEqual(client.channels, [DIRECT]);
    });
  });
});

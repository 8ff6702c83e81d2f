import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import type { ConnectOptions } from '../../src/smb2/client/connect-options.ts';
import { SmbClient } from '../../src/smb2/client/smb-client.ts';
import { CuttingProxy, type Direction } from './cutting-proxy.ts';
import { pattern, type Rig, turn, until, withRig } from './rig.ts';
import { seededRandom, VirtualTime } from './virtual-env.ts';

const TIMEOUT_MS = 60_000;
const DIRECT = '127.0.0.1';
const THROUGH_PROXY = '127.0.0.2';
const FILE_SIZE = 3 * 1024 * 1024 + 17;
const LISTED = 700;
/** Longer than the client waits before it makes a lost channel again. */
const REMAKE_MS = 1_000;
const STEP_MS = 10;

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

/** What the loads read: a file and a folder with many entries. */
async function prepare(client: SmbClient): Promise<void> {
  await client.writeFile('source', pattern(FILE_SIZE, 3));
  await client.mkdir('folder');
  const names = Array.from({ length: LISTED }, (_, i) => nameOf(i));
  await Promise.all(names.map((name) => client.writeFile(`folder/${name}`, '')));
}

function nameOf(i: number): string {
  return `an entry with a name that takes some room in the listing, number ${i}`;
}

/** Everything that a client does, at once; each part checks what it got. */
async function load(client: SmbClient): Promise<void> {
  await Promise.all([
    readAll(client),
    writeAll(client),
    listAll(client),
    ...Array.from({ length: 10 }, (_, i) => changeNames(client, i)),
  ]);
}

async function readAll(client: SmbClient): Promise<void> {
  const back = await buffer(client.createReadStream('source'));
  assert.equal(Buffer.compare(back, pattern(FILE_SIZE, 3)), 0);
}

async function writeAll(client: SmbClient): Promise<void> {
  const data = pattern(FILE_SIZE, 5);
  await client.writeFile('target', data);
  assert.equal(Buffer.compare(await client.readFile('target'), data), 0);
}

async function listAll(client: SmbClient): Promise<void> {
  const names: string[] = [];
  for await (const { name } of client.list('folder')) names.push(name);
  assert.equal(names.length, LISTED);
  assert.equal(new Set(names).size, LISTED);
}

async function changeNames(client: SmbClient, i: number): Promise<void> {
  await client.mkdir(`made ${i}`);
  await client.writeFile(`made ${i}/new`, `${i}`, { mode: 'create' });
  await client.rename(`made ${i}/new`, `made ${i}/newer`);
  assert.equal((await client.stat(`made ${i}/newer`)).size, 1);
  await client.delete(`made ${i}/newer`);
  await client.rmdir(`made ${i}`);
}

/** The client's repeats wait for the server where it is busy: their time passes here. */
async function during(time: VirtualTime, work: Promise<unknown>): Promise<void> {
  let done = false;
  const settled = work.finally(() => {
    done = true;
  });
  settled.catch(() => {});
  for (let passedMs = 0; !done; passedMs += STEP_MS) {
    await turn();
    // Not so much that a lost channel is made again under the load.
    if (passedMs < REMAKE_MS - STEP_MS) time.advance(STEP_MS);
  }
  await settled;
}

const CUTS: readonly (readonly [Direction, number])[] = [
  ['to-server', 1],
  ['to-server', 150],
  ['to-server', 9_000],
  ['to-server', 400_000],
  ['to-server', 2_000_000],
  ['to-client', 1],
  ['to-client', 150],
  ['to-client', 9_000],
  ['to-client', 100_000],
  ['to-client', 1_500_000],
];

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
});

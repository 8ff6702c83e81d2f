import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { BREAK_LOOK_MS, KEEPALIVE_IDLE_MS } from '../../src/base/limits.ts';
import { FILE_ALL_ACCESS, FILE_GENERIC_READ } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_CONNECTION_DISCONNECTED,
  STATUS_INSUFFICIENT_RESOURCES,
} from '../../src/erref/ntstatus.ts';
import { FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import type { ClientConnection } from '../../src/smb2/client/connection.ts';
import { createRequest } from '../../src/smb2/client/requests.ts';
import type { ClientSession } from '../../src/smb2/client/session.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import {
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_OPLOCK_LEVEL_BATCH,
  SMB2_OPLOCK_LEVEL_II,
} from '../../src/smb2/wire/constants.ts';
import { lease, RWH } from '../conformance/oplock-peer.ts';
import { makeDeaf, needsDeafness } from './deaf-socket.ts';
import { CLIENT_GUID } from './durable-client.ts';
import type { FaultyClient, RigOptions } from './rig.ts';
import { assertStatus, openFile, type Rig, SHARE_ALL, turn, until, withRig } from './rig.ts';

const TIMEOUT_MS = 30_000;
const TICK_MS = 10;
const LEASE_KEY = 'c3'.repeat(16);

/** A session with several channels, which notes on which of them breaks arrive. */
interface Channels {
  readonly rig: Rig;
  readonly session: ClientSession;
  readonly tree: ClientTree;
  readonly clients: readonly FaultyClient[];
  /** Numbers of the channels in the order of the breaks that they got. */
  readonly breaks: number[];
}

async function withChannels(
  count: number,
  options: RigOptions,
  body: (channels: Channels) => Promise<void>,
): Promise<void> {
  await withRig(options, async (rig) => {
    const breaks: number[] = [];
    const clients: FaultyClient[] = [];
    for (let i = 0; i < count; i++) {
      const onBreak = (): void => void breaks.push(i);
      clients.push(await rig.connectFaulty({ onBreak }, { clientGuid: CLIENT_GUID }));
    }
    const session = await rig.logOn(clients[0]!.connection);
    for (const { connection } of clients.slice(1)) {
      assertStatus(await rig.bind(session, connection), 0, 'bind');
    }
    await body({ rig, session, tree: await rig.tree(session), clients, breaks });
  });
}

/** Another client's open of the file; it waits for the break. */
async function conflict(rig: Rig, name: string): Promise<{ done: boolean; level: number }> {
  const tree = await rig.tree();
  const outcome = { done: false, level: -1 };
  const parameters = {
    name,
    desiredAccess: FILE_GENERIC_READ,
    shareAccess: SHARE_ALL,
    createDisposition: FILE_OPEN,
  };
  void tree.call(createRequest(parameters), { timeoutMs: 0 }).then(({ response }) => {
    outcome.done = true;
    outcome.level = response?.oplockLevel ?? -1;
  });
  return outcome;
}

/** Lets TCP carry what was written, then lets `ms` pass. */
async function pass(rig: Rig, ms: number): Promise<void> {
  for (let i = 0; i < 20; i++) await turn();
  rig.time.advance(ms);
  for (let i = 0; i < 20; i++) await turn();
}

const HELD = { name: 'held', desiredAccess: FILE_ALL_ACCESS };

describe('[MS-SMB2] 3.3.4.6, 3.3.4.7: breaks on the channels of a session', {
  timeout: TIMEOUT_MS,
}, () => {
  const deaf = needsDeafness();
  it(
    'an oplock break goes to another channel when the first one confirms nothing',
    deaf,
    async () => {
      await withChannels(2, {}, async ({ rig, tree, clients, breaks }) => {
        const requestedOplockLevel = SMB2_OPLOCK_LEVEL_BATCH;
        const open = await openFile(tree, { ...HELD, requestedOplockLevel });
        makeDeaf(clients[0]!.transport.socket);
        const other = await conflict(rig, 'held');
        while (breaks.length === 0) await pass(rig, BREAK_LOOK_MS);
        assert.deepEqual([breaks, other.done], [[1], false]);
        const { connection } = clients[1]!;
        const reply = await open.acknowledgeOplockBreak(SMB2_OPLOCK_LEVEL_II, { connection });
        assertStatus(reply.status, 0);
        await until(() => other.done);
        assert.equal(rig.engine.connections.size, 2);
      });
    },
  );

  it(
    'a lease break goes to another connection of the client, of whichever session',
    deaf,
    async () => {
      await withChannels(1, {}, async ({ rig, tree, clients, breaks }) => {
        const onBreak = (): void => void breaks.push(1);
        const second = await rig.connect({ clientGuid: CLIENT_GUID }, { onBreak });
        const secondTree = await rig.tree(await rig.logOn(second));
        await openFile(tree, { ...HELD, ...lease(LEASE_KEY, RWH) });
        await openFile(secondTree, { ...HELD, ...lease(LEASE_KEY, RWH) });
        makeDeaf(clients[0]!.transport.socket);
        await conflict(rig, 'held');
        while (breaks.length === 0) await pass(rig, BREAK_LOOK_MS);
        assert.deepEqual(breaks, [1]);
      });
    },
  );

  it('a break that nobody acknowledged yet is repeated when its channel ends', async () => {
    await withChannels(3, {}, async ({ rig, tree, clients, breaks }) => {
      const requestedOplockLevel = SMB2_OPLOCK_LEVEL_BATCH;
      await openFile(tree, { ...HELD, requestedOplockLevel });
      await conflict(rig, 'held');
      await until(() => breaks.length === 1);
      await pass(rig, BREAK_LOOK_MS);
      clients[0]!.connection.close();
      await until(() => breaks.length === 2);
      clients[1]!.connection.close();
      await until(() => breaks.length === 3);
      assert.deepEqual(breaks, [0, 1, 2]);
    });
  });

  it('oplockBreakChannels = windows: the channel bound last gets it, and no other', async () => {
    const server = { oplockBreakChannels: 'windows' } as const;
    await withChannels(3, { server }, async ({ rig, tree, clients, breaks }) => {
      const requestedOplockLevel = SMB2_OPLOCK_LEVEL_BATCH;
      await openFile(tree, { ...HELD, requestedOplockLevel });
      const other = await conflict(rig, 'held');
      await until(() => breaks.length === 1);
      clients[2]!.connection.close();
      await until(() => rig.engine.connections.size === 3);
      await pass(rig, rig.limits.breakTimeoutMs);
      await until(() => other.done);
      assert.deepEqual(breaks, [2]);
    });
  });
});

describe('[MS-SMB2] 3.3.7.1: a session lives as long as one of its channels', {
  timeout: TIMEOUT_MS,
}, () => {
  it('keeps opens and locks when the first channel goes', async () => {
    await withChannels(2, {}, async ({ rig, session, tree, clients }) => {
      const open = await openFile(tree, { name: 'file' });
      const lock = { offset: 0n, length: 10n, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK };
      assertStatus((await open.lock([lock])).status, 0);
      clients[0]!.connection.close();
      await until(() => rig.engine.connections.size === 1);
      const { connection } = clients[1]!;
      const data = Uint8Array.of(1, 2, 3);
      const channelSequence = { header: { channelSequence: 1 } };
      const written = await open.write({ offset: 0, data }, { connection, ...channelSequence });
      assertStatus(written.status, 0);
      const read = await open.read({ offset: 0, length: 3 }, { connection, ...channelSequence });
      assert.deepEqual([...(read.response?.data ?? [])], [1, 2, 3]);
      assert.equal(rig.engine.counts().sessions, 1);
      assert.equal(session.channelOn(connection).signer === undefined, false);
    });
  });

  it('ends what waits on the channel that goes, and nothing else', async () => {
    await withChannels(2, {}, async ({ rig, tree, clients }) => {
      const holder = await openFile(await rig.tree(), { name: 'file' });
      const lock = { offset: 0n, length: 10n, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK };
      const later = { ...lock, offset: 20n };
      assertStatus((await holder.lock([lock])).status, 0);
      assertStatus((await holder.lock([later])).status, 0);
      const open = await openFile(tree, { name: 'file' });
      const lost = open.lock([lock], { connection: clients[0]!.connection });
      const kept = open.lock([later], { connection: clients[1]!.connection });
      await lost.interim;
      await kept.interim;
      clients[0]!.connection.close();
      assertStatus((await lost).status, STATUS_CONNECTION_DISCONNECTED);
      await until(() => rig.engine.connections.size === 2);
      await holder.close();
      assertStatus((await kept).status, 0);
      const { connection } = clients[1]!;
      // Nobody took the lock that the lost channel had asked for.
      assertStatus((await open.lock([lock], { connection })).status, 0);
    });
  });

  it('channelsPerSessionMax: STATUS_INSUFFICIENT_RESOURCES until a channel ended', async () => {
    const limits = { channelsPerSessionMax: 2 };
    await withChannels(2, { limits }, async ({ rig, session, clients }) => {
      const connect = (): Promise<ClientConnection> => rig.connect({ clientGuid: CLIENT_GUID });
      const third = await connect();
      assertStatus(await rig.bind(session, third), STATUS_INSUFFICIENT_RESOURCES);
      clients[1]!.connection.close();
      await until(() => rig.engine.connections.size === 2);
      assertStatus(await rig.bind(session, third), 0);
    });
  });
});

/**
 * Milliseconds until the kernel asks the peer of each connection that the server has whether it is
 * there: timer 2 of /proc/net/tcp, in its USER_HZ. Undefined: it does not, or does something else.
 */
function keepaliveTimers(port: number): readonly (number | undefined)[] {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const established = readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, address, , state]) => address === local && state === '01');
  return established.map(([, , , , , timer = '']) => {
    const [kind, ticks = ''] = timer.split(':');
    return kind === '02' ? Number.parseInt(ticks, 16) * TICK_MS : undefined;
  });
}

describe('idle channels', { timeout: TIMEOUT_MS, skip: process.platform !== 'linux' }, () => {
  it('are probed by TCP, so that dead ones end', async () => {
    await withChannels(3, {}, async ({ rig }) => {
      const isDue = (ms: number | undefined): boolean =>
        ms !== undefined && ms > 0 && ms <= KEEPALIVE_IDLE_MS;
      await until(() => {
        const timers = keepaliveTimers(rig.port);
        return timers.length === 3 && timers.every(isDue);
      });
    });
  });
});

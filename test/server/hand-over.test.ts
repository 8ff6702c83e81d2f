/** A server gives its place to another one: what clients hold is there, and nothing else is. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FILE_ALL_ACCESS } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_CONNECTION_DISCONNECTED,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import { FILE_DELETE_ON_CLOSE, FILE_OPEN_IF } from '../../src/fscc/create-parameters.ts';
import { makeHandOverFolder } from '../../src/server/hand-over-file.ts';
import { OptionError, type ShareOptions, SmbServer } from '../../src/server/smb-server.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import { createRequest } from '../../src/smb2/client/requests.ts';
import type { ClientTree } from '../../src/smb2/client/tree.ts';
import {
  SMB2_DHANDLE_FLAG_PERSISTENT,
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_OPLOCK_LEVEL_BATCH,
} from '../../src/smb2/wire/constants.ts';
import {
  durableReconnectV2Context,
  durableRequestV2Context,
} from '../../src/smb2/wire/create-context-durable.ts';
import { LEASE_KEY, lease, listening, RH, RWH, reopen } from '../conformance/oplock-peer.ts';
import {
  closeConnections,
  expectStatus,
  logOnAt,
  opened,
  type Target,
} from '../conformance/peer.ts';
import { newGuid } from '../faults/durable-client.ts';
import { RecordingLog } from '../faults/virtual-env.ts';

const CLIENT_GUID = 'c3'.repeat(16);
const OTHER_GUID = 'd4'.repeat(16);
const OPEN_IF = { desiredAccess: FILE_ALL_ACCESS, createDisposition: FILE_OPEN_IF };
const EXCLUSIVE = SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY;

let folder: string;
let state: string;
let files: string;
let log: RecordingLog;
let servers: SmbServer[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'semba-hand-over-'));
  state = join(folder, 'state');
  files = join(folder, 'files');
  mkdirSync(state, { mode: 0o700 });
  mkdirSync(files);
  log = new RecordingLog();
  servers = [];
  shares = () => [{ name: 'share', path: files }];
});
afterEach(async () => {
  closeConnections();
  for (const server of servers) await server.stop();
  rmSync(folder, { recursive: true, force: true });
  assert.deepEqual(
    log.entries.filter(({ level }) => level === 'error'),
    [],
  );
});

function serverOf(workers: number): SmbServer {
  const server = new SmbServer({
    listen: ['127.0.0.1'],
    port: 0,
    stateFolder: state,
    workers,
    log,
  });
  servers.push(server);
  return server;
}

let shares: () => readonly ShareOptions[];

async function start(workers: number): Promise<SmbServer> {
  const server = serverOf(workers);
  await server.addUser({ name: 'anna', password: 'secret' });
  for (const share of shares()) await server.addShare(share);
  await server.start();
  return server;
}

/** Another server in the place of this one. */
async function replace(old: SmbServer, workers: number): Promise<SmbServer> {
  const next = serverOf(workers);
  await next.prepare(shares(), []);
  const handOver = makeHandOverFolder(state);
  const { durable } = await old.handOver(handOver);
  assert.equal(await next.takeOver(handOver), durable);
  return next;
}

async function treeAt(server: SmbServer, clientGuid = CLIENT_GUID): Promise<ClientTree> {
  return (await logOnAt(targetOf(server), { clientGuid })).tree;
}

function targetOf(server: SmbServer): Target {
  const { port = 0 } = server;
  return { host: '127.0.0.1', port, user: 'anna', password: 'secret', share: 'share' };
}

const durable = (name: string, createGuid: string) => ({
  name,
  desiredAccess: FILE_ALL_ACCESS,
  shareAccess: 7,
  createDisposition: FILE_OPEN_IF,
  requestedOplockLevel: SMB2_OPLOCK_LEVEL_BATCH,
  contexts: [durableRequestV2Context({ timeoutMs: 0, flags: 0, createGuid })],
});

async function back(tree: ClientTree, lost: ClientOpen, createGuid: string, flags = 0) {
  const { fileId } = lost;
  const contexts = [durableReconnectV2Context({ fileId, createGuid, flags })];
  return await opened(tree, { ...durable('', createGuid), contexts });
}

const lockAt = (offset: bigint) => [{ offset, length: 10n, flags: EXCLUSIVE }];

const write = (text: string, offset: number) => ({ offset, data: Buffer.from(text) });

for (const [from, to] of [
  [1, 1],
  [2, 2],
  [1, 2],
  [2, 1],
] as const) {
  describe(`SmbServer.handOver, from ${from} to ${to} processes`, () => {
    it('hands over durable opens with what they hold, and no other ones', async () => {
      const old = await start(from);
      const guid = newGuid();
      const tree = await treeAt(old);
      const held = await opened(tree, durable('held', guid));
      expectStatus(await held.lock(lockAt(0n)), STATUS_SUCCESS);
      expectStatus(await held.write(write('kept', 20)), STATUS_SUCCESS);
      const lost = { name: 'lost', createOptions: FILE_DELETE_ON_CLOSE };
      await opened(tree, { ...durable('lost', newGuid()), ...lost, contexts: [] });
      const next = await replace(old, to);
      assert.match(await tree.session.connection.closed, /closed by the peer/);
      assert.equal(existsSync(join(files, 'lost')), false);
      assert.equal((await next.status()).opens.length, 1);

      const again = await back(await treeAt(next), held, guid);
      expectStatus(await again.write(write(' and more', 24)), STATUS_SUCCESS);
      assert.equal(readFileSync(join(files, 'held'), 'utf8').slice(20), 'kept and more');
      const { opens } = await next.status();
      assert.deepEqual(
        opens.map(({ locks }) => locks.length),
        [1],
      );
      await again.close();
      assert.deepEqual((await next.status()).opens, []);
    });

    it('leaves persistent opens in their store', async () => {
      shares = () => [{ name: 'share', path: files, continuousAvailability: true }];
      const old = await start(from);
      const guid = newGuid();
      const flags = SMB2_DHANDLE_FLAG_PERSISTENT;
      const contexts = [durableRequestV2Context({ timeoutMs: 0, flags, createGuid: guid })];
      const held = await opened(await treeAt(old), { ...durable('held', guid), contexts });
      expectStatus(await held.lock(lockAt(0n)), STATUS_SUCCESS);
      const next = await replace(old, to);
      const again = await back(await treeAt(next), held, guid, flags);
      const { opens } = await next.status();
      assert.deepEqual(
        opens.map(({ locks }) => locks.length),
        [1],
      );
      await again.close();
    });

    it('answers what is under way, and drops what waits for others', async () => {
      const old = await start(from);
      const tree = await treeAt(old);
      const held = await opened(tree, durable('held', newGuid()));
      const other = await opened(await treeAt(old, OTHER_GUID), reopen('other', OPEN_IF));
      expectStatus(await held.lock(lockAt(0n)), STATUS_SUCCESS);
      const blocked = held.lock([{ ...lockAt(0n)[0]!, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK }]);
      assert.equal((await blocked.interim)?.status, STATUS_PENDING);
      const written = other.write({ offset: 0, data: new Uint8Array(1024 * 1024) });
      while (!existsSync(join(files, 'other')));
      await replace(old, to);
      expectStatus(await blocked, STATUS_CONNECTION_DISCONNECTED);
      const { status } = await written;
      // It was answered, or it never began.
      const size = readFileSync(join(files, 'other')).length;
      assert.equal(status === STATUS_SUCCESS, size > 0);
    });
  });
}

describe('SmbServer.handOver', () => {
  it('waits for the answer to a break, without which the open would be lost', async () => {
    const old = await start(1);
    const listener = await listening(() => targetOf(old));
    const guid = newGuid();
    const contexts = [...durable('x', guid).contexts, ...(lease(LEASE_KEY, RWH).contexts ?? [])];
    const asked = { ...durable('held', guid), ...lease(LEASE_KEY, RWH), contexts };
    const held = await opened(listener.tree, asked);
    const other = await treeAt(old, OTHER_GUID);
    const waiting = other.compound([createRequest(reopen('held'))])[0]!;
    assert.equal((await waiting.interim)?.status, STATUS_PENDING);
    await listener.nextBreak();
    const replaced = replace(old, 1);
    const acknowledged = listener.tree.acknowledgeLeaseBreak({
      leaseKey: LEASE_KEY,
      leaseState: RH,
    });
    expectStatus(await acknowledged, STATUS_SUCCESS);
    expectStatus(await waiting, STATUS_SUCCESS);
    const { opens } = await (await replaced).status();
    assert.deepEqual(
      opens.map(({ path }) => path),
      [held.response && 'held'],
    );
  });

  it('leaves durable opens the rest of their time', async () => {
    const old = await start(1);
    const tree = await treeAt(old);
    const context = { timeoutMs: 300, flags: 0, createGuid: newGuid() };
    const contexts = [durableRequestV2Context(context)];
    await opened(tree, { ...durable('brief', newGuid()), contexts });
    const next = await replace(old, 1);
    while ((await next.status()).opens.length > 0);
    assert.ok(log.entries.some(({ message }) => message === 'a client did not come back'));
  });

  it('drops an open whose file is another one by then', async () => {
    const old = await start(1);
    const tree = await treeAt(old);
    await opened(tree, durable('gone', newGuid()));
    const next = serverOf(1);
    await next.prepare(shares(), []);
    const handOver = makeHandOverFolder(state);
    assert.equal((await old.handOver(handOver)).durable, 1);
    rmSync(join(files, 'gone'));
    assert.equal(await next.takeOver(handOver), 0);
    assert.ok(log.entries.some(({ message }) => message === 'an open is not restored'));
  });

  it('is refused by a server whose share has no folder, and goes on', async () => {
    const old = await start(1);
    const next = serverOf(1);
    await assert.rejects(
      next.prepare([{ name: 'share', path: join(folder, 'no') }], []),
      OptionError,
    );
    await opened(await treeAt(old), durable('still', newGuid()));
  });
});

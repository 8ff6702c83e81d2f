/** A server of several processes: what its program, its clients and its administrator see. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { LE, viewOf } from '../../src/base/bytes.ts';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import { makeNodeLog } from '../../src/env/node/node-log.ts';
import {
  STATUS_LOCK_NOT_GRANTED,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import { OptionError, SmbServer } from '../../src/server/smb-server.ts';
import { MemoryVfs } from '../../src/server/storage.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import { createRequest } from '../../src/smb2/client/requests.ts';
import type { WorkerStatus } from '../../src/smb2/server/status.ts';
import { FrameReader } from '../../src/smb2/transport/tcp/framing.ts';
import {
  SMB2_LOCKFLAG_EXCLUSIVE_LOCK,
  SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  SMB2_LOCKFLAG_UNLOCK,
  SMB2_NEGOTIATE,
  SMB2_OPLOCK_LEVEL_BATCH,
} from '../../src/smb2/wire/constants.ts';
import {
  durableReconnectV2Context,
  durableRequestV2Context,
} from '../../src/smb2/wire/create-context-durable.ts';
import { encodeHeader } from '../../src/smb2/wire/header.ts';
import { encodeNegotiateRequest } from '../../src/smb2/wire/negotiate.ts';
import {
  encodeSmb1NegotiateRequest,
  SMB1_DIALECT_SMB_2_002,
  SMB1_DIALECT_SMB_2_WILDCARD,
} from '../../src/smb2/wire/smb1-negotiate.ts';
import {
  create,
  LEASE_KEY,
  type Listener,
  lease,
  listening,
  RWH,
  reopen,
} from '../conformance/oplock-peer.ts';
import {
  closeConnections,
  expectStatus,
  logOnAt,
  negotiated,
  opened,
  type Target,
} from '../conformance/peer.ts';

const HEADER_SIZE = 64;

let server: SmbServer;
let folder: string;
let target: Target;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'semba-workers-'));
  const log = makeNodeLog('silent');
  server = new SmbServer({ listen: ['127.0.0.1'], port: 0, workers: 2, log });
  await server.addUser({ name: 'anna', password: 'secret' });
  await server.addShare({ name: 'share', path: folder });
  await server.start();
  const port = server.port!;
  target = { host: '127.0.0.1', port, user: 'anna', password: 'secret', share: 'share' };
});
afterEach(closeConnections);
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function workers(): Promise<readonly WorkerStatus[]> {
  return (await server.status()).workers ?? [];
}

/** A client in each process, once nobody else is connected; and the process of the first. */
async function oneInEach(): Promise<{ holder: Listener; holderPid: number; other: Listener }> {
  while ((await server.status()).connections.length > 0);
  const holder = await listening(() => target);
  const holderPid = (await workers()).find(({ connections }) => connections === 1)?.pid;
  assert(holderPid !== undefined);
  return { holder, holderPid, other: await listening(() => target) };
}

function framed(message: Uint8Array): Uint8Array {
  return Uint8Array.of(0, 0, message.length >> 8, message.length & 0xff, ...message);
}

function smb1Negotiate(): Uint8Array {
  const bytes = new Uint8Array(200);
  const dialects = ['NT LM 0.12', SMB1_DIALECT_SMB_2_002, SMB1_DIALECT_SMB_2_WILDCARD];
  return bytes.slice(0, encodeSmb1NegotiateRequest(viewOf(bytes), 0, { dialects }));
}

function smb2Negotiate(clientGuid: string): Uint8Array {
  const bytes = new Uint8Array(200);
  const view = viewOf(bytes);
  encodeHeader(view, 0, {
    creditCharge: 0,
    status: 0,
    command: SMB2_NEGOTIATE,
    credits: 1,
    flags: 0,
    nextCommand: 0,
    messageId: 1n,
    asyncId: 0n,
    treeId: 0,
    sessionId: 0n,
  });
  const end = encodeNegotiateRequest(view, HEADER_SIZE, {
    dialects: [0x0300],
    securityMode: 1,
    capabilities: 0,
    clientGuid,
    contexts: [],
  });
  return bytes.slice(0, end);
}

const sockets: Socket[] = [];
const closeSockets = (): void => {
  for (const socket of sockets.splice(0)) socket.destroy();
};

/** What two NEGOTIATE responses say to bytes that are sent without waiting for the first. */
async function dialectsAnswered(bytes: Uint8Array, sliceSize: number): Promise<readonly number[]> {
  const socket = connect(target.port, target.host);
  sockets.push(socket);
  socket.setNoDelay(true);
  await once(socket, 'connect');
  for (let at = 0; at < bytes.length; at += sliceSize) {
    await new Promise((sent) => socket.write(bytes.subarray(at, at + sliceSize), sent));
  }
  const dialects: number[] = [];
  const frames = new FrameReader(0xffff, (message) => {
    dialects.push(viewOf(message).getUint16(HEADER_SIZE + 4, LE));
    return true;
  });
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    for (const byte of chunk as Uint8Array) {
      frames.room()[0] = byte;
      frames.received(1);
    }
    if (dialects.length === 2) break;
  }
  return dialects;
}

describe('SmbServer: worker processes', () => {
  it('spreads clients over them, and shows and ends the sessions of all', async () => {
    const { holder } = await oneInEach();
    const { workers = [], sessions } = await server.status();
    assert.deepEqual(
      workers.map(({ connections }) => connections),
      [1, 1],
    );
    assert.equal(sessions.length, 2);
    for (const { id } of sessions) assert.equal(await server.closeSession(id), true);
    assert.equal(await server.closeSession('1234567890abcdef'), false);
    assert.deepEqual((await server.status()).sessions, []);
    await assert.rejects(opened(holder.tree, create('ended.txt')));
  });

  it('serves a client that begins with SMB1 where its other channels are', async () => {
    const clientGuid = '5b1e0000111122223333444455556666';
    await logOnAt(target, { clientGuid });
    await listening(() => target);
    const bytes = new Uint8Array([
      ...framed(smb1Negotiate()),
      ...framed(smb2Negotiate(clientGuid)),
    ]);
    for (const sliceSize of [bytes.length, 1, 50, 200]) {
      assert.deepEqual(await dialectsAnswered(bytes, sliceSize), [0x02ff, 0x0300], `${sliceSize}`);
    }
    const { connections } = await server.status();
    const same = connections.filter((one) => one.clientGuid === clientGuid);
    assert.equal(same.length, 5);
    // The worker's slot is what an id leaves of 64.
    assert.equal(new Set(same.map(({ id }) => id % 64)).size, 1);
    closeSockets();
  });

  it('counts connections over all of them', async () => {
    const limits = { connectionsPerAddressMax: 3 };
    const options = { listen: ['127.0.0.1'], port: 0, workers: 2, limits };
    const limited = new SmbServer({ ...options, log: makeNodeLog('silent') });
    try {
      await limited.start();
      const there = { ...target, port: limited.port! };
      for (let i = 0; i < 3; i++) await negotiated(there);
      await assert.rejects(negotiated(there));
      assert.equal((await limited.status()).connections.length, 3);
    } finally {
      closeConnections();
      await limited.stop();
    }
  });

  it('serves shares and accounts that come and go while it runs', async () => {
    const more = mkdtempSync(join(tmpdir(), 'semba-more-'));
    try {
      await server.addShare({ name: 'more', path: more });
      await server.addUser({ name: 'bert', password: 'other' });
      for (const _ of [1, 2]) {
        await logOnAt({ ...target, user: 'bert', password: 'other', share: 'more' });
      }
      assert.equal(await server.removeShare('more'), true);
      for (const _ of [1, 2]) await assert.rejects(logOnAt({ ...target, share: 'more' }));
    } finally {
      rmSync(more, { recursive: true });
    }
  });

  it('refuses storage that no other process can have', async () => {
    const vfs = new MemoryVfs(makeNodeClock());
    await assert.rejects(server.addShare({ name: 'memory', vfs }), OptionError);
  });

  it('gives what a killed process had open to who waits for it, and starts another', async () => {
    const { holder, holderPid, other } = await oneInEach();
    await opened(holder.tree, create('held.txt', lease(LEASE_KEY, RWH)));
    const waiting = other.tree.compound([createRequest(reopen('held.txt'))])[0]!;
    assert.equal((await waiting.interim)?.status, STATUS_PENDING);
    await holder.nextBreak();
    process.kill(holderPid, 'SIGKILL');
    expectStatus(await waiting, STATUS_SUCCESS);
    assert.equal((await server.status()).sessions.length, 1);
    // The client connects again: to the worker that is left, or to a new one.
    const again = await listening(() => target);
    await opened(again.tree, reopen('held.txt'));
  });
});

describe('SmbServer: durable opens of worker processes that are killed', () => {
  const clientGuid = 'c5'.repeat(16);
  const createGuid = 'd6'.repeat(16);
  const LOCK = {
    offset: 0n,
    length: 10n,
    flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
  };
  const batch = { requestedOplockLevel: SMB2_OPLOCK_LEVEL_BATCH, shareAccess: 0 };

  async function openLocked(name: string): Promise<ClientOpen> {
    const contexts = [durableRequestV2Context({ timeoutMs: 0, flags: 0, createGuid })];
    const { tree } = await logOnAt(target, { clientGuid });
    const open = await opened(tree, create(name, { ...batch, contexts }));
    expectStatus(await open.write({ offset: 20, data: Buffer.from('kept') }), STATUS_SUCCESS);
    expectStatus(await open.lock([LOCK]), STATUS_SUCCESS);
    return open;
  }

  /** The client comes back for its open, and finds it as it was. */
  async function comeBack({ fileId }: ClientOpen): Promise<ClientOpen> {
    const contexts = [durableReconnectV2Context({ fileId, createGuid, flags: 0 })];
    const { tree } = await logOnAt(target, { clientGuid });
    const open = await opened(tree, create('', { ...batch, contexts }));
    const read = await open.read({ offset: 20, length: 4 });
    assert.equal(Buffer.from(read.response!.data).toString(), 'kept');
    expectStatus(await open.lock([LOCK]), STATUS_LOCK_NOT_GRANTED);
    return open;
  }

  it('are given back by another one, with their locks', async () => {
    while ((await server.status()).connections.length > 0);
    const lost = await openLocked('durable.txt');
    const { pid } = (await workers()).find(({ connections }) => connections === 1)!;
    process.kill(pid, 'SIGKILL');
    await (await comeBack(lost)).close();
    await opened((await logOnAt(target)).tree, reopen('durable.txt', { shareAccess: 0 }));
  });

  it('are given back when all workers were killed, and again', async () => {
    let lost = await openLocked('durable-2.txt');
    for (let kill = 0; kill < 2; kill++) {
      for (const { pid } of await workers()) process.kill(pid, 'SIGKILL');
      lost = await comeBack(lost);
    }
    const unlock = { ...LOCK, flags: SMB2_LOCKFLAG_UNLOCK };
    expectStatus(await lost.lock([unlock]), STATUS_SUCCESS);
  });
});

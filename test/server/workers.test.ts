/** A server of several processes: what its program, its clients and its administrator see. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import { makeNodeLog } from '../../src/env/node/node-log.ts';
import { STATUS_PENDING, STATUS_SUCCESS } from '../../src/erref/ntstatus.ts';
import { OptionError, SmbServer } from '../../src/server/smb-server.ts';
import { MemoryVfs } from '../../src/server/storage.ts';
import { createRequest } from '../../src/smb2/client/requests.ts';
import type { WorkerStatus } from '../../src/smb2/server/status.ts';
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
  opened,
  type Target,
} from '../conformance/peer.ts';

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

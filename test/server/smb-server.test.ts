import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import { makeNodeLog } from '../../src/env/node/node-log.ts';
import { statusName } from '../../src/erref/ntstatus.ts';
import { FILE_CREATE, FILE_OPEN } from '../../src/fscc/create-parameters.ts';
import { OptionError, SmbServer } from '../../src/server/smb-server.ts';
import { MemoryVfs } from '../../src/server/storage.ts';
import { SmbClient } from '../../src/smb2/client/smb-client.ts';
import { LoopbackNetwork } from '../conformance/loopback-transport.ts';

let server: SmbServer;
let folder: string;
const clients: SmbClient[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'semba-server-'));
  server = new SmbServer({ listen: ['127.0.0.1'], port: 0, log: makeNodeLog('silent') });
  await server.addUser({ name: 'anna', password: 'secret' });
  await server.addShare({ name: 'memory', vfs: new MemoryVfs(makeNodeClock()) });
  await server.start();
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close().catch(() => undefined);
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function connect(share: string, password = 'secret', user = 'anna'): Promise<SmbClient> {
  const port = server.port!;
  const client = await SmbClient.connect({ host: '127.0.0.1', port, user, password, share });
  clients.push(client);
  return client;
}

async function namesIn(client: SmbClient, path = ''): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const entry of client.list(path)) names.push(entry.name);
  return names;
}

describe('SmbServer: transports of others', () => {
  it('is served over one beside the ports', async () => {
    const network = new LoopbackNetwork();
    network.listen(await server.acceptor());
    const client = await SmbClient.connect({
      ...{ host: 'memory', user: 'anna', password: 'secret', share: 'memory' },
      transport: (_, listener) => network.connect(listener),
    });
    clients.push(client);
    await client.writeFile('a.txt', 'hello');
    const other = await connect('memory');
    assert.equal(Buffer.from(await other.readFile('a.txt')).toString(), 'hello');
  });

  it('is not, by a server of several processes', async () => {
    const several = new SmbServer({ workers: 2, log: makeNodeLog('silent') });
    await assert.rejects(several.acceptor(), OptionError);
    await several.stop();
  });
});

describe('SmbServer: shares at run time', () => {
  it('serves a share added while clients are connected', async () => {
    const before = await connect('memory');
    writeFileSync(join(folder, 'a.txt'), 'hello');
    await server.addShare({ name: 'Docs', path: folder });
    const docs = await before.openShare('docs');
    assert.deepEqual(await namesIn(docs), ['a.txt']);
    assert.equal(Buffer.from(await docs.readFile('a.txt')).toString(), 'hello');
    assert.deepEqual(
      server.shares.map((share) => share.name),
      ['memory', 'Docs'],
    );
  });

  it('cuts off a share that is removed, and no other', async () => {
    await server.addShare({ name: 'docs', path: folder });
    const docs = await connect('docs');
    const memory = await connect('memory');
    assert.equal(await server.removeShare('DOCS'), true);
    await assert.rejects(namesIn(docs));
    assert.deepEqual(await namesIn(memory), []);
    await assert.rejects(connect('docs'));
    assert.equal(await server.removeShare('docs'), false);
  });

  const needsRoot = process.getuid?.() === 0 ? {} : { skip: 'needs root to act as others' };
  it("acts as the shared folder's owner when it runs as root", needsRoot, async () => {
    const owned = join(folder, 'owned');
    mkdirSync(owned);
    chownSync(owned, 4242, 4343);
    await server.addShare({ name: 'owned', path: owned });
    const client = await connect('owned');
    await client.writeFile('new.txt', Buffer.from('hello'));
    await client.mkdir('new folder');
    for (const name of ['new.txt', 'new folder']) {
      const { uid, gid } = statSync(join(owned, name));
      assert.deepEqual({ uid, gid }, { uid: 4242, gid: 4343 });
    }
    writeFileSync(join(owned, 'secret'), 'for root alone', { mode: 0o600 });
    await assert.rejects(client.readFile('secret'), /ACCESS_DENIED/);
    assert.equal(Buffer.from(await client.readFile('new.txt')).toString(), 'hello');
  });

  it('tells nobody what stands where they may not look, in whatever case', needsRoot, async () => {
    const [anna, ben] = [4301, 4302].map((uid) => ({ uid, gid: uid }));
    await server.addUser({ name: 'anna', password: 'secret', unixIds: anna! });
    await server.addUser({ name: 'ben', password: 'secret', unixIds: ben! });
    chmodSync(folder, 0o777);
    mkdirSync(join(folder, 'private', 'below'), { recursive: true });
    writeFileSync(join(folder, 'private', 'secret.txt'), '');
    chownSync(join(folder, 'private'), 4301, 4301);
    chmodSync(join(folder, 'private'), 0o700);
    await server.addShare({ name: 'docs', path: folder });
    const names = [
      'secret.txt',
      'none.txt',
      'below\\none.txt',
      'none\\none.txt',
      'secret.txt\\none',
    ];
    const statusesOf = async (user: string): Promise<readonly string[]> => {
      const { tree } = await connect('docs', 'secret', user);
      const statuses = new Set<string>();
      for (const name of names.flatMap((one) => [`private\\${one}`, `PRIVATE\\${one}`])) {
        for (const createDisposition of [FILE_OPEN, FILE_CREATE]) {
          const asked = { name, desiredAccess: 0x80, createDisposition };
          statuses.add(statusName((await tree.create(asked)).status));
        }
      }
      return [...statuses];
    };
    assert.deepEqual(await statusesOf('ben'), ['STATUS_ACCESS_DENIED']);
    assert.ok((await statusesOf('anna')).length > 2);
  });

  it('goes on when a shared folder is removed beneath it', async () => {
    const gone = join(folder, 'gone');
    mkdirSync(gone);
    await server.addShare({ name: 'gone', path: gone });
    const client = await connect('gone');
    const memory = await connect('memory');
    rmSync(gone, { recursive: true });
    await assert.rejects(client.writeFile('a.txt', Buffer.from('x')));
    await memory.writeFile('a.txt', Buffer.from('x'));
    assert.deepEqual(await namesIn(memory), ['a.txt']);
  });

  for (const [what, options, message] of [
    ['without storage', { name: 'a' }, /needs a path or a vfs/],
    ['of a folder that is missing', { name: 'a', path: '/not/here' }, /no folder \/not\/here/],
    ['of a file', { name: 'a', path: '/proc/version' }, /is not a folder/],
    ['whose name is taken', { name: 'MEMORY', path: '/' }, /exists already/],
    ['with a slash in its name', { name: 'a/b', path: '/' }, /cannot be a share's name/],
    [
      'of a size for backups and no Time Machine',
      { name: 'a', path: '/', timeMachineSizeMax: 1 },
      /needs timeMachine/,
    ],
    ['called IPC$', { name: 'IPC$', path: '/' }, /reserved/],
  ] as const) {
    it(`refuses a share ${what}`, async () => {
      await assert.rejects(server.addShare(options), (error: Error) => {
        assert(error instanceof OptionError);
        assert.match(error.message, message);
        return true;
      });
    });
  }

  it('lists no share to a user who may not connect to it', async () => {
    const vfs = new MemoryVfs(makeNodeClock());
    await server.addShare({ name: 'others', vfs, allowedUsers: ['Ben'] });
    await server.addShare({ name: 'hidden', vfs, hidden: true });
    const client = await connect('memory');
    const names = (await client.shares()).map((share) => share.name);
    assert.deepEqual(names.toSorted(), ['IPC$', 'memory']);
    await assert.rejects(connect('others'));
    await connect('hidden');
  });
});

describe('SmbServer: users at run time', () => {
  it('ends the sessions of a user who is removed', async () => {
    await server.addUser({ name: 'ben', password: 'other' });
    const ben = await connect('memory', 'other', 'ben');
    const anna = await connect('memory');
    assert.equal(await server.removeUser('BEN'), true);
    await assert.rejects(namesIn(ben));
    assert.deepEqual(await namesIn(anna), []);
    await assert.rejects(connect('memory', 'other', 'ben'));
    assert.equal(await server.removeUser('ben'), false);
  });

  it('takes the new password and not the old one', async () => {
    await server.addUser({ name: 'Anna', password: 'new' });
    await connect('memory', 'new');
    await assert.rejects(connect('memory', 'secret'));
    assert.deepEqual(await server.users(), ['anna']);
  });
});

describe('SmbServer: the state folder', () => {
  it('is in no share', async () => {
    const state = join(folder, 'deep', 'state');
    mkdirSync(join(state, 'persistent'), { recursive: true, mode: 0o700 });
    symlinkSync(state, join(folder, 'alias'));
    const other = new SmbServer({ stateFolder: state, log: makeNodeLog('silent') });
    const alias = join(folder, 'alias');
    for (const path of [folder, state, alias, join(alias, 'persistent')]) {
      await assert.rejects(other.addShare({ name: 'docs', path }), /the accounts/);
    }
    for (const path of [join(folder, 'deep', 'state2'), join(state, 'share')]) {
      mkdirSync(path);
      await other.addShare({ name: path.slice(-5), path });
    }
    await other.stop();
  });

  it('tells when others can read the accounts or replace them', async () => {
    const state = join(folder, 'state');
    const warned: string[] = [];
    const silent = makeNodeLog('silent');
    const log = { ...silent, warn: (_: object, message: string) => void warned.push(message) };
    const make = (): SmbServer => new SmbServer({ stateFolder: state, log });
    await make().addUser({ name: 'anna', password: 'secret' });
    await make().users();
    assert.deepEqual(warned, []);
    chmodSync(join(state, 'accounts.json'), 0o640);
    chmodSync(state, 0o770);
    await make().users();
    assert.match(warned.join(), /others can write to .*state: chmod 700,others can read or write/);
  });
});

describe('SmbServer: life', () => {
  it('is stopped when every call of stop has ended', async () => {
    await connect('memory');
    let isStopped = false;
    const first = server.stop().then(() => {
      isStopped = true;
    });
    await server.stop();
    await first;
    assert.equal(isStopped, true);
    await assert.rejects(server.addShare({ name: 'docs', path: folder }), /is stopped/);
  });

  it('stops while it starts, and then listens no more', async () => {
    const other = new SmbServer({ listen: ['127.0.0.1'], port: 0, log: makeNodeLog('silent') });
    const started = other.start();
    await assert.rejects(other.start(), /is starting/);
    await Promise.all([started, other.stop()]);
    assert.equal(other.port, undefined);
    await assert.rejects(other.start(), /is stopped/);
  });

  it('takes one of two shares of a name that are added at once', async () => {
    const share = { name: 'docs', path: folder };
    const added = await Promise.allSettled([server.addShare(share), server.addShare(share)]);
    assert.deepEqual(added.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
    assert.deepEqual(await namesIn(await connect('docs')), []);
  });

  it('starts once', async () => {
    await assert.rejects(server.start(), { message: 'the server is listening' });
  });

  it('stops with clients connected, and twice', async () => {
    const client = await connect('memory');
    await server.stop();
    await server.stop();
    await assert.rejects(namesIn(client));
    await assert.rejects(server.start(), { message: 'the server is stopped' });
    assert.equal(server.port, undefined);
  });

  it('tells a port that is in use', async () => {
    const second = new SmbServer({ listen: ['127.0.0.1'], port: server.port! });
    await assert.rejects(second.start(), { code: 'EADDRINUSE' });
    await second.stop();
  });
});

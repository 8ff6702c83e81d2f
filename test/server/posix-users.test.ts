/** Accounts and shares that act as users of this machine, over the wire. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { makeNodeLog } from '../../src/env/node/node-log.ts';
import { findPosixGroup, findPosixUser, findPosixUserLater } from '../../src/server/nss.ts';
import type { ShareOptions } from '../../src/server/options.ts';
import { OptionError, SmbServer } from '../../src/server/smb-server.ts';
import { SmbClient } from '../../src/smb2/client/smb-client.ts';

const root = process.geteuid!() === 0;
const skip = root ? false : 'needs root';

describe("this machine's users", () => {
  it('are found by name and by number, with their groups', async () => {
    const user = findPosixUser('root')!;
    assert.deepEqual([user.name, user.uid, user.gid], ['root', 0, 0]);
    assert.ok(user.gids.includes(0));
    assert.deepEqual(findPosixUser('0'), user);
    assert.deepEqual(await findPosixUserLater('root'), user);
    assert.equal(findPosixGroup('root'), 0);
    assert.equal(findPosixGroup('0'), 0);
  });

  it('are not found where there are none', async () => {
    for (const name of ['', 'no-such-user', 'root\0', '4294967295', '99999999999', '-1']) {
      assert.equal(findPosixUser(name), undefined, name);
      assert.equal(await findPosixUserLater(name), undefined, name);
    }
    assert.equal(findPosixGroup('no-such-group'), undefined);
    assert.equal(findPosixGroup('61100'), 61_100);
  });
});

describe('SmbServer: whom accounts act as on disk', { skip }, () => {
  let server: SmbServer;
  let folder: string;
  const clients: SmbClient[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'semba-posix-'));
    chmodSync(folder, 0o777);
    server = new SmbServer({
      listen: ['127.0.0.1'],
      port: 0,
      log: makeNodeLog('silent'),
      posixUsers: 'nss',
    });
    const password = 'secret';
    await server.addUser({ name: 'anna', password, unixIds: { uid: 61_001, gid: 61_001 } });
    await server.addUser({ name: 'bert', password, unixIds: { uid: 61_002, gid: 61_002 } });
    await server.addUser({ name: 'Daemon', password });
    await server.addUser({ name: 'root', password });
    await server.addUser({ name: 'nobody-of-here', password });
    await server.start();
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close().catch(() => undefined);
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const share = (options: Partial<ShareOptions> = {}): Promise<void> =>
    server.addShare({ name: 'docs', path: folder, ...options });
  async function connect(user: string): Promise<SmbClient> {
    const port = server.port!;
    const params = { host: '127.0.0.1', port, user, password: 'secret', share: 'docs' };
    const client = await SmbClient.connect(params);
    clients.push(client);
    return client;
  }
  async function ownerOfNew(user: string, name = `by-${user}`): Promise<readonly number[]> {
    await (await connect(user)).writeFile(name, Buffer.from(user));
    const { uid, gid } = statSync(join(folder, name));
    return [uid, gid];
  }

  it('is the user that the account names, else the one of its name, else the owner', async () => {
    const daemon = findPosixUser('daemon')!;
    chownSync(folder, 61_009, 61_009);
    await share();
    assert.deepEqual(await ownerOfNew('anna'), [61_001, 61_001]);
    assert.deepEqual(await ownerOfNew('Daemon'), [daemon.uid, daemon.gid]);
    assert.deepEqual(await ownerOfNew('nobody-of-here'), [61_009, 61_009]);
    assert.deepEqual(await ownerOfNew('root'), [61_009, 61_009]);
  });

  it('keeps two users apart who work at the same time', async () => {
    await share();
    for (const uid of [61_001, 61_002]) {
      mkdirSync(join(folder, `of-${uid}`), { mode: 0o700 });
      chownSync(join(folder, `of-${uid}`), uid, uid);
    }
    const work = async (user: string, own: number, others: number): Promise<void> => {
      const client = await connect(user);
      const content = Buffer.alloc(70_000, own & 0xff);
      for (let i = 0; i < 25; i++) {
        const path = `of-${own}\\${i}`;
        await client.writeFile(path, content);
        const { uid, gid } = statSync(join(folder, `of-${own}`, String(i)));
        assert.deepEqual([uid, gid], [own, own]);
        const [mine, others1, others2, others3] = await Promise.allSettled([
          client.readFile(path),
          client.readFile(`of-${others}\\${i}`),
          client.writeFile(`of-${others}\\by-${own}`, content),
          client.delete(`of-${others}\\0`),
        ]);
        assert.equal(mine.status, 'fulfilled');
        for (const outcome of [others1, others2, others3]) {
          assert.equal(outcome.status, 'rejected');
          assert.match(String(outcome.reason), /ACCESS_DENIED/);
        }
        await client.rename(path, `of-${own}\\renamed-${i}`);
        if (i % 2 === 1) await client.delete(`of-${own}\\renamed-${i}`);
      }
    };
    await Promise.all([work('anna', 61_001, 61_002), work('bert', 61_002, 61_001)]);
  });

  it('is whom the share forces, but for administrators', async () => {
    await share({ forceUser: 'daemon', forceGroup: '61100', administrators: ['bert'] });
    const daemon = findPosixUser('daemon')!;
    assert.deepEqual(await ownerOfNew('anna'), [daemon.uid, 61_100]);
    assert.deepEqual(await ownerOfNew('Daemon'), [daemon.uid, 61_100]);
    assert.deepEqual(await ownerOfNew('bert'), [0, 0]);
  });

  it('has the group that the share forces on its members', async () => {
    await server.addUser({
      name: 'carl',
      password: 'secret',
      unixIds: { uid: 61_003, gid: 61_003, gids: [61_100] },
    });
    await share({ forceGroup: '+61100' });
    assert.deepEqual(await ownerOfNew('anna'), [61_001, 61_001]);
    assert.deepEqual(await ownerOfNew('carl'), [61_003, 61_100]);
  });

  it('makes files and folders with the bits that the share forces', async () => {
    await share({ createMask: 0o600, forceCreateMode: 0o060, forceDirectoryMode: 0o2070 });
    const anna = await connect('anna');
    await anna.writeFile('file', Buffer.from(''));
    await anna.mkdir('folder');
    await anna.writeFile('folder\\file', Buffer.from(''));
    assert.equal(statSync(join(folder, 'file')).mode & 0o7777, 0o660);
    assert.equal(statSync(join(folder, 'folder')).mode & 0o7777, 0o2775);
  });

  it('cannot be one that nobody knows', async () => {
    await assert.rejects(share({ forceUser: 'no-such-user' }), OptionError);
    await assert.rejects(share({ forceGroup: 'no-such-group' }), OptionError);
  });
});

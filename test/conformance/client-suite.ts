/**
 * What the client does with a real server, ours or another: `clientSuite({ host, port, … })` inside
 * a test file. It needs a writable share and makes one folder of its own in it.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, it } from 'node:test';
import { FILE_ALL_ACCESS, FILE_LIST_DIRECTORY } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_BAD_NETWORK_NAME,
  STATUS_CANCELLED,
  STATUS_CONNECTION_DISCONNECTED,
  STATUS_DIRECTORY_NOT_EMPTY,
  STATUS_FILE_IS_A_DIRECTORY,
  STATUS_LOGON_FAILURE,
  STATUS_NOT_A_DIRECTORY,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import {
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
} from '../../src/fscc/create-parameters.ts';
import type { ConnectOptions, DialectName } from '../../src/smb2/client/connect-options.ts';
import { closeRequest, createRequest } from '../../src/smb2/client/requests.ts';
import { SmbClient, SmbError } from '../../src/smb2/client/smb-client.ts';
import { readRequest, writeRequest } from '../../src/smb2/client/transfer-requests.ts';
import { SMB2_GLOBAL_CAP_MULTI_CHANNEL } from '../../src/smb2/wire/constants.ts';
import { RELATED_FILE_ID } from '../../src/smb2/wire/file-id.ts';
import { clientFileTests } from './client-file-tests.ts';
import { initiatorFor, logOnAt, opened, type Target, uniqueName } from './peer.ts';

const DIALECTS: readonly DialectName[] = ['2.0.2', '2.1', '3.0', '3.0.2', '3.1.1'];
const SIGNING_ALGORITHMS = { 'HMAC-SHA256': 0, 'AES-CMAC': 1, 'AES-GMAC': 2 };
const CIPHERS = { 'AES-128-CCM': 1, 'AES-128-GCM': 2, 'AES-256-CCM': 3, 'AES-256-GCM': 4 };
const SIZES = [0, 1, 65_535, 65_536, 65_537, 3 * 1024 * 1024 + 1];
const STREAM_SIZE = 20 * 1024 * 1024 + 17;
const NOTIFY_NAMES = 0x3;

export function clientSuite(title: string, getTarget: () => Target): void {
  describe(title, () => {
    const connect = (options: Partial<ConnectOptions> = {}): Promise<SmbClient> =>
      SmbClient.connect({ ...getTarget(), ...options });
    dialectTests(connect);
    channelTests(connect);
    protectionTests(getTarget);
    fileTests(connect);
    clientFileTests(connect);
    listTests(connect);
    streamTests(connect);
    errorTests(connect);
    lowLevelTests(getTarget);
  });
}

type Connect = (options?: Partial<ConnectOptions>) => Promise<SmbClient>;

function refusedWith(status: number): (error: unknown) => boolean {
  return (error) => error instanceof SmbError && error.status === status;
}

function dialectTests(connect: Connect): void {
  describe('[MS-SMB2] 3.2.4.2 Application Requests a Connection', () => {
    for (const dialect of DIALECTS) {
      for (const signing of ['auto', 'required'] as const) {
        it(`writes and reads back over ${dialect}, signing ${signing}`, async () => {
          const client = await connect({ dialects: [dialect], signing });
          assert.equal(client.dialect, dialect);
          await roundTrip(client);
          await client.close();
        });
      }
    }

    for (const dialect of ['3.0', '3.0.2', '3.1.1'] as const) {
      it(`writes and reads back over ${dialect} with everything encrypted`, async () => {
        const client = await connect({ dialects: [dialect], encryption: 'required' });
        assert.equal(client.session.encryptData, true);
        await roundTrip(client);
        await client.close();
      });
    }

    it('takes the highest dialect that both sides speak', async () => {
      const client = await connect({ dialects: ['2.0.2', '3.0', '2.1'] });
      assert.equal(client.dialect, '3.0');
      await client.close();
    });
  });
}

async function roundTrip(client: SmbClient): Promise<void> {
  const path = uniqueName('round-trip');
  for (const size of SIZES) {
    const data = randomBytes(size);
    await client.writeFile(path, data);
    const back = await client.readFile(path);
    assert.equal(Buffer.compare(data, back), 0, `${back.length} of ${size} bytes came back`);
    assert.equal((await client.stat(path)).size, size);
  }
  await client.delete(path);
}

function channelTests(connect: Connect): void {
  describe('[MS-SMB2] 3.2.5.14.11 Handling a Network Interfaces Response', () => {
    for (const dialect of ['3.0', '3.0.2', '3.1.1'] as const) {
      it(`uses several channels of one session over ${dialect}`, async () => {
        const client = await connect({ dialects: [dialect], channels: 3, signing: 'required' });
        const { capabilities } = client.session.connection.negotiated!.response;
        const hasChannels = (capabilities & SMB2_GLOBAL_CAP_MULTI_CHANNEL) !== 0;
        assert.equal(client.channels.length, hasChannels ? 3 : 1);
        await roundTrip(client);
        await client.close();
        assert.equal(client.channels.length, 0);
      });
    }

    it('has one channel where the dialect knows no others', async () => {
      const client = await connect({ dialects: ['2.1'], channels: 3 });
      assert.equal(client.channels.length, 1);
      await roundTrip(client);
      await client.close();
    });
  });
}

function protectionTests(getTarget: () => Target): void {
  describe('[MS-SMB2] 3.1.4.1 Signing An Outgoing Message', () => {
    for (const [name, id] of Object.entries(SIGNING_ALGORITHMS)) {
      it(`has its messages accepted, and its answers verified, with ${name}`, async () => {
        const { connection, tree } = await logOnAt(getTarget(), {
          dialects: [0x0311],
          signingAlgorithms: [id],
          signing: 'required',
        });
        assert.equal(connection.negotiated?.signingAlgorithm, id);
        const reply = await scratch(tree, uniqueName('signed'));
        assert.equal(reply.protection, 'signed');
        connection.close();
      });
    }
  });

  describe('[MS-SMB2] 3.1.4.3 Encrypting the Message', () => {
    for (const [name, id] of Object.entries(CIPHERS)) {
      it(`exchanges messages encrypted with ${name}`, async () => {
        const { connection, tree } = await logOnAt(getTarget(), {
          dialects: [0x0311],
          ciphers: [id],
          encryption: 'required',
        });
        assert.equal(connection.negotiated?.cipherId, id);
        const reply = await scratch(tree, uniqueName('encrypted'));
        assert.equal(reply.protection, 'encrypted');
        connection.close();
      });
    }
  });
}

type Tree = Awaited<ReturnType<typeof logOnAt>>['tree'];

/** Writes a file, reads it back and has it deleted at its close. */
async function scratch(tree: Tree, name: string): Promise<{ readonly protection: string }> {
  const open = await opened(tree, {
    name,
    desiredAccess: FILE_ALL_ACCESS,
    createDisposition: FILE_OPEN_IF,
    createOptions: FILE_DELETE_ON_CLOSE,
  });
  const data = randomBytes(200_000);
  const written = await open.write({ offset: 0, data });
  assert.equal(written.response?.count, data.length);
  const read = await open.read({ offset: 0, length: data.length });
  assert.equal(Buffer.compare(read.response!.data, data), 0);
  const closed = await open.close();
  assert.equal(closed.status, STATUS_SUCCESS);
  return read;
}

function fileTests(connect: Connect): void {
  describe('SmbClient on files and folders', () => {
    let client: SmbClient;
    const folder = uniqueName('files');
    before(async () => {
      client = await connect();
      await client.mkdir(folder);
    });
    after(async () => {
      await client.rmdir(folder);
      await client.close();
    });

    it('writes text as UTF-8 and tells its size and times', async () => {
      const path = `${folder}/text`;
      await client.writeFile(path, 'grüße');
      const stat = await client.stat(path);
      assert.equal(stat.name, 'text');
      assert.equal(stat.size, 7);
      assert.equal(stat.isDirectory, false);
      assert.ok(Math.abs(stat.modifiedMs - Date.now()) < 3_600_000);
      await client.delete(path);
    });

    it('reads a part of a file', async () => {
      const path = `${folder}/part`;
      const data = randomBytes(300_000);
      await client.writeFile(path, data);
      const parts = [
        [0, 10],
        [65_530, 65_546],
        [100_000, 300_000],
        [299_999, 400_000],
        [300_000, 300_001],
      ] as const;
      for (const [start, end] of parts) {
        const part = await client.readFile(path, { start, end });
        assert.equal(Buffer.compare(part, data.subarray(start, end)), 0, `${start} to ${end}`);
      }
      await client.delete(path);
    });

    it('writes into an existing file where it is told to keep it', async () => {
      const path = `${folder}/kept`;
      await client.writeFile(path, 'abcdef');
      await client.writeFile(path, 'XY', { mode: 'keep', start: 2 });
      assert.equal(String(Buffer.from(await client.readFile(path))), 'abXYef');
      await assert.rejects(
        client.writeFile(path, '', { mode: 'create' }),
        refusedWith(STATUS_OBJECT_NAME_COLLISION),
      );
      await client.delete(path);
    });

    it('renames, and replaces only when asked', async () => {
      await client.writeFile(`${folder}/a`, 'a');
      await client.writeFile(`${folder}/b`, 'b');
      await assert.rejects(
        client.rename(`${folder}/a`, `${folder}/b`),
        refusedWith(STATUS_OBJECT_NAME_COLLISION),
      );
      await client.rename(`${folder}/a`, `${folder}/b`, { replace: true });
      assert.equal(String(Buffer.from(await client.readFile(`${folder}/b`))), 'a');
      await assert.rejects(client.stat(`${folder}/a`), refusedWith(STATUS_OBJECT_NAME_NOT_FOUND));
      await client.delete(`${folder}/b`);
    });

    it('makes folders above the one asked for', async () => {
      await client.mkdir(`${folder}/one/two/three`, { recursive: true });
      assert.equal((await client.stat(`${folder}\\one\\two\\three`)).isDirectory, true);
      await assert.rejects(client.rmdir(`${folder}/one`), refusedWith(STATUS_DIRECTORY_NOT_EMPTY));
      for (const path of ['one/two/three', 'one/two', 'one']) {
        await client.rmdir(`${folder}/${path}`);
      }
    });

    it('refuses to delete a folder as a file and a file as a folder', async () => {
      await client.mkdir(`${folder}/d`);
      await client.writeFile(`${folder}/f`, '');
      const notAFile = refusedWith(STATUS_FILE_IS_A_DIRECTORY);
      await assert.rejects(client.delete(`${folder}/d`), notAFile);
      await assert.rejects(client.rmdir(`${folder}/f`), refusedWith(STATUS_NOT_A_DIRECTORY));
      await client.rmdir(`${folder}/d`);
      await client.delete(`${folder}/f`);
    });

    it('works on a hundred files at once', async () => {
      const indexes = Array.from({ length: 100 }, (_, i) => i);
      const contents = indexes.map((i) => randomBytes(i * 1_000));
      const path = (i: number): string => `${folder}/many-${i}`;
      await Promise.all(indexes.map((i) => client.writeFile(path(i), contents[i]!)));
      const back = await Promise.all(indexes.map((i) => client.readFile(path(i))));
      for (const i of indexes) assert.equal(Buffer.compare(back[i]!, contents[i]!), 0);
      await Promise.all(indexes.map((i) => client.delete(path(i))));
    });

    it('lists the shares of the server', async () => {
      const shares = await client.shares();
      assert.ok(shares.some(({ kind, isSpecial }) => kind === 'pipe' && isSpecial));
      assert.ok(shares.some(({ kind, isSpecial }) => kind === 'disk' && !isSpecial));
    });
  });
}

function listTests(connect: Connect): void {
  describe('SmbClient.list', () => {
    const COUNT = 1_500;
    let client: SmbClient;
    const folder = uniqueName('list');
    const name = (i: number): string => `a file with a rather long name, number ${i}.txt`;
    before(async () => {
      client = await connect();
      await client.mkdir(folder);
      const indexes = Array.from({ length: COUNT }, (_, i) => i);
      await Promise.all(indexes.map((i) => client.writeFile(`${folder}/${name(i)}`, 'x')));
    });
    after(async () => {
      const all: Promise<void>[] = [];
      for (let i = 0; i < COUNT; i++) all.push(client.delete(`${folder}/${name(i)}`));
      await Promise.all(all);
      await client.rmdir(folder);
      await client.close();
    });

    it('gives every entry once, over several answers', async () => {
      const names = new Set<string>();
      for await (const entry of client.list(folder)) {
        assert.equal(names.has(entry.name), false, entry.name);
        assert.equal(entry.size, 1);
        names.add(entry.name);
      }
      assert.equal(names.size, COUNT);
    });

    it('gives those that match a pattern', async () => {
      const names: string[] = [];
      for await (const entry of client.list(folder, { pattern: '*number 12.*' })) {
        names.push(entry.name);
      }
      assert.deepEqual(names, [name(12)]);
    });

    it('gives nothing when nothing matches', async () => {
      for await (const entry of client.list(folder, { pattern: 'nothing*' })) {
        assert.fail(entry.name);
      }
    });

    it('may be left early', async () => {
      for await (const entry of client.list(folder)) {
        assert.ok(entry.name.length > 0);
        break;
      }
      assert.equal((await client.stat(folder)).isDirectory, true);
    });
  });
}

function streamTests(connect: Connect): void {
  describe('SmbClient streams', () => {
    let client: SmbClient;
    const path = uniqueName('stream');
    const data = randomBytes(STREAM_SIZE);
    before(async () => {
      client = await connect();
    });
    after(async () => {
      await client.delete(path);
      await client.close();
    });

    it('write what is piped into them, in chunks of any size', async () => {
      const chunks: Buffer[] = [];
      for (let at = 0, size = 1; at < data.length; at += size, size = (size * 7) % 2_000_003) {
        chunks.push(data.subarray(at, at + size));
      }
      await pipeline(Readable.from(chunks), client.createWriteStream(path));
      assert.equal((await client.stat(path)).size, data.length);
    });

    it('read it all', async () => {
      const back = await buffer(client.createReadStream(path));
      assert.equal(Buffer.compare(back, data), 0);
    });

    it('read a range', async () => {
      const [start, end] = [1_000_001, 5_000_003];
      const back = await buffer(client.createReadStream(path, { start, end }));
      assert.equal(Buffer.compare(back, data.subarray(start, end)), 0);
    });

    it('close the file when they are destroyed early', async () => {
      const stream = client.createReadStream(path);
      for await (const chunk of stream) {
        assert.ok((chunk as Buffer).length > 0);
        break;
      }
      await client.rename(path, `${path}-2`);
      await client.rename(`${path}-2`, path);
    });

    it('emit the refusal of the open', async () => {
      const missing = buffer(client.createReadStream(`${path}-missing`));
      await assert.rejects(missing, refusedWith(STATUS_OBJECT_NAME_NOT_FOUND));
      const misplaced = pipeline(
        Readable.from([data]),
        client.createWriteStream(`${path}-missing/file`),
      );
      await assert.rejects(misplaced, refusedWith(STATUS_OBJECT_PATH_NOT_FOUND));
    });
  });
}

function errorTests(connect: Connect): void {
  describe('SmbClient.connect', () => {
    it('rejects with STATUS_LOGON_FAILURE when the password is wrong', async () => {
      await assert.rejects(connect({ password: 'wrong' }), refusedWith(STATUS_LOGON_FAILURE));
    });

    it('rejects with STATUS_BAD_NETWORK_NAME when there is no such share', async () => {
      const share = uniqueName('none');
      await assert.rejects(connect({ share }), refusedWith(STATUS_BAD_NETWORK_NAME));
    });

    it('rejects with ECONNREFUSED when nobody listens', async () => {
      await assert.rejects(connect({ port: 1 }), { code: 'ECONNREFUSED' });
    });

    it('names path and status in its errors', async () => {
      const client = await connect();
      await assert.rejects(client.stat('not/there'), (error: SmbError) => {
        assert.equal(error.name, 'STATUS_OBJECT_PATH_NOT_FOUND');
        assert.equal(error.path, 'not/there');
        assert.equal(error.code, 'ENOENT');
        const why = 'its folder does not exist';
        return error.message === `STATUS_OBJECT_PATH_NOT_FOUND: not/there: ${why}`;
      });
      await client.close();
    });

    it('leaves calls with STATUS_CONNECTION_DISCONNECTED once it is closed', async () => {
      const client = await connect();
      await client.close();
      const gone = refusedWith(STATUS_CONNECTION_DISCONNECTED);
      await assert.rejects(client.readFile('x'), gone);
    });
  });
}

function lowLevelTests(getTarget: () => Target): void {
  describe('[MS-SMB2] 3.2.4.1.4 Sending Compounded Requests', () => {
    it('creates, writes, reads and closes a file in one related compound', async () => {
      const { connection, tree } = await logOnAt(getTarget());
      const data = Buffer.from('compound');
      const calls = tree.compound(
        [
          createRequest({
            name: uniqueName('compound'),
            desiredAccess: FILE_ALL_ACCESS,
            createDisposition: FILE_OPEN_IF,
            createOptions: FILE_DELETE_ON_CLOSE,
          }),
          writeRequest({ fileId: RELATED_FILE_ID, offset: 0, data }),
          readRequest({ fileId: RELATED_FILE_ID, offset: 0, length: 100 }),
          closeRequest({ flags: 0, fileId: RELATED_FILE_ID }),
        ],
        { related: true },
      );
      const statuses = [];
      for (const call of calls) statuses.push((await call).status);
      assert.deepEqual(statuses, [0, 0, 0, 0]);
      assert.equal(Buffer.compare((await calls[2]).response!.data, data), 0);
      connection.close();
    });

    it('takes the answers of an unrelated compound, signed and encrypted', async () => {
      for (const protection of ['signing', 'encryption']) {
        const options = { [protection]: 'required' };
        const { connection, tree } = await logOnAt(getTarget(), options);
        const open = (name: string): ReturnType<typeof createRequest> =>
          createRequest({ name, desiredAccess: 0x80, shareAccess: 7, createDisposition: 1 });
        const calls = tree.compound([open(''), open(uniqueName('none')), open('')]);
        const statuses = [];
        for (const call of calls) statuses.push((await call).status);
        assert.deepEqual(statuses, [0, STATUS_OBJECT_NAME_NOT_FOUND, 0]);
        connection.close();
      }
    });
  });

  describe('[MS-SMB2] 3.2.4.24 Application Requests Canceling an Operation', () => {
    for (const protection of ['none', 'signing', 'encryption']) {
      it(`cancels a CHANGE_NOTIFY that waits; protection: ${protection}`, async () => {
        const options = protection === 'none' ? {} : { [protection]: 'required' };
        const { connection, tree } = await logOnAt(getTarget(), options);
        const folder = await opened(tree, {
          name: '',
          desiredAccess: FILE_LIST_DIRECTORY,
          shareAccess: 7,
          createDisposition: FILE_OPEN,
          createOptions: FILE_DIRECTORY_FILE,
        });
        const call = folder.notify({ completionFilter: NOTIFY_NAMES });
        const interim = await call.interim;
        assert.ok(interim !== undefined && interim.asyncId !== 0n);
        call.cancel();
        assert.equal((await call).status, STATUS_CANCELLED);
        connection.close();
      });
    }
  });

  describe('[MS-SMB2] 3.2.4.2.3.1 Application Requests Reauthenticating a User', () => {
    it('goes on with the same keys', async () => {
      const { connection, session, tree } = await logOnAt(getTarget(), { signing: 'required' });
      const { status } = await session.reauthenticate(initiatorFor(getTarget()));
      assert.equal(status, STATUS_SUCCESS);
      await scratch(tree, uniqueName('reauthenticated'));
      connection.close();
    });
  });

  describe('[MS-SMB2] 3.2.4.1.2 Requesting Credits from the Server', () => {
    it('queues what it has no credits for', async () => {
      const connection = { creditsTarget: 4 };
      const { connection: opened, session } = await logOnAt(getTarget(), { connection });
      const calls = Array.from({ length: 300 }, () => opened.echo({ channel: session.channel }));
      for (const call of calls) assert.equal((await call).status, STATUS_SUCCESS);
      opened.close();
    });
  });
}

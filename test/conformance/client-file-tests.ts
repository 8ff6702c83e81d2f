/** `SmbClient.open` against a real server. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, it } from 'node:test';
import {
  STATUS_CANCELLED,
  STATUS_FILE_CLOSED,
  STATUS_LOCK_NOT_GRANTED,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_RANGE_NOT_LOCKED,
  STATUS_SHARING_VIOLATION,
} from '../../src/erref/ntstatus.ts';
import type { ConnectOptions, DialectName } from '../../src/smb2/client/connect-options.ts';
import { type SmbClient, SmbError, type SmbFile } from '../../src/smb2/client/smb-client.ts';
import { uniqueName } from './peer.ts';

type Connect = (options?: Partial<ConnectOptions>) => Promise<SmbClient>;

const DIALECTS: readonly DialectName[] = ['2.0.2', '2.1', '3.0', '3.0.2', '3.1.1'];
const RANGE = { offset: 100, length: 50 };

function refusedWith(status: number): (error: unknown) => boolean {
  return (error) => error instanceof SmbError && error.status === status;
}

export function clientFileTests(connect: Connect): void {
  describe('SmbClient.open', () => {
    let client: SmbClient;
    const path = uniqueName('open');
    before(async () => {
      client = await connect();
    });
    after(async () => {
      await client.delete(path);
      await client.close();
    });
    const open = (options: Parameters<SmbClient['open']>[1] = {}): Promise<SmbFile> =>
      client.open(path, { access: 'read-write', mode: 'keep', share: 'all', ...options });

    it('makes a file, or refuses to, as it is told', async () => {
      const absent = client.open(path, { access: 'read-write' });
      await assert.rejects(absent, refusedWith(STATUS_OBJECT_NAME_NOT_FOUND));
      const file = await open({ mode: 'create' });
      assert.equal(file.path, path);
      await file.write(0, 'abc');
      await file.close();
      const again = open({ mode: 'create' });
      await assert.rejects(again, refusedWith(STATUS_OBJECT_NAME_COLLISION));
      const emptied = await open({ mode: 'overwrite' });
      assert.equal((await emptied.stat()).size, 0);
      await emptied.close();
    });

    it('writes and reads anywhere in it, in pieces of any size', async () => {
      const file = await open();
      const data = randomBytes(3_000_001);
      await file.write(10, data);
      const back = await file.read(10, data.length);
      assert.equal(Buffer.compare(back, data), 0);
      assert.deepEqual(await file.read(0, 10), new Uint8Array(10));
      assert.equal((await file.read(data.length, 1_000)).length, 10);
      assert.equal((await file.read(data.length + 10, 5)).length, 0);
      await file.flush();
      await file.truncate(5);
      assert.equal((await file.stat()).size, 5);
      await file.close();
    });

    it('has streams, behind which it stays open', async () => {
      const file = await open({ mode: 'overwrite' });
      const data = randomBytes(500_000);
      await pipeline(Readable.from([data]), file.createWriteStream({ start: 7 }));
      const back = await buffer(file.createReadStream({ start: 7 }));
      assert.equal(Buffer.compare(back, data), 0);
      const part = await buffer(file.createReadStream({ start: 8, end: 10 }));
      assert.equal(Buffer.compare(part, data.subarray(1, 3)), 0);
      await file.close();
    });

    it('shares what it is told to', async () => {
      const file = await open({ share: 'none' });
      await assert.rejects(open(), refusedWith(STATUS_SHARING_VIOLATION));
      await file.close();
    });

    it('locks bytes, exclusively or shared, and waits for them or not', async () => {
      const [one, two] = [await open(), await open()];
      await one.lock(RANGE);
      const refused = refusedWith(STATUS_LOCK_NOT_GRANTED);
      await assert.rejects(two.lock({ ...RANGE, wait: false }), refused);
      const waiting = two.lock({ ...RANGE, shared: true });
      await one.unlock(RANGE);
      await waiting;
      await one.lock({ ...RANGE, shared: true, wait: false });
      await assert.rejects(
        one.unlock({ offset: 0, length: 1 }),
        refusedWith(STATUS_RANGE_NOT_LOCKED),
      );
      await two.close();
      await one.close();
    });

    it('gives up waiting for a lock when it is told to', async () => {
      const [one, two] = [await open(), await open()];
      await one.lock(RANGE);
      const controller = new AbortController();
      const waiting = two.lock({ ...RANGE, signal: controller.signal });
      controller.abort();
      await assert.rejects(waiting, refusedWith(STATUS_CANCELLED));
      await one.unlock(RANGE);
      await two.lock({ ...RANGE, wait: false });
      await two.close();
      await one.close();
    });

    it('fails with STATUS_FILE_CLOSED once it was closed', async () => {
      const file = await open();
      await file.close();
      await assert.rejects(file.read(0, 1), refusedWith(STATUS_FILE_CLOSED));
    });

    for (const dialect of DIALECTS) {
      it(`is durable over ${dialect} where the client wants to come back`, async () => {
        const returning = await connect({ dialects: [dialect], reconnect: true });
        const file = await returning.open(path, { access: 'read-write' });
        assert.equal(file.isDurable, dialect !== '2.0.2');
        await file.write(0, 'durable');
        const other = await open({ access: 'read' });
        assert.equal(String(Buffer.from(await other.read(0, 7))), 'durable');
        await other.close();
        await file.close();
        await returning.close();
      });
    }
  });

  describe('streams of SmbClient', () => {
    it('ask for no more than is read, and a little ahead', async () => {
      const client = await connect();
      const path = uniqueName('slow');
      await client.writeFile(path, new Uint8Array(40 * 1024 * 1024));
      const { connection } = client.session;
      const first = connection.nextMessageId;
      const stream = client.createReadStream(path);
      const chunks = stream[Symbol.asyncIterator]();
      await chunks.next();
      while (connection.requestsUnderWay > 0) await connection.echo();
      const asked = Number(connection.nextMessageId - first) * 65_536;
      assert.ok(asked < 16 * 1024 * 1024, `${asked} bytes were asked for`);
      stream.destroy();
      await client.delete(path);
      await client.close();
    });
  });
}

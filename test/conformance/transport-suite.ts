/** What every transport does: run over each backend. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { FileRange } from '../../src/base/io-buffer.ts';
import type {
  Connector,
  ListeningPort,
  Transport,
  TransportAcceptor,
  TransportListener,
} from '../../src/smb2/transport/transport.ts';

export interface TransportBackend {
  listen(accept: TransportAcceptor): Promise<ListeningPort>;
  readonly connect: (port: ListeningPort) => Connector;
}

/** One side of a connection, and what came to it. */
class End implements TransportListener {
  readonly messages: Uint8Array[] = [];
  reason: string | undefined;
  closings = 0;
  writables = 0;
  /** Called with each message. */
  onMessage: () => void = () => {};
  readonly #changed = new EventTarget();

  message(bytes: Uint8Array): boolean {
    this.messages.push(Uint8Array.from(bytes));
    this.onMessage();
    this.#changed.dispatchEvent(new Event('change'));
    return true;
  }

  writable(): void {
    this.writables++;
    this.#changed.dispatchEvent(new Event('change'));
  }

  closed(reason: string): void {
    this.reason = reason;
    this.closings++;
    this.#changed.dispatchEvent(new Event('change'));
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await once(this.#changed, 'change');
  }
}

export function transportSuite(title: string, backend: TransportBackend): void {
  describe(`${title}: messages`, () => {
    let port: ListeningPort;
    let client: Transport;
    let server: Transport;
    let there: End;
    let here: End;

    beforeEach(async () => {
      there = new End();
      here = new End();
      let accepted: Transport | undefined;
      port = await backend.listen((transport) => {
        accepted = transport;
        return there;
      });
      client = await backend.connect(port)(here);
      await turnUntil(() => accepted !== undefined);
      server = accepted!;
      server.setMessageSizeMax(client.sendSizeMax);
    });

    afterEach(async () => {
      client.close({ abort: true });
      server.close({ abort: true });
      await port.close();
    });

    it('knows who it is with', () => {
      assert.equal(client.remoteAddress, server.localAddress);
      assert.equal(server.remoteAddress, client.localAddress);
      assert.ok(client.headroom <= 64);
    });

    it('arrive whole, in order, in both directions', async () => {
      const sizes = [1, 63, 64, 1364, 1365, 5, 65_535, 65_536, 65_537, 300_000, 2];
      const sent = sizes.map((size) => randomBytes(size));
      for (const bytes of sent) {
        send(client, bytes);
        send(server, bytes);
      }
      for (const end of [here, there]) {
        await end.until(() => end.messages.length === sent.length);
        for (const [i, bytes] of sent.entries()) {
          assert.equal(Buffer.compare(end.messages[i]!, bytes), 0, `message ${i}`);
        }
      }
    });

    it('are made of any number of chunks', async () => {
      const parts = [randomBytes(10), randomBytes(70_000), randomBytes(1), randomBytes(200_000)];
      const first = new Uint8Array(client.headroom + parts[0]!.length);
      first.set(parts[0]!, client.headroom);
      client.send([first, ...parts.slice(1).map((part) => Uint8Array.from(part))]);
      await there.until(() => there.messages.length === 1);
      assert.equal(Buffer.compare(there.messages[0]!, Buffer.concat(parts)), 0);
    });

    it('arrive up to the largest that the peer takes', async () => {
      const bytes = randomBytes(client.sendSizeMax);
      send(client, bytes);
      await there.until(() => there.messages.length === 1);
      assert.equal(Buffer.compare(there.messages[0]!, bytes), 0);
    });

    it('wait while their receiver pauses, and the sender knows of it', async () => {
      server.pause();
      const bytes = randomBytes(900_000);
      const count = 40;
      for (let i = 0; i < count; i++) send(client, bytes);
      assert.ok(client.queuedBytes > 0, 'no transport has room for all of that');
      assert.ok(client.unconfirmedBytes() > 0);
      assert.ok(client.sentBytes >= count * bytes.length);
      await turns(20);
      assert.equal(there.messages.length, 0);
      server.resume();
      await there.until(() => there.messages.length === count);
      await here.until(() => here.writables > 0);
      assert.equal(client.queuedBytes, 0);
    });

    it('of one receive wait as well when the first makes the owner pause', async () => {
      there.onMessage = () => server.pause();
      for (let i = 0; i < 3; i++) send(client, Uint8Array.of(i));
      await there.until(() => there.messages.length > 0);
      await turns(20);
      assert.equal(there.messages.length, 1);
      for (const count of [2, 3]) {
        server.resume();
        await there.until(() => there.messages.length === count);
      }
      assert.deepEqual(
        there.messages,
        [0, 1, 2].map((i) => Uint8Array.of(i)),
      );
    });

    it('that are queued still arrive when the sender closes', async () => {
      const bytes = randomBytes(900_000);
      for (let i = 0; i < 5; i++) send(client, bytes);
      client.close({ abort: false });
      await there.until(() => there.closings > 0);
      assert.equal(there.messages.length, 5);
      await here.until(() => here.closings > 0);
      assert.deepEqual([here.closings, there.closings], [1, 1]);
    });

    it('that are queued are dropped when the sender aborts', async () => {
      server.pause();
      for (let i = 0; i < 40; i++) send(client, randomBytes(900_000));
      client.close({ abort: true });
      await here.until(() => here.closings > 0);
      server.resume();
      await there.until(() => there.closings > 0);
      assert.ok(there.messages.length < 40);
      assert.deepEqual([here.closings, there.closings], [1, 1]);
    });

    for (const [what, isBusy] of [
      ['an idle connection', false],
      ['a busy one', true],
    ] as const) {
      it(`may end with a range of a file, on ${what}`, async (t) => {
        if (client.sendsFiles !== true) return t.skip('this transport sends no files');
        const file = new TestFile(2_000_000);
        const sent: Uint8Array[] = [];
        if (isBusy) {
          server.pause();
          for (let i = 0; i < 10; i++) sent.push(randomBytes(900_000));
          for (const bytes of sent) send(client, bytes);
        }
        for (const [offset, length] of RANGES) {
          const head = randomBytes(100);
          sent.push(Buffer.concat([head, file.bytes.subarray(offset, offset + length)]));
          send(client, head, file.range(offset, length));
          const small = randomBytes(10);
          sent.push(small);
          send(client, small);
        }
        file.close();
        assert.equal(client.sentBytes >= sent.reduce((sum, one) => sum + one.length, 0), true);
        if (isBusy) server.resume();
        await there.until(() => there.messages.length === sent.length);
        for (const [i, bytes] of sent.entries()) {
          assert.equal(Buffer.compare(there.messages[i]!, bytes), 0, `message ${i}`);
        }
      });
    }

    it('of a file that was cut meanwhile are as long as they were to be', async (t) => {
      if (client.sendsFiles !== true) return t.skip('this transport sends no files');
      const file = new TestFile(200_000);
      const range = file.range(0, 200_000);
      file.cut(150_000);
      send(client, Uint8Array.of(1), range);
      file.close();
      await there.until(() => there.messages.length === 1);
      const message = there.messages[0]!;
      assert.equal(message.length, 200_001);
      assert.equal(
        Buffer.compare(message.subarray(1, 150_001), file.bytes.subarray(0, 150_000)),
        0,
      );
      assert.ok(message.subarray(150_001).every((byte) => byte === 0));
    });

    it('over the limit end the connection, which was told of once', async () => {
      server.setMessageSizeMax(1000);
      send(client, new Uint8Array(1000));
      send(client, new Uint8Array(1001));
      await there.until(() => there.closings > 0);
      await here.until(() => here.closings > 0);
      assert.equal(there.messages.length, 1);
      assert.deepEqual([here.closings, there.closings], [1, 1]);
    });

    it('that are sent after the end go nowhere', async () => {
      server.close({ abort: true });
      await here.until(() => here.closings > 0);
      send(client, Uint8Array.of(1));
      send(server, Uint8Array.of(1));
      client.close({ abort: false });
      await turns(5);
      assert.deepEqual([here.closings, here.messages.length, there.messages.length], [1, 0, 0]);
    });
  });

  describe(`${title}: listening`, () => {
    it('ends for new connections, and leaves those that stand', async () => {
      const there = new End();
      let server: Transport | undefined;
      const port = await backend.listen((transport) => {
        server = transport;
        return there;
      });
      const connect = backend.connect(port);
      const client = await connect(new End());
      await turnUntil(() => server !== undefined);
      const closing = port.close();
      await assert.rejects(connect(new End()), { code: 'ECONNREFUSED' });
      send(client, Uint8Array.of(7));
      await there.until(() => there.messages.length === 1);
      client.close({ abort: false });
      await closing;
    });
  });
}

function send(transport: Transport, bytes: Uint8Array, file?: FileRange): void {
  const chunk = new Uint8Array(transport.headroom + bytes.length);
  chunk.set(bytes, transport.headroom);
  transport.send([chunk], file && { file });
}

const RANGES = [
  [0, 1],
  [4096, 65_536],
  [1, 900_000],
  [1_999_000, 1000],
  [0, 1_000_000],
] as const;

/** Random bytes on the disk, whose name is gone already. */
class TestFile {
  readonly bytes: Uint8Array;
  readonly #fd: number;

  constructor(size: number) {
    this.bytes = randomBytes(size);
    const folder = mkdtempSync(join(tmpdir(), 'semba-range-'));
    const path = join(folder, 'file');
    writeFileSync(path, this.bytes);
    this.#fd = openSync(path, 'r+');
    rmSync(folder, { recursive: true });
  }

  range(offset: number, length: number): FileRange {
    const fd = this.#fd;
    const read = (target: Uint8Array, at: number) =>
      readSync(fd, target, 0, target.length, offset + at);
    return { fd, offset, length, read };
  }

  cut(size: number): void {
    ftruncateSync(this.#fd, size);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function turnUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await turns(1);
}

/** The protocol over RDMA: messages come in fragments, and data goes beside them. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { DEFAULT_LIMITS } from '../../src/base/limits.ts';
import { FILE_ALL_ACCESS } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_BUFFER_OVERFLOW,
  STATUS_END_OF_FILE,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
} from '../../src/erref/ntstatus.ts';
import { FILE_DELETE_ON_CLOSE, FILE_OPEN_IF } from '../../src/fscc/create-parameters.ts';
import type { TransportConnect } from '../../src/smb2/client/connect-options.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import { closeRequest } from '../../src/smb2/client/requests.ts';
import {
  readPlacedRequest,
  readRequest,
  writePlacedRequest,
  writeRequest,
} from '../../src/smb2/client/transfer-requests.ts';
import { encodeBufferDescriptors } from '../../src/smb2/transport/buffer-descriptor.ts';
import type { Registration } from '../../src/smb2/transport/rdma.ts';
import type { FileId } from '../../src/smb2/wire/file-id.ts';
import { clientSuite } from './client-suite.ts';
import { BIND } from './ioctl-tests.ts';
import { type LocalServer, type Storage, startServer } from './local-server.ts';
import {
  LoopbackNetwork,
  type LoopbackOptions,
  type LoopbackTransport,
} from './loopback-transport.ts';
import {
  closeConnections,
  expectDisconnect,
  expectStatus,
  type LogOnOptions,
  logOnAt,
  opened,
  type Target,
  uniqueName,
} from './peer.ts';
import { protocolSuite } from './protocol-suite.ts';

const V1 = 1;
const V1_INVALIDATE = 2;
const TRANSFORM = 3;
const SIZE = 300_000;

/** A server that is reached over one network in memory. */
class Fabric {
  readonly network: LoopbackNetwork;
  readonly #storage: Storage;
  #server!: LocalServer;
  /** The client's end of the connection that was made last. */
  transport!: LoopbackTransport;

  constructor(storage: Storage, options: LoopbackOptions = {}) {
    this.#storage = storage;
    this.network = new LoopbackNetwork(options);
  }

  async start(): Promise<void> {
    this.#server = await startServer(this.#storage);
    this.network.listen(await this.#server.server.acceptor());
  }

  async stop(): Promise<void> {
    closeConnections();
    await this.#server.stop();
  }

  get target(): Target {
    const { target } = this.#server;
    const transport: TransportConnect = async ({ port }, listener) => {
      const network = port === target.port ? this.network : new LoopbackNetwork();
      this.transport = await network.connect(listener);
      return this.transport;
    };
    return { ...target, transport };
  }

  async file(options: LogOnOptions = {}): Promise<ClientOpen> {
    const { tree } = await logOnAt(this.target, options);
    return opened(tree, {
      name: uniqueName('rdma'),
      desiredAccess: FILE_ALL_ACCESS,
      createDisposition: FILE_OPEN_IF,
      createOptions: FILE_DELETE_ON_CLOSE,
    });
  }
}

describe('over RDMA', () => {
  const fabric = new Fabric('local');
  before(() => fabric.start());
  after(async () => {
    await fabric.stop();
    const { bytesRead, bytesWritten, invalidations, registrations } = fabric.network.counts;
    assert.ok(bytesRead > 10_000_000 && bytesWritten > 10_000_000, 'data went by RDMA');
    assert.ok(registrations > 100 && invalidations > 100, 'memory was registered, and ended');
  });
  clientSuite('client', () => fabric.target);
  protocolSuite('protocol', () => fabric.target);
});

describe('over RDMA with one credit and small fragments', () => {
  const fabric = new Fabric('memory', { fragmentSize: 128, credits: 1, registrationSizeMax: 4096 });
  before(() => fabric.start());
  after(() => fabric.stop());

  for (const protection of ['none', 'signing', 'encryption'] as const) {
    it(`writes and reads back what it wrote; protection: ${protection}`, async () => {
      const file = await fabric.file(protection === 'none' ? {} : { [protection]: 'required' });
      const data = randomBytes(SIZE);
      const before = { ...fabric.network.counts };
      const wrote = await file.write({ offset: 7, data });
      assert.equal(wrote.response?.count, SIZE);
      const read = await file.read({ offset: 7, length: SIZE + 1 });
      assert.equal(Buffer.compare(read.response!.data, data), 0);
      const { bytesRead, bytesWritten } = fabric.network.counts;
      const beside = protection === 'none' ? SIZE : 0;
      assert.deepEqual(
        [bytesRead - before.bytesRead, bytesWritten - before.bytesWritten],
        [beside, beside],
      );
      assert.equal(fabric.transport.registered.size, 0);
    });
  }
});

describe('[MS-SMB2] 3.3.5.12 Receiving an SMB2 READ Request, over RDMA', () => {
  const fabric = new Fabric('memory');
  before(() => fabric.start());
  after(() => fabric.stop());

  /** A file of bytes 0, 1, 2 …, and memory that the server may fill. */
  async function rig(length: number, options: LogOnOptions = {}) {
    const file = await fabric.file(options);
    const data = Uint8Array.from({ length: 10_000 }, (_, i) => i);
    await file.write({ offset: 0, data });
    const memory = new Uint8Array(length);
    return { file, memory, registration: fabric.transport.rdma.register(memory, 'peer-writes')! };
  }

  function placed(fileId: FileId, memory: Uint8Array, { descriptors }: Registration, channel = V1) {
    const channelInfo = encodeBufferDescriptors(descriptors);
    const parameters = { fileId, offset: 0, length: memory.length };
    return readPlacedRequest(parameters, { channel, channelInfo, memory });
  }

  it('puts data into the peer memory, and tells how much in DataRemaining', async () => {
    const { file, memory, registration } = await rig(5000);
    const reply = await file.tree.call(placed(file.fileId, memory, registration));
    expectStatus(reply, STATUS_SUCCESS);
    assert.equal(reply.response?.dataRemaining, 5000);
    assert.deepEqual(memory.subarray(4998), Uint8Array.of(4998, 4999));
    // 2.2.20: Buffer is what DataOffset tells, and DataLength is 0.
    assert.deepEqual([...reply.message.subarray(66, 72)], [80, 0, 0, 0, 0, 0]);
    assert.equal(fabric.transport.registered.size, 1, 'V1 leaves the registration to the client');
    registration.deregister();
  });

  it('fills no more of the memory than the file has', async () => {
    const { file, memory, registration } = await rig(20_000);
    const reply = await file.tree.call(placed(file.fileId, memory, registration));
    assert.equal(reply.response?.data.length, 10_000);
    assert.ok(memory.subarray(10_000).every((byte) => byte === 0));
    registration.deregister();
  });

  it('ends the first token of V1_INVALIDATE with the response', async () => {
    const { file, memory, registration } = await rig(200_000);
    const request = placed(file.fileId, memory, registration, V1_INVALIDATE);
    expectStatus(await file.tree.call(request), STATUS_SUCCESS);
    const [first, second] = registration.descriptors;
    assert.equal(fabric.transport.registered.has(first!.token), false);
    assert.equal(fabric.transport.registered.has(second!.token), true);
    registration.deregister();
  });

  it('ends it with an error response, too', async () => {
    const { file, memory, registration } = await rig(5000);
    const parameters = { fileId: file.fileId, offset: 1_000_000, length: 5000 };
    const channelInfo = encodeBufferDescriptors(registration.descriptors);
    const beyond = readPlacedRequest(parameters, { channel: V1_INVALIDATE, channelInfo, memory });
    expectStatus(await file.tree.call(beyond), STATUS_END_OF_FILE);
    assert.equal(fabric.transport.registered.size, 0);

    const again = fabric.transport.rdma.register(memory, 'peer-writes')!;
    await file.close();
    const closed = placed(file.fileId, memory, again, V1_INVALIDATE);
    expectStatus(await file.tree.call(closed), STATUS_FILE_CLOSED);
    assert.equal(fabric.transport.registered.size, 0);
  });

  it('ends the tokens of both READs of a compound', async () => {
    const { file, memory, registration } = await rig(5000);
    const memory2 = new Uint8Array(5000);
    const registration2 = fabric.transport.rdma.register(memory2, 'peer-writes')!;
    const calls = file.tree.compound([
      placed(file.fileId, memory, registration, V1_INVALIDATE),
      placed(file.fileId, memory2, registration2, V1_INVALIDATE),
      closeRequest({ flags: 0, fileId: file.fileId }),
    ]);
    for (const call of calls) expectStatus(await call, STATUS_SUCCESS);
    assert.deepEqual(memory2, memory);
    assert.equal(fabric.transport.registered.size, 0);
  });

  for (const [what, change] of [
    ['no descriptors', { channelInfo: new Uint8Array(0) }],
    ['half a descriptor', { channelInfo: new Uint8Array(24) }],
    ['descriptors of less memory than the data', { length: 5001 }],
    ['Length 0', { length: 0 }],
    ['SMB2_CHANNEL_RDMA_TRANSFORM', { channel: TRANSFORM }],
    ['more than MaxReadSize', { length: 8 * 1024 * 1024 + 1 }],
  ] as const) {
    it(`fails with STATUS_INVALID_PARAMETER for ${what}`, async () => {
      const { file, registration } = await rig(5000);
      const channelInfo = encodeBufferDescriptors(registration.descriptors);
      const parameters = { fileId: file.fileId, offset: 0, length: 5000, channel: V1, channelInfo };
      const reply = await file.tree.call(readRequest({ ...parameters, ...change }));
      expectStatus(reply, STATUS_INVALID_PARAMETER);
      registration.deregister();
    });
  }

  it('fails with STATUS_INVALID_PARAMETER for V1_INVALIDATE in 3.0, and takes V1', async () => {
    const { file, memory, registration } = await rig(5000, { dialects: [0x0300] });
    const invalidating = placed(file.fileId, memory, registration, V1_INVALIDATE);
    expectStatus(await file.tree.call(invalidating), STATUS_INVALID_PARAMETER);
    const plain = placed(file.fileId, memory, registration, V1);
    expectStatus(await file.tree.call(plain), STATUS_SUCCESS);
    registration.deregister();
  });

  it('looks at no channel in 2.1', async () => {
    const { file } = await rig(5000, { dialects: [0x0210] });
    const parameters = { fileId: file.fileId, offset: 0, length: 5000, channel: V1 };
    const reply = await file.tree.call(readRequest(parameters));
    assert.equal(reply.response?.data.length, 5000);
  });

  for (const protection of ['sign', 'encrypt'] as const) {
    it(`refuses to send beside a message what that should ${protection}`, async () => {
      const { file, memory, registration } = await rig(5000);
      const request = placed(file.fileId, memory, registration);
      const reply = await file.tree.call(request, { [protection]: true });
      expectStatus(reply, STATUS_INVALID_PARAMETER);
      assert.ok(memory.every((byte) => byte === 0));
      registration.deregister();
    });
  }

  it('loses the connection over memory that is not registered for it', async () => {
    const { file, memory } = await rig(5000);
    const wrong = fabric.transport.rdma.register(memory, 'peer-reads')!;
    void file.tree.call(placed(file.fileId, memory, wrong));
    await expectDisconnect(file.tree.session.connection);
    assert.ok(memory.every((byte) => byte === 0));
  });
});

describe('[MS-SMB2] 3.3.5.13 Receiving an SMB2 WRITE Request, over RDMA', () => {
  const fabric = new Fabric('memory');
  before(() => fabric.start());
  after(() => fabric.stop());

  async function rig(options: LogOnOptions = {}) {
    const file = await fabric.file(options);
    const memory = randomBytes(5000);
    const registration = fabric.transport.rdma.register(memory, 'peer-reads')!;
    const channelInfo = encodeBufferDescriptors(registration.descriptors);
    return { file, memory, registration, channelInfo };
  }

  for (const channel of [V1, V1_INVALIDATE]) {
    it(`takes data out of the peer memory, over channel ${channel}`, async () => {
      const { file, memory, registration, channelInfo } = await rig();
      const placed = { channel, channelInfo, memory };
      const request = writePlacedRequest({ fileId: file.fileId, offset: 3 }, placed);
      const reply = await file.tree.call(request);
      assert.equal(reply.response?.count, 5000);
      const back = await file.read({ offset: 3, length: 5000 });
      assert.equal(Buffer.compare(back.response!.data, memory), 0);
      assert.equal(fabric.transport.registered.size, channel === V1 ? 1 : 0);
      registration.deregister();
    });
  }

  for (const [what, at, value, size] of [
    ['Length is not 0', 4, 1, 4],
    ['DataOffset is not 0', 2, 112, 2],
    ['RemainingBytes is 0', 36, 0, 4],
    ['RemainingBytes is more than the memory', 36, 5001, 4],
    ['WriteChannelInfoOffset is 0', 40, 0, 2],
    ['WriteChannelInfoLength is 0', 42, 0, 2],
    ['WriteChannelInfoLength is more than the message', 42, 32, 2],
    ['Channel is SMB2_CHANNEL_RDMA_TRANSFORM', 32, TRANSFORM, 4],
  ] as const) {
    it(`fails with STATUS_INVALID_PARAMETER when ${what}`, async () => {
      const { file, memory, registration, channelInfo } = await rig();
      const placed = { channel: V1, channelInfo, memory };
      const request = writePlacedRequest({ fileId: file.fileId, offset: 0 }, placed);
      const encode: typeof request.encode = (view, body) => {
        const end = request.encode(view, body);
        if (size === 2) view.setUint16(body + at, value, true);
        else view.setUint32(body + at, value, true);
        return end;
      };
      const reply = await file.tree.call({ ...request, encode });
      expectStatus(reply, STATUS_INVALID_PARAMETER);
      registration.deregister();
    });
  }

  it('fails with STATUS_INVALID_PARAMETER for data in the message behind 0x100', async () => {
    const { file, registration } = await rig();
    const write = writeRequest({ fileId: file.fileId, offset: 0, data: new Uint8Array(300) });
    const encode: typeof write.encode = (view, body) => {
      const end = write.encode(view, body);
      view.setUint16(body + 2, 0x101, true);
      view.setUint32(body + 4, 1, true);
      return end;
    };
    expectStatus(await file.tree.call({ ...write, encode }), STATUS_INVALID_PARAMETER);
    registration.deregister();
  });

  it('loses the connection over a token that nobody gave out', async () => {
    const { file, memory, registration, channelInfo } = await rig();
    registration.deregister();
    const placed = { channel: V1, channelInfo, memory };
    void file.tree.call(writePlacedRequest({ fileId: file.fileId, offset: 0 }, placed));
    await expectDisconnect(file.tree.session.connection);
  });

  it('takes no more requests than there may be memory for their data', async () => {
    let transfers = 0;
    const gates: (() => void)[] = [];
    const transferTime = () => {
      transfers++;
      return new Promise<void>((resolve) => gates.push(resolve));
    };
    const slow = new Fabric('memory', { transferTime, registrationSizeMax: 2_000_000 });
    await slow.start();
    const file = await slow.file();
    const data = randomBytes(900_000);
    const calls = Array.from({ length: 60 }, () => file.write({ offset: 0, data }));
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    for (let i = 0; i < 200; i++) await turn();
    const { sendQueueSize } = DEFAULT_LIMITS;
    assert.ok(transfers * data.length <= sendQueueSize + 2 * data.length, `${transfers} at once`);
    const open = setInterval(() => {
      for (const gate of gates.splice(0)) gate();
    });
    for (const call of calls) expectStatus(await call, STATUS_SUCCESS);
    clearInterval(open);
    assert.equal(transfers, calls.length);
    await slow.stop();
  });
});

describe('[MS-SMB2] 3.3.5.12 Receiving an SMB2 READ Request, from a pipe over RDMA', () => {
  const fabric = new Fabric('memory');
  before(() => fabric.start());
  after(() => fabric.stop());

  it('puts a message into the peer memory, in parts where it is longer', async () => {
    const { tree } = await logOnAt(fabric.target, { share: 'IPC$' });
    const pipe = await opened(tree, { name: 'srvsvc', desiredAccess: 3, createDisposition: 1 });
    const written = await pipe.write({ offset: 0, data: BIND });
    assert.equal(written.response?.count, BIND.length);
    let answer = new Uint8Array(0);
    for (const [status, length] of [
      [STATUS_BUFFER_OVERFLOW, 16],
      [STATUS_SUCCESS, 4280],
    ] as const) {
      const memory = new Uint8Array(length);
      const registration = fabric.transport.rdma.register(memory, 'peer-writes')!;
      const channelInfo = encodeBufferDescriptors(registration.descriptors);
      const parameters = { fileId: pipe.fileId, offset: 0, length };
      const request = readPlacedRequest(parameters, { channel: V1, channelInfo, memory });
      const bodyStatuses = [STATUS_BUFFER_OVERFLOW];
      const reply = await tree.call({ ...request, bodyStatuses });
      expectStatus(reply, status);
      answer = Uint8Array.from([...answer, ...reply.response!.data]);
      registration.deregister();
    }
    // [C706] 12.6.4.4 bind_ack: the type, and frag_length is all that came.
    assert.equal(answer[2], 12);
    assert.equal(Buffer.from(answer).readUInt16LE(8), answer.length);
  });
});

/**
 * What one message costs, in nanoseconds: the codecs alone, and the engine's whole way from a
 * received message to its reply, over a transport and a file system in memory.
 * `node dist/bench/codec.js`
 */
import assert from 'node:assert/strict';
import { createInitiator } from '../src/auth/authenticator.ts';
import { ntHash } from '../src/auth/ntlm/nt-hash.ts';
import { concat, LE, viewOf } from '../src/base/bytes.ts';
import { DEFAULT_LIMITS } from '../src/base/limits.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../src/dtyp/access-mask.ts';
import { makeNodeEnv } from '../src/env/node/node-env.ts';
import { makeNodeLog } from '../src/env/node/node-log.ts';
import { FILE_OPEN_IF, FILE_OPENED, FILE_SHARE_READ } from '../src/fscc/create-parameters.ts';
import { AccountStore } from '../src/server/account-store.ts';
import { addAccount } from '../src/server/accounts.ts';
import { makeEngine } from '../src/server/make-engine.ts';
import { mountShare } from '../src/server/mount-share.ts';
import { ClientConnection } from '../src/smb2/client/connection.ts';
import { ClientOpen } from '../src/smb2/client/open.ts';
import type { Request } from '../src/smb2/client/request.ts';
import { closeRequest, createRequest, echoRequest } from '../src/smb2/client/requests.ts';
import { ClientSession } from '../src/smb2/client/session.ts';
import { readRequest, writeRequest } from '../src/smb2/client/transfer-requests.ts';
import { ClientTree } from '../src/smb2/client/tree.ts';
import type { Smb2Server } from '../src/smb2/server/server.ts';
import { FRAME_SIZE_MAX } from '../src/smb2/transport/tcp/framing.ts';
import type { Transport, TransportListener } from '../src/smb2/transport/transport.ts';
import { encodeCloseResponse } from '../src/smb2/wire/close.ts';
import { SMB2_FLAGS_RELATED_OPERATIONS, SMB2_READ } from '../src/smb2/wire/constants.ts';
import { decodeCreateRequest, encodeCreateResponse } from '../src/smb2/wire/create.ts';
import { maximalAccessRequestContext } from '../src/smb2/wire/create-context-file.ts';
import { RELATED_FILE_ID } from '../src/smb2/wire/file-id.ts';
import {
  decodeHeader,
  encodeHeader,
  HEADER_SIZE,
  type Header,
  headerStatus,
  setMessageId,
} from '../src/smb2/wire/header.ts';
import { decodeReadRequest, encodeReadResponseHead } from '../src/smb2/wire/read.ts';
import { decodeWriteRequest, encodeWriteResponse } from '../src/smb2/wire/write.ts';
import { MemoryRecordStore } from '../src/state/memory/memory-record-store.ts';
import { MemoryVfs } from '../src/vfs/memory/memory-vfs.ts';

const CODEC_ROUNDS = 2_000_000;
const ENGINE_ROUNDS = 100_000;
const READ_SIZE = 4096;
const FILE_ID = { persistent: 7n, volatile: 0x0102_0304_0506_0708n };
const HEADER: Header = {
  creditCharge: 1,
  status: 0,
  command: SMB2_READ,
  credits: 1,
  flags: 0,
  nextCommand: 0,
  messageId: 5n,
  asyncId: 0n,
  treeId: 1,
  sessionId: 0x1234_5678_9abc_def0n,
};

function benchCodecs(): void {
  const view = new DataView(new ArrayBuffer(1024));
  encodeHeader(view, 0, HEADER);
  measure('header decode', CODEC_ROUNDS, () => decodeHeader(view, 0, HEADER_SIZE));
  measure('header encode', CODEC_ROUNDS, () => encodeHeader(view, 0, HEADER));

  const read = bodyOf(readRequest({ fileId: FILE_ID, offset: 0, length: READ_SIZE }));
  measure('READ request decode', CODEC_ROUNDS, () => decodeReadRequest(read, 0, read.byteLength));
  const data = new Uint8Array(READ_SIZE);
  const write = bodyOf(writeRequest({ fileId: FILE_ID, offset: 0, data }));
  measure('WRITE request decode', CODEC_ROUNDS, () =>
    decodeWriteRequest(write, 0, write.byteLength),
  );
  const plain = bodyOf(createRequest(CREATE));
  measure('CREATE request decode', CODEC_ROUNDS / 4, () =>
    decodeCreateRequest(plain, 0, plain.byteLength),
  );
  const rich = bodyOf(createRequest({ ...CREATE, contexts: [maximalAccessRequestContext()] }));
  measure('CREATE request decode, with MxAc', CODEC_ROUNDS / 4, () =>
    decodeCreateRequest(rich, 0, rich.byteLength),
  );

  measure('READ response encode', CODEC_ROUNDS, () => encodeReadResponseHead(view, 64, READ_SIZE));
  measure('WRITE response encode', CODEC_ROUNDS, () => encodeWriteResponse(view, 64, READ_SIZE));
  const times = { creationTime: 1n, lastAccessTime: 2n, lastWriteTime: 3n, changeTime: 4n };
  const sizes = { allocationSize: 4096, endOfFile: 4096, fileAttributes: 0x20 };
  const created = {
    oplockLevel: 0,
    flags: 0,
    createAction: FILE_OPENED,
    ...times,
    ...sizes,
    fileId: FILE_ID,
    contexts: [],
  };
  measure('CREATE response encode', CODEC_ROUNDS, () => encodeCreateResponse(view, 64, created));
  const closed = { flags: 1, ...times, ...sizes };
  measure('CLOSE response encode', CODEC_ROUNDS, () => encodeCloseResponse(view, 64, closed));
}

const CREATE = {
  name: 'folder\\some file.txt',
  desiredAccess: FILE_GENERIC_READ,
  createDisposition: FILE_OPEN_IF,
  shareAccess: FILE_SHARE_READ,
} as const;

/** The body as it stands behind the header, payload included. */
function bodyOf(request: Request<unknown>): DataView {
  // An offset in a body counts from its header: that is what stands before it here, too.
  const room = new Uint8Array(HEADER_SIZE + request.size + 64);
  const end = request.encode(viewOf(room), HEADER_SIZE);
  const whole = concat(room.subarray(0, end), request.payload ?? new Uint8Array(0));
  return new DataView(whole.buffer, HEADER_SIZE, whole.length - HEADER_SIZE);
}

async function benchEngine(): Promise<void> {
  const engine = await startEngine();
  const link = new Link();
  const listener = engine.accept(link.serverSide);
  const connection = await ClientConnection.open(
    async (client) => {
      link.connect(client, listener);
      return link.clientSide;
    },
    { timers: engine.options.env.timers, random: engine.options.env.random },
  );
  assert.equal((await connection.negotiate()).status, 0);
  const session = new ClientSession(connection);
  const { random, clock } = engine.options.env;
  const credentials = { userName: 'bench', domainName: '', secret: 'bench' };
  const setup = await session.setup(createInitiator({ ...credentials, random, clock }));
  assert.equal(setup.status, 0, setup.reason);
  const { tree } = await ClientTree.connect(session, '\\\\bench\\share');
  assert(tree !== undefined);
  const { open } = await ClientOpen.create(tree, {
    ...CREATE,
    name: 'file',
    desiredAccess: FILE_GENERIC_READ | FILE_GENERIC_WRITE,
  });
  assert(open !== undefined);
  const data = random.bytes(READ_SIZE);
  assert.equal((await open.write({ offset: 0, data })).status, 0);

  const ids = { sessionId: session.sessionId, treeId: tree.treeId };
  const { fileId } = open;
  const read = readRequest({ fileId, offset: 0, length: READ_SIZE });
  const write = writeRequest({ fileId, offset: 0, data });
  const createClose = [
    createRequest({ ...CREATE, name: 'other' }),
    closeRequest({ flags: 0, fileId: RELATED_FILE_ID }),
  ];
  let next = connection.nextMessageId;
  for (const [name, requests] of [
    ['engine: ECHO', [echoRequest()]],
    ['engine: READ 4 KiB', [read]],
    ['engine: WRITE 4 KiB', [write]],
    ['engine: CREATE+CLOSE', createClose],
  ] as const) {
    next = benchRequests(name, { requests, ids, next, link, listener });
  }
  connection.close();
}

interface EngineBench {
  readonly requests: readonly Request<unknown>[];
  readonly ids: { readonly sessionId: bigint; readonly treeId: number };
  readonly next: bigint;
  readonly link: Link;
  readonly listener: TransportListener;
}

/** Sends the same message again and again, under new message ids; returns the next one. */
function benchRequests(name: string, bench: EngineBench): bigint {
  const { requests, ids, link, listener } = bench;
  const message = messageOf(requests, ids);
  const view = viewOf(message);
  const headers = headerOffsets(view);
  link.keepsLast = true;
  let next = bench.next;
  measure(name, ENGINE_ROUNDS, () => {
    for (const at of headers) setMessageId(view, at, next++);
    listener.message(message);
  });
  assert.equal(headerStatus(viewOf(link.last), link.serverSide.headroom), 0, `${name} succeeds`);
  return next;
}

function messageOf(
  requests: readonly Request<unknown>[],
  ids: { readonly sessionId: bigint; readonly treeId: number },
): Uint8Array {
  const parts = requests.map((request, i) => {
    const body = bodyOf(request);
    const isLast = i === requests.length - 1;
    const size = isLast ? HEADER_SIZE + body.byteLength : (HEADER_SIZE + body.byteLength + 7) & ~7;
    const part = new Uint8Array(size);
    encodeHeader(viewOf(part), 0, {
      ...HEADER,
      ...ids,
      command: request.command,
      flags: i > 0 ? SMB2_FLAGS_RELATED_OPERATIONS : 0,
      nextCommand: isLast ? 0 : size,
    });
    part.set(new Uint8Array(body.buffer, body.byteOffset, body.byteLength), HEADER_SIZE);
    return part;
  });
  return concat(...parts);
}

function headerOffsets(view: DataView): readonly number[] {
  const offsets = [0];
  for (let at = 0; view.getUint32(at + 20, LE) !== 0; ) {
    at += view.getUint32(at + 20, LE);
    offsets.push(at);
  }
  return offsets;
}

async function startEngine(): Promise<Smb2Server> {
  const env = makeNodeEnv(makeNodeLog('error'));
  const limits = DEFAULT_LIMITS;
  const accounts = await AccountStore.open({ file: undefined, env, revoked: () => {} });
  await accounts.edit((data) => addAccount(data, 'bench', ntHash('bench')));
  const store = new MemoryRecordStore();
  const parts = { env, limits, store, serverId: 'bench', serverName: 'BENCH', accounts };
  const engine = makeEngine({ options: { signing: 'enabled' }, ...parts });
  const share = { name: 'share', vfs: new MemoryVfs(env.clock) };
  engine.addShare(mountShare(share, { env, limits, store, serverId: 'bench' }).share);
  return engine;
}

/** Two ends of a pipe in memory. While `keepsLast`, replies stop at `last`. */
class Link {
  keepsLast = false;
  last: Uint8Array = new Uint8Array(0);
  #client: TransportListener | undefined;
  #server: TransportListener | undefined;

  connect(client: TransportListener, server: TransportListener): void {
    this.#client = client;
    this.#server = server;
  }

  readonly serverSide: Transport = end((chunks) => {
    if (this.keepsLast) this.last = chunks[0]!;
    else this.#client?.message(joined(chunks));
  });

  readonly clientSide: Transport = end((chunks) => this.#server?.message(joined(chunks)));
}

const HEADROOM = 4;

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return concat(...chunks).subarray(HEADROOM);
}

function end(send: (chunks: readonly Uint8Array[]) => void): Transport {
  return {
    remoteAddress: 'memory',
    localAddress: 'memory',
    headroom: HEADROOM,
    sendSizeMax: FRAME_SIZE_MAX,
    queuedBytes: 0,
    sentBytes: 0,
    unconfirmedBytes: () => 0,
    send,
    pause() {},
    resume() {},
    setMessageSizeMax() {},
    close() {},
  };
}

function measure(name: string, rounds: number, run: () => unknown): void {
  for (let i = 0; i < rounds / 5; i++) run();
  const start = process.hrtime.bigint();
  for (let i = 0; i < rounds; i++) run();
  const ns = Number(process.hrtime.bigint() - start) / rounds;
  console.log(`${name.padEnd(36)} ${ns.toFixed(0).padStart(8)} ns`);
}

benchCodecs();
await benchEngine();

/**
 * What the soak does to the server, one connection or a few at a time. A case ends by itself; what
 * the server answers is its own affair as long as it lives.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInitiator } from '../../src/auth/authenticator.ts';
import { LE, viewOf } from '../../src/base/bytes.ts';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import { nodeTimers } from '../../src/env/node/node-timers.ts';
import { statusName } from '../../src/erref/ntstatus.ts';
import type { Call } from '../../src/smb2/client/call.ts';
import { ClientConnection } from '../../src/smb2/client/connection.ts';
import type { Reply, Request } from '../../src/smb2/client/request.ts';
import { ClientSession } from '../../src/smb2/client/session.ts';
import { readRequest, writeRequest } from '../../src/smb2/client/transfer-requests.ts';
import { ClientTree, type TreeSendOptions } from '../../src/smb2/client/tree.ts';
import type { Signer } from '../../src/smb2/crypto/signer.ts';
import { connectTcp } from '../../src/smb2/transport/tcp/tcp-connect.ts';
import type { Transport } from '../../src/smb2/transport/transport.ts';
import { COMMAND_NAMES, SMB2_FLAGS_SIGNED } from '../../src/smb2/wire/constants.ts';
import type { CreateResponse } from '../../src/smb2/wire/create.ts';
import { type FileId, RELATED_FILE_ID } from '../../src/smb2/wire/file-id.ts';
import {
  HEADER_SIZE,
  headerFlags,
  headerNextCommand,
  setFlags,
} from '../../src/smb2/wire/header.ts';
import { SOAK_PASSWORD, SOAK_USER } from './soak-protocol.ts';
import { mutate, type SoakRandom } from './soak-random.ts';
import { firstCreates, randomCreate, randomRequest } from './soak-requests.ts';

export interface CaseContext {
  readonly port: number;
  readonly random: SoakRandom;
  /** Waits until the run's rate allows `count` more messages. */
  readonly pace: (count: number) => Promise<void>;
  /** Counts an answer, "COMMAND STATUS_NAME". */
  readonly tally: (what: string) => void;
}

export type Case = (context: CaseContext) => Promise<void>;

const HOST = '127.0.0.1';
const CLOCK = makeNodeClock();
const ALL_DIALECTS = [0x0202, 0x0210, 0x0300, 0x0302, 0x0311];
const SHARES = ['fuzz', 'fuzz', 'fuzz', 'disk', 'disk', 'enc', 'ro', 'IPC$'];
const FILE_IDS_MAX = 32;
const BURST_MAX = 8;
/** What a deaf peer asks for: more than the server queues for it. */
const DEAF_READ = 65_536;
const DEAF_READS = 200;
/** A server that has not answered by then does not mean to: a mutation hid the answer. */
const ANSWER_TIME_MS = 2_000;

/** Cases with their weights. */
const CASES: readonly (readonly [number, Case])[] = [
  [60, conversation],
  [12, logons],
  [10, compounds],
  [10, rawFrames],
  [8, halfOpen],
  [2, deafPeer],
];

export function pickCase(random: SoakRandom): Case {
  let left = random.below(CASES.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, run] of CASES) {
    left -= weight;
    if (left < 0) return run;
  }
  return conversation;
}

/** A logged-in client whose requests of every kind are mutated before they are protected. */
async function conversation(context: CaseContext): Promise<void> {
  const { random, pace } = context;
  const client = await logOn(context);
  if (client === undefined) return;
  try {
    const trees = await connectTrees(client, context);
    const [tree] = trees;
    if (tree === undefined) return;
    const fileIds: FileId[] = [];
    const target = { fileIds, isPipe: tree.share === 'IPC$' };
    for (const request of firstCreates(target)) {
      remember(await answerOf(send(tree.tree, request, undefined), context), fileIds);
    }
    for (let bursts = 3 + random.below(10); bursts > 0; bursts--) {
      const count = 1 + random.below(BURST_MAX);
      await pace(count);
      const calls = Array.from({ length: count }, () => {
        const request =
          fileIds.length < 2 ? randomCreate(target, random) : randomRequest(target, random);
        const probability = fileIds.length < 2 ? 0.1 : 0.5;
        return send(tree.tree, request, random.chance(probability) ? random : undefined);
      });
      for (const call of calls) remember(await answerOf(call, context), fileIds);
      if (random.chance(0.2)) for (const call of calls) call.cancel();
      if (client.connection.closedReason !== undefined) return;
    }
    // Half of them leave without a word.
    if (random.chance(0.5)) await answerOf(client.session.logoff(), context);
  } finally {
    client.connection.close();
  }
}

/** NEGOTIATE and SESSION_SETUP, mutated. */
async function logons(context: CaseContext): Promise<void> {
  const { random, pace } = context;
  await pace(3);
  const opened = await open(context);
  if (opened === undefined) return;
  const { connection } = opened;
  const tamperSent = (message: Uint8Array): Uint8Array =>
    mutate(message, random.chance(0.9) ? HEADER_SIZE : 0, random);
  try {
    const first = random.chance(0.5) ? { tamperSent } : {};
    const reply = await settled(connection.negotiate({ dialects: dialects(random) }, first));
    if (reply === undefined || connection.negotiated === undefined) return;
    context.tally(`NEGOTIATE ${statusName(reply.status)}`);
    for (let tries = 1 + random.below(3); tries > 0; tries--) {
      const session = new ClientSession(connection);
      const send = random.chance(0.8) ? { tamperSent } : {};
      const setup = await settled(session.setup(initiator(random), { send }));
      if (setup === undefined) return;
      context.tally(`SESSION_SETUP ${statusName(setup.status)}`);
    }
  } finally {
    connection.close();
  }
}

/** Long and odd compounds, related and not. */
async function compounds(context: CaseContext): Promise<void> {
  const { random, pace } = context;
  const client = await logOn(context);
  if (client === undefined) return;
  try {
    const [tree] = await connectTrees(client, context);
    if (tree === undefined) return;
    const target = { fileIds: [RELATED_FILE_ID], isPipe: tree.share === 'IPC$' };
    for (let rounds = 1 + random.below(3); rounds > 0; rounds--) {
      const length = random.chance(0.8) ? 2 + random.below(8) : 2 + random.below(300);
      await pace(length);
      if (!(await gatherCredits(client, Math.min(length, 300)))) return;
      const requests = Array.from({ length }, (_, i): Request<unknown> => {
        if (i === 0) return randomCreate(target, random);
        if (length > 20) return readRequest({ fileId: RELATED_FILE_ID, offset: 0, length: 10 });
        return randomRequest(target, random);
      });
      const options: TreeSendOptions = {
        related: random.chance(0.8),
        ...tampered(tree.tree, random.chance(0.5) ? random : undefined),
      };
      for (const call of tree.tree.compound(requests, options)) await answerOf(call, context);
      if (client.connection.closedReason !== undefined) return;
    }
  } finally {
    client.connection.close();
  }
}

/** Frames that are none: wrong lengths, cuts, other protocols, noise. */
async function rawFrames({ port, random, pace }: CaseContext): Promise<void> {
  const count = 1 + random.below(10);
  await pace(count);
  const socket = await openSocket(port);
  if (socket === undefined) return;
  for (let i = 0; i < count && !socket.destroyed; i++) {
    const body = rawBody(random);
    const frame = new Uint8Array(4 + body.length);
    const length = random.chance(0.8) ? body.length : random.telling();
    viewOf(frame).setUint32(0, length);
    if (random.chance(0.05)) frame[0] = random.u32();
    frame.set(body, 4);
    const end = random.chance(0.1) ? random.below(frame.length) : frame.length;
    await written(socket, frame.subarray(0, end));
  }
  await end(socket, random);
}

function rawBody(random: SoakRandom): Uint8Array {
  const body = random.bytes(random.chance(0.9) ? random.below(300) : random.below(70_000));
  if (body.length < HEADER_SIZE || random.chance(0.2)) return body;
  const view = viewOf(body);
  view.setUint32(
    0,
    random.pick([0x424d_53fe, 0x424d_53fe, 0x424d_53fd, 0x424d_53fc, 0x424d_53ff]),
    LE,
  );
  view.setUint16(4, 64, LE);
  view.setUint16(12, random.below(20), LE);
  view.setUint32(16, random.pick([0, 2, 4, 8, 1]), LE);
  view.setUint32(20, random.chance(0.7) ? 0 : random.telling(), LE);
  view.setBigUint64(24, BigInt(random.below(3)), LE);
  return random.chance(0.5) ? body : mutate(body, 0, random);
}

/** Connections that say nothing, or stop in the middle, for a while. */
async function halfOpen({ port, random, pace }: CaseContext): Promise<void> {
  const count = 1 + random.below(20);
  await pace(count);
  const sockets = await Promise.all(Array.from({ length: count }, () => openSocket(port)));
  for (const socket of sockets) {
    if (socket === undefined || random.chance(0.3)) continue;
    await written(socket, Uint8Array.of(0, 0, 1, 0, 0xfe, 0x53).subarray(0, random.below(7)));
  }
  await once(AbortSignal.timeout(random.below(1_000)), 'abort');
  for (const socket of sockets) if (socket !== undefined) await end(socket, random);
}

/** Asks for much and takes none of it for a while. */
async function deafPeer(context: CaseContext): Promise<void> {
  const { random, pace } = context;
  const client = await logOn(context);
  if (client === undefined) return;
  const { connection, transport } = client;
  try {
    const [tree] = await connectTrees(client, context);
    if (tree === undefined) return;
    const create = firstCreates({ fileIds: [], isPipe: tree.share === 'IPC$' })[0]!;
    const fileIds: FileId[] = [];
    remember(await answerOf(send(tree.tree, create, undefined), context), fileIds);
    const [fileId] = fileIds;
    if (fileId === undefined) return;
    const data = random.bytes(DEAF_READ);
    await settled(send(tree.tree, writeRequest({ fileId, offset: 0, data }), undefined));
    await pace(DEAF_READS);
    if (!(await gatherCredits(client, DEAF_READS))) return;
    transport.pause();
    const read = readRequest({ fileId, offset: 0, length: DEAF_READ });
    const reads = Array.from({ length: DEAF_READS }, () => send(tree.tree, read, undefined));
    await once(AbortSignal.timeout(random.below(1_000)), 'abort');
    if (random.chance(0.5)) return;
    transport.resume();
    for (const call of reads) await settled(call);
  } finally {
    connection.close();
    transport.close({ abort: true });
  }
}

// What the cases are made of.

interface Opened {
  readonly connection: ClientConnection;
  readonly transport: Transport;
}

interface LoggedOn extends Opened {
  readonly session: ClientSession;
}

interface Connected {
  readonly tree: ClientTree;
  readonly share: string;
}

/** False when they cannot be had. */
async function gatherCredits({ connection, session }: LoggedOn, count: number): Promise<boolean> {
  const { channel } = session;
  while (connection.creditsAvailable < count) {
    const reply = await settled(connection.echo({ channel }));
    if (reply === undefined || connection.closedReason !== undefined) return false;
  }
  return true;
}

function dialects(random: SoakRandom): readonly number[] {
  return random.chance(0.3) ? ALL_DIALECTS : [random.pick(ALL_DIALECTS)];
}

function initiator(random: SoakRandom): ReturnType<typeof createInitiator> {
  return createInitiator({
    userName: SOAK_USER,
    domainName: '',
    secret: random.chance(0.95) ? SOAK_PASSWORD : 'wrong',
    random,
    clock: CLOCK,
    framing: random.chance(0.9) ? 'spnego' : 'raw',
  });
}

async function open({ port, random }: CaseContext): Promise<Opened | undefined> {
  const to = { host: HOST, port, timers: nodeTimers, timeoutMs: 10_000 };
  let transport: Transport | undefined;
  try {
    const connection = await ClientConnection.open(
      async (listener) => {
        const limits = { messageSizeMax: 0xff_ffff, messageTimeMs: 10_000 };
        transport = await connectTcp({ ...to, ...limits }, listener);
        return transport;
      },
      { timers: nodeTimers, random, timeoutMs: ANSWER_TIME_MS, verify: 'report' },
    );
    return { connection, transport: transport! };
  } catch {
    // Refused: there are too many connections just now, which is a limit at work.
    return undefined;
  }
}

async function logOn(context: CaseContext): Promise<LoggedOn | undefined> {
  const { random, pace } = context;
  await pace(3);
  const opened = await open(context);
  if (opened === undefined) return undefined;
  const { connection } = opened;
  const ciphers = random.chance(0.5) ? {} : { ciphers: [1 + random.below(4)] };
  const signing = random.chance(0.5) ? {} : { signingAlgorithms: [random.below(3)] };
  await settled(connection.negotiate({ dialects: dialects(random), ...ciphers, ...signing }));
  const session = new ClientSession(connection);
  if (connection.negotiated !== undefined) {
    const setup = await settled(session.setup(initiator(random)));
    if (setup?.status === 0) return { ...opened, session };
  }
  connection.close();
  return undefined;
}

async function connectTrees({ session }: LoggedOn, { random }: CaseContext): Promise<Connected[]> {
  const share = random.pick(SHARES);
  const encrypt = session.channel.encryptor !== undefined && random.chance(0.4);
  const result = await settled(
    ClientTree.connect(session, `\\\\${HOST}\\${share}`, encrypt ? { encrypt } : {}),
  );
  return result?.tree === undefined ? [] : [{ tree: result.tree, share }];
}

/** Sends a request, mutated when there is a `random`, and protected as it then is. */
function send(
  tree: ClientTree,
  request: Request<unknown>,
  random: SoakRandom | undefined,
): Call<unknown> {
  return tree.call(request, tampered(tree, random));
}

/** The mutation comes first: the message is signed, or encrypted, as it is after it. */
function tampered(tree: ClientTree, random: SoakRandom | undefined): TreeSendOptions {
  const { channel } = tree.session;
  if (random === undefined) return channel.signer === undefined ? {} : { sign: !tree.encryptData };
  const change = (message: Uint8Array): Uint8Array =>
    mutate(message, random.chance(0.92) ? HEADER_SIZE : 4, random);
  if (tree.encryptData) return { encrypt: true, tamperSigned: change };
  const { signer } = channel;
  if (signer === undefined || random.chance(0.05)) return { sign: false, tamperSent: change };
  return { sign: false, tamperSent: (message) => signed(change(message), signer) };
}

/** Signs each message of a chain that may be broken by now. */
function signed(message: Uint8Array, signer: Signer): Uint8Array {
  const view = viewOf(message);
  for (let at = 0; message.length - at >= HEADER_SIZE; ) {
    const next = headerNextCommand(view, at);
    const end = next >= HEADER_SIZE && at + next <= message.length ? at + next : message.length;
    setFlags(view, at, (headerFlags(view, at) | SMB2_FLAGS_SIGNED) >>> 0);
    signer.sign(message.subarray(at, end));
    at = end;
  }
  return message;
}

/** The reply, or undefined when the request waits (a lock) or nothing comes. */
async function answerOf<R>(
  call: PromiseLike<Reply<R>> & {
    readonly interim?: Promise<unknown>;
    readonly request?: Request<R>;
  },
  { tally }: CaseContext,
): Promise<Reply<R> | undefined> {
  const waiting = call.interim?.then((header) => (header === undefined ? call : undefined));
  const reply = await settled(waiting === undefined ? call : Promise.race([call, waiting]));
  const name = COMMAND_NAMES[reply?.header?.command ?? -1] ?? '-';
  tally(reply === undefined ? 'waits' : `${name} ${statusName(reply.status)}`);
  return reply;
}

/** Waits, but not for ever: a mutated request may get no answer at all. */
async function settled<T>(promise: PromiseLike<T>): Promise<T | undefined> {
  let cancel: (() => void) | undefined;
  const late = new Promise<undefined>((resolve) => {
    const timer = setTimeout(() => resolve(undefined), 2 * ANSWER_TIME_MS);
    cancel = () => clearTimeout(timer);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    cancel?.();
  }
}

function remember(reply: Reply<unknown> | undefined, fileIds: FileId[]): void {
  const fileId = (reply?.response as Partial<CreateResponse> | undefined)?.fileId;
  if (fileId === undefined) return;
  fileIds.push(fileId);
  if (fileIds.length > FILE_IDS_MAX) fileIds.shift();
}

async function openSocket(port: number): Promise<Socket | undefined> {
  const socket = connect({ host: HOST, port });
  const connected = new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('close', () => resolve(false));
  });
  socket.on('error', () => {});
  socket.resume();
  return (await connected) ? socket : undefined;
}

async function written(socket: Socket, bytes: Uint8Array): Promise<void> {
  if (!socket.destroyed) await new Promise((resolve) => socket.write(bytes, resolve));
}

/** FIN, RST, or just gone. */
async function end(socket: Socket, random: SoakRandom): Promise<void> {
  if (random.chance(0.4)) socket.end();
  else if (random.chance(0.5)) socket.resetAndDestroy();
  else socket.destroy();
  if (!socket.destroyed) await settled(once(socket, 'close').catch(() => undefined));
  socket.destroy();
}

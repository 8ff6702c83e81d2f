/** A server under test, reached by this project's client: over TCP, or as the target says. */
import assert from 'node:assert/strict';
import { createInitiator } from '../../src/auth/authenticator.ts';
import type { Initiator } from '../../src/auth/initiator.ts';
import { makeNodeClock } from '../../src/env/node/node-clock.ts';
import { makeNodeRandom } from '../../src/env/node/node-random.ts';
import { nodeTimers } from '../../src/env/node/node-timers.ts';
import { type NtStatus, STATUS_SUCCESS, statusName } from '../../src/erref/ntstatus.ts';
import type { TransportConnect } from '../../src/smb2/client/connect-options.ts';
import { ClientConnection, type ConnectionOptions } from '../../src/smb2/client/connection.ts';
import type { NegotiateOptions } from '../../src/smb2/client/negotiate.ts';
import { ClientOpen } from '../../src/smb2/client/open.ts';
import type { CreateParameters } from '../../src/smb2/client/requests.ts';
import { ClientSession, type SetupOptions } from '../../src/smb2/client/session.ts';
import { ClientTree } from '../../src/smb2/client/tree.ts';
import { connectTcp } from '../../src/smb2/transport/tcp/tcp-connect.ts';
import type { Connector } from '../../src/smb2/transport/transport.ts';

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly share: string;
  /** In place of TCP. */
  readonly transport?: TransportConnect;
}

export type GetTarget = () => Target;

export interface LogOnOptions extends NegotiateOptions, SetupOptions {
  readonly connection?: Partial<ConnectionOptions>;
  readonly share?: string;
}

export interface LoggedOn {
  readonly connection: ClientConnection;
  readonly session: ClientSession;
  readonly tree: ClientTree;
}

/** Everything that tests connected and nobody closed yet. */
const connections: Set<ClientConnection> = new Set();

/** For hooks: a test that failed leaves nothing behind. */
export function closeConnections(): void {
  for (const connection of connections) connection.close();
  connections.clear();
}

const random = makeNodeRandom();
const clock = makeNodeClock();
const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 20_000;
const DISCONNECT_TIME_MS = 5_000;

/** A connection that has not negotiated. */
export async function connectTo(
  target: Target,
  options: Partial<ConnectionOptions> = {},
): Promise<ClientConnection> {
  const { host, port, transport } = target;
  const tcp = {
    host,
    port,
    timers: nodeTimers,
    timeoutMs: CONNECT_TIMEOUT_MS,
    messageSizeMax: 0xff_ffff,
    messageTimeMs: ANSWER_TIMEOUT_MS,
  };
  const connect: Connector = (listener) =>
    transport === undefined ? connectTcp(tcp, listener) : transport({ host, port }, listener);
  const connection = await ClientConnection.open(connect, {
    timers: nodeTimers,
    random,
    timeoutMs: ANSWER_TIMEOUT_MS,
    ...options,
  });
  connections.add(connection);
  return connection;
}

/** A connection that has negotiated. */
export async function negotiated(
  target: Target,
  options: LogOnOptions = {},
): Promise<ClientConnection> {
  const connection = await connectTo(target, options.connection);
  const { status } = await connection.negotiate(options);
  succeed(status, 'NEGOTIATE');
  return connection;
}

export function initiatorFor(target: Target, password: string = target.password): Initiator {
  return createInitiator({
    random,
    clock,
    userName: target.user,
    domainName: '',
    secret: password,
  });
}

/** A session on a connection of its own. */
export async function sessionAt(
  target: Target,
  options: LogOnOptions = {},
): Promise<ClientSession> {
  const session = new ClientSession(await negotiated(target, options));
  const { status, reason } = await session.setup(initiatorFor(target), options);
  succeed(status, `SESSION_SETUP ${reason ?? ''}`);
  return session;
}

/** A tree connect on a session of its own. */
export async function logOnAt(target: Target, options: LogOnOptions = {}): Promise<LoggedOn> {
  const session = await sessionAt(target, options);
  const tree = await treeOf(session, target, options.share);
  return { connection: session.connection, session, tree };
}

export async function treeOf(
  session: ClientSession,
  target: Target,
  share: string = target.share,
): Promise<ClientTree> {
  const { status, tree } = await ClientTree.connect(session, `\\\\${target.host}\\${share}`);
  succeed(status, 'TREE_CONNECT');
  return tree!;
}

/** An open that must succeed. */
export async function opened(tree: ClientTree, parameters: CreateParameters): Promise<ClientOpen> {
  const { status, open } = await ClientOpen.create(tree, parameters);
  succeed(status, `CREATE ${parameters.name}`);
  return open!;
}

/** The step of a test's preparation must have worked. */
export function succeed(status: number, step: string): void {
  if (status !== STATUS_SUCCESS) throw new Error(`${step}: ${statusName(status)}`);
}

/** The outcome of a request is `status`, shown by its name where it is not. */
export function expectStatus(reply: { readonly status: NtStatus }, status: NtStatus): void {
  assert.equal(statusName(reply.status), statusName(status));
}

/** The server ends the connection, soon. */
export async function expectDisconnect(connection: ClientConnection): Promise<void> {
  const deadline = new Promise<string>((_, reject) => {
    const late = (): void => reject(new Error('the server did not end the connection'));
    nodeTimers.after(DISCONNECT_TIME_MS, late);
  });
  await Promise.race([connection.closed, deadline]);
}

/** A name no other test uses. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${Buffer.from(random.bytes(6)).toString('hex')}`;
}

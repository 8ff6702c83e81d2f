/**
 * A whole server on loopback whose clock the test moves, and clients for it. Nothing sleeps: time
 * passes by `rig.time.advance`, and `until` lets the event loop turn.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInitiator } from '../../src/auth/authenticator.ts';
import { ntHash } from '../../src/auth/ntlm/nt-hash.ts';
import { DEFAULT_LIMITS, type Limits } from '../../src/base/limits.ts';
import { run } from '../../src/base/task.ts';
import { DELETE, FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import type { Env } from '../../src/env/ports.ts';
import { statusName } from '../../src/erref/ntstatus.ts';
import { persistentTable, type StoredFiles } from '../../src/fsa/persistent-files.ts';
import type { VolumePeers } from '../../src/fsa/volume-peers.ts';
import {
  FILE_OPEN_IF,
  FILE_SHARE_DELETE,
  FILE_SHARE_READ,
  FILE_SHARE_WRITE,
} from '../../src/fscc/create-parameters.ts';
import { AccountStore } from '../../src/server/account-store.ts';
import { addAccount } from '../../src/server/accounts.ts';
import { makeEngine } from '../../src/server/make-engine.ts';
import { type MountedShare, mountShare } from '../../src/server/mount-share.ts';
import type { ShareOptions, SmbServerOptions } from '../../src/server/options.ts';
import { ClientConnection, type ConnectionOptions } from '../../src/smb2/client/connection.ts';
import type { NegotiateOptions } from '../../src/smb2/client/negotiate.ts';
import { ClientOpen } from '../../src/smb2/client/open.ts';
import type { CreateParameters } from '../../src/smb2/client/requests.ts';
import { ClientSession, type SetupOptions } from '../../src/smb2/client/session.ts';
import { ClientTree } from '../../src/smb2/client/tree.ts';
import type { ServerPeers } from '../../src/smb2/server/options.ts';
import { restoreShare } from '../../src/smb2/server/restore-share.ts';
import type { Smb2Server } from '../../src/smb2/server/server.ts';
import { connectTcp } from '../../src/smb2/transport/tcp/tcp-connect.ts';
import { listenTcp, type TcpListener } from '../../src/smb2/transport/tcp/tcp-listener.ts';
import { MemoryRecordStore } from '../../src/state/memory/memory-record-store.ts';
import type { RecordStore } from '../../src/state/record-store.ts';
import { MemoryVfs } from '../../src/vfs/memory/memory-vfs.ts';
import { FaultyTransport } from './faulty-transport.ts';
import { makeVirtualEnv, seededRandom, VirtualTime } from './virtual-env.ts';

const HOST = '127.0.0.1';
/** Accounts, and their passwords. */
const USERS = { torture1: 'torture1pw', torture2: 'torture2pw' } as const;
/** '' logs on as nobody. */
export type RigUser = keyof typeof USERS | '';
const USER: RigUser = 'torture1';
const PASSWORD: string = USERS[USER];
/** Longer than any test's own time-out. */
const ABANDON_MS = 90_000;
export const SHARE_ALL: number = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

export interface RigOptions {
  readonly limits?: Partial<Limits>;
  /** Default: `share`, in memory. */
  readonly shares?: readonly ShareOptions[];
  readonly server?: SmbServerOptions;
  /** One of several processes of a server: what it has in common with the others. */
  readonly place?: RigPlace;
  /** For shares that are continuously available: what it has is restored. */
  readonly persistentStore?: RecordStore;
  /** Of its own, where one server follows another. */
  readonly serverId?: string;
  /** Messages at level error that are no bugs here. */
  readonly expectedErrors?: RegExp;
}

export interface RigPlace {
  readonly env: ReturnType<typeof makeVirtualEnv>;
  readonly store: RecordStore;
  readonly accounts: AccountStore;
  readonly serverId: string;
  readonly peers: ServerPeers & VolumePeers;
  readonly storedFiles?: StoredFiles;
}

export interface FaultyClient {
  readonly connection: ClientConnection;
  readonly transport: FaultyTransport;
}

export class Rig {
  readonly limits: Limits;
  readonly time: VirtualTime;
  readonly engine: Smb2Server;
  readonly #listener: TcpListener;
  readonly #shares: readonly MountedShare[];
  readonly #env: ReturnType<typeof makeVirtualEnv>;
  readonly #expectedErrors: RegExp | undefined;
  /** Clients' clocks stand still: their time-outs never disturb a test. */
  readonly #clientTime = new VirtualTime();
  readonly #sockets: Socket[] = [];
  readonly #connections: ClientConnection[] = [];

  private constructor(parts: {
    readonly limits: Limits;
    readonly env: ReturnType<typeof makeVirtualEnv>;
    readonly engine: Smb2Server;
    readonly listener: TcpListener;
    readonly shares: readonly MountedShare[];
    readonly expectedErrors: RegExp | undefined;
  }) {
    this.limits = parts.limits;
    this.#env = parts.env;
    this.time = parts.env.timers;
    this.engine = parts.engine;
    this.#listener = parts.listener;
    this.#shares = parts.shares;
    this.#expectedErrors = parts.expectedErrors;
  }

  static async start(options: RigOptions = {}): Promise<Rig> {
    const { place } = options;
    const env = place?.env ?? makeVirtualEnv();
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const accounts = place?.accounts ?? (await rigAccounts(env));
    const store = place?.store ?? new MemoryRecordStore({ strict: true });
    const serverId = place?.serverId ?? options.serverId ?? 'rig';
    const engine = makeEngine({
      options: { signing: 'enabled', ...options.server },
      env,
      limits,
      store,
      serverId,
      serverName: 'RIG',
      peers: place?.peers,
      accounts,
    });
    const wanted = options.shares ?? [{ name: 'share', vfs: new MemoryVfs(env.clock) }];
    const { persistentStore, expectedErrors } = options;
    const storedFiles = place?.storedFiles ?? (persistentStore && persistentTable(persistentStore));
    const context = { env, limits, store, serverId, storedFiles, peers: place?.peers };
    const shares = wanted.map((share) => mountShare(share, context));
    for (const { share } of shares) {
      await run(restoreShare(engine, share));
      engine.addShare(share);
    }
    const { timers, log } = env;
    const { accept } = engine;
    const listener = await listenTcp({ host: HOST, port: 0, accept, limits, timers, log });
    return new Rig({ limits, env, engine, listener, shares, expectedErrors });
  }

  get port(): number {
    return this.#listener.port;
  }

  /** For clients that bring their own connections. */
  get account(): { readonly user: string; readonly password: string } {
    return { user: USER, password: PASSWORD };
  }

  /** A connection that has negotiated. */
  async connect(
    offer: NegotiateOptions = {},
    options: Partial<ConnectionOptions> = {},
  ): Promise<ClientConnection> {
    return this.#negotiated(await this.connectRaw(options), offer);
  }

  /** A connection that has not negotiated. */
  async connectRaw(options: Partial<ConnectionOptions> = {}): Promise<ClientConnection> {
    const connection = await ClientConnection.open(
      (listener) =>
        connectTcp(
          {
            host: HOST,
            port: this.#listener.port,
            timers: this.#clientTime,
            timeoutMs: 10_000,
            messageSizeMax: 16 * 1024 * 1024 - 1,
            messageTimeMs: 10_000,
          },
          listener,
        ),
      { ...this.#clientOptions(), ...options },
    );
    this.#connections.push(connection);
    return connection;
  }

  /** As `connect`, over a transport that can be made to misbehave. */
  async connectFaulty(
    options: Partial<ConnectionOptions> = {},
    offer: NegotiateOptions = {},
  ): Promise<FaultyClient> {
    const socket = await this.socket();
    let transport: FaultyTransport | undefined;
    const connection = await ClientConnection.open(
      async (listener) => {
        transport = new FaultyTransport(socket, listener);
        return transport;
      },
      { ...this.#clientOptions(), ...options },
    );
    this.#connections.push(connection);
    await this.#negotiated(connection, offer);
    return { connection, transport: transport! };
  }

  /** A TCP connection that says nothing by itself. */
  async socket(): Promise<Socket> {
    const socket = connect({ host: HOST, port: this.#listener.port });
    socket.on('error', () => {});
    this.#sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  }

  async logOn(
    connection?: ClientConnection,
    options: SetupOptions & { readonly user?: RigUser } = {},
  ): Promise<ClientSession> {
    const { user = USER, ...rest } = options;
    const setup = { ...rest, anonymous: user === '' };
    const session = new ClientSession(connection ?? (await this.connect()));
    const { status, reason } = await session.setup(this.initiator(user), setup);
    assertStatus(status, 0, reason);
    return session;
  }

  /** Makes the connection another channel of the session; the status. */
  async bind(
    session: ClientSession,
    connection: ClientConnection,
    user: RigUser = USER,
  ): Promise<number> {
    return (await session.bind(connection, this.initiator(user))).status;
  }

  /** The status of a logon that may fail. */
  async tryLogOn(connection: ClientConnection, password: string = PASSWORD): Promise<number> {
    const session = new ClientSession(connection);
    return (await session.setup(this.initiator(USER, password))).status;
  }

  async tree(session?: ClientSession, share: string = 'share'): Promise<ClientTree> {
    const path = `\\\\${HOST}\\${share}`;
    const { status, tree } = await ClientTree.connect(session ?? (await this.logOn()), path);
    assertStatus(status, 0, path);
    return tree!;
  }

  /** Ends all clients, then asserts that nothing is left and that no bug was logged. */
  async stop(): Promise<void> {
    await this.#endClients();
    const counts = { connections: 0, sessions: 0, treeConnects: 0, opens: 0 };
    assert.deepEqual(this.engine.counts(), counts, 'what is left when all clients went');
    await this.#end();
  }

  /** The server ends in order, for one that starts next: what outlives it is left. */
  async leave(): Promise<void> {
    await this.#endClients();
    await this.#end();
  }

  async #endClients(): Promise<void> {
    for (const connection of this.#connections) connection.close();
    for (const socket of this.#sockets) socket.destroy();
    await until(() => this.engine.connections.size === 0);
  }

  async #end(): Promise<void> {
    const closing = this.#listener.close();
    await this.engine.close();
    await closing;
    for (const share of this.#shares) share.close();
    const bugs = this.#env.log.entries.filter(
      ({ level, message }) => level === 'error' && this.#expectedErrors?.test(message) !== true,
    );
    assert.deepEqual(bugs, [], 'bugs that the server logged');
  }

  /** Lets go of everything, so that a test that hangs does not keep its process. */
  abandon(): void {
    for (const connection of this.#connections) connection.close();
    for (const socket of this.#sockets) socket.destroy();
    void this.#listener.close();
    for (const { transport } of this.engine.connections) transport.close({ abort: true });
  }

  /** Messages that the server logged, at every level. */
  get logged(): readonly string[] {
    return this.#env.log.entries.map(({ message, fields }) => `${message} ${show(fields)}`);
  }

  #clientOptions(): ConnectionOptions {
    return { timers: this.#clientTime, random: seededRandom(this.#connections.length + 1) };
  }

  initiator(
    user: string = USER,
    password: string = Object.entries(USERS).find(([name]) => name === user)?.[1] ?? '',
  ): ReturnType<typeof createInitiator> {
    return createInitiator({
      userName: user,
      domainName: '',
      secret: password,
      random: this.#env.random,
      clock: this.#env.clock,
      targetName: `cifs/${HOST}`,
    });
  }

  async #negotiated(
    connection: ClientConnection,
    offer: NegotiateOptions,
  ): Promise<ClientConnection> {
    const { status } = await connection.negotiate(offer);
    assertStatus(status, 0, `NEGOTIATE: ${connection.closedReason}`);
    return connection;
  }
}

export async function rigAccounts(env: Env): Promise<AccountStore> {
  const accounts = await AccountStore.open({ file: undefined, env, revoked: () => {} });
  for (const [name, password] of Object.entries(USERS)) {
    await accounts.edit((data) => addAccount(data, name, ntHash(password)));
  }
  return accounts;
}

function show(fields: object): string {
  return Object.values(fields).map(String).join(' ');
}

/** Starts a rig, runs `body` and stops the rig, which checks that nothing is left. */
export async function withRig(
  options: RigOptions,
  body: (rig: Rig) => Promise<void>,
): Promise<void> {
  const rig = await Rig.start(options);
  const backstop = setTimeout(() => rig.abandon(), ABANDON_MS);
  let done = false;
  try {
    await body(rig);
    done = true;
  } finally {
    const stopping = rig.stop();
    // A failure of the body is what the reader wants to see, not what it left behind.
    if (done) await stopping;
    else await stopping.catch(() => {});
    clearTimeout(backstop);
  }
}

/** Lets the event loop turn until `condition` holds; the test's own time-out ends a vain wait. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

/** One turn of the event loop: what has arrived is read. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function assertStatus(actual: number, expected: number, what: string = ''): void {
  assert.equal(statusName(actual), statusName(expected), what);
}

export interface OpenOptions extends Partial<CreateParameters> {
  readonly name: string;
}

/** Opens or makes a file to read, write and delete, shared with everybody unless told otherwise. */
export async function openFile(tree: ClientTree, options: OpenOptions): Promise<ClientOpen> {
  const { status, open } = await tryOpen(tree, options);
  assertStatus(status, 0, `CREATE of ${options.name}`);
  return open!;
}

export async function tryOpen(
  tree: ClientTree,
  options: OpenOptions,
): Promise<{ readonly status: number; readonly open: ClientOpen | undefined }> {
  return await ClientOpen.create(tree, {
    desiredAccess: FILE_GENERIC_READ | FILE_GENERIC_WRITE | DELETE,
    createDisposition: FILE_OPEN_IF,
    shareAccess: SHARE_ALL,
    ...options,
  });
}

/** Bytes that tell where they come from: `seed` names the file, each offset has its own value. */
export function pattern(length: number, seed: number = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/**
 * The public server: `import { SmbServer } from 'semba'`. The `semba` command is the same code.
 *
 *   created --start()--> listening --handOver()--> handed over --stop()--> stopped
 *      \--prepare()--> prepared --takeOver()-^                    stop() of any: stopped
 *
 *   created    shares and users can be added; nothing listens
 *   prepared   another process serves these shares still, and this one can
 *   listening  clients connect; shares and users come and go
 *   handed over  nobody is connected; what clients hold is another process's
 *   stopped    every open, session and connection is closed; for good
 */

import { ntHash } from '../auth/ntlm/nt-hash.ts';
import { assert } from '../base/assert.ts';
import { DEFAULT_LIMITS, type Limits } from '../base/limits.ts';
import { run } from '../base/task.ts';
import { makeNodeEnv } from '../env/node/node-env.ts';
import { makeNodeLog } from '../env/node/node-log.ts';
import type { Env, Log } from '../env/ports.ts';
import { closeOpenById, closeSessionById, closeShareByName } from '../smb2/server/close-by-id.ts';
import type { LeftBehind } from '../smb2/server/hand-over.ts';
import type { EncryptionPolicy, ServerEvent } from '../smb2/server/options.ts';
import { type ServerStatus, serverStatus } from '../smb2/server/status.ts';
import type { ListenAt } from '../smb2/transport/tcp/listening-socket.ts';
import { bindTcp } from '../smb2/transport/tcp/tcp-listener.ts';
import type {
  Transport,
  TransportAcceptor,
  TransportListener,
} from '../smb2/transport/transport.ts';
import { MemoryRecordStore } from '../state/memory/memory-record-store.ts';
import type { RecordStore } from '../state/record-store.ts';
import type { Vfs } from '../vfs/vfs.ts';
import { findAccount, putAccount, removeAccount } from './accounts.ts';
import type { Configured } from './decide-reload.ts';
import { type InheritedAddress, type Listener, Listeners } from './listeners.ts';
import { runTimeOptions } from './make-engine.ts';
import { type Opened, openEngine } from './open-engine.ts';
import {
  type DialectName,
  OptionError,
  type ShareOptions,
  type SmbServerEvent,
  type SmbServerOptions,
  type UserOptions,
} from './options.ts';
import { PersistentStore } from './persistent-store.ts';
import { type ReloadReport, reload } from './reload.ts';
import { ServedShares } from './served-shares.ts';
import { serverNameOf } from './server-name.ts';
import { letGoOfAll, partFromAll, takeOpensOf } from './succession.ts';
import type { WorkerPlace } from './worker-place.ts';
import { Crew } from './workers/crew.ts';
import { workerCountOf } from './workers/worker-options.ts';

export type {
  DialectName,
  EncryptionPolicy,
  Limits,
  Log,
  ServerEvent,
  ServerStatus,
  ShareOptions,
  SmbServerEvent,
  SmbServerOptions,
  Transport,
  TransportAcceptor,
  TransportListener,
  UserOptions,
  Vfs,
  WorkerPlace,
};
export { DEFAULT_LIMITS, OptionError };

const SMB_PORT = 445;
/** How often a running server looks whether another process edited the accounts. */
const ACCOUNTS_POLL_MS = 2_000;
/** Long enough for open files to be closed in order; then connections are cut. */
const STOP_TIME_MS = 5_000;

type State = 'created' | 'prepared' | 'listening' | 'handed over' | 'stopped';

export class SmbServer {
  #options: SmbServerOptions;
  readonly #limits: Limits;
  readonly #env: Env;
  readonly #serverId: string;
  readonly #store: RecordStore;
  readonly #persistentStore: PersistentStore;
  readonly #shares: ServedShares;
  readonly #listeners: Listeners;
  readonly #place: WorkerPlace | undefined;
  /** Of a server of several processes, this one being the first. */
  readonly #crew: Crew | undefined;
  #opened: Promise<Opened> | undefined;
  #state: State = 'created';
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  /** Nothing is opened, read or bound before the first `await` on this object. */
  constructor(options: SmbServerOptions = {}, place?: WorkerPlace) {
    this.#place = place;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#env = makeNodeEnv(options.log ?? makeNodeLog('warn'));
    this.#serverId = place?.serverId ?? Buffer.from(this.#env.random.bytes(8)).toString('hex');
    this.#store = place?.store ?? new MemoryRecordStore();
    const count = place === undefined ? workerCountOf(options.workers) : 1;
    if (count > 1) this.#crew = new Crew({ count, options, env: this.#env, limits: this.#limits });
    this.#options = options;
    this.#listeners = new Listeners((at) => this.#bindOne(at), this.#env.log);
    this.#persistentStore = new PersistentStore({
      stateFolder: options.stateFolder,
      env: this.#env,
    });
    this.#shares = new ServedShares({
      env: this.#env,
      limits: this.#limits,
      store: this.#store,
      serverId: this.#serverId,
      persistentStore: this.#persistentStore,
      place,
      crew: this.#crew,
      open: () => this.#open(),
      stateFolder: () => this.#options.stateFolder,
      isHandedOver: () => this.#state === 'handed over',
      isStopping: () => this.#stopping !== undefined,
    });
  }

  /** Makes the engine, which everything else does that needs it. */
  async open(): Promise<void> {
    await this.#open();
  }

  /** Starts to listen. Rejects with the system's error (`EADDRINUSE`, `EACCES` …). */
  async start(): Promise<void> {
    if (this.#state !== 'created') throw new Error(`the server is ${this.#state}`);
    if (this.#starting !== undefined) throw new Error('the server is starting');
    this.#starting = this.#start();
    try {
      await this.#starting;
    } finally {
      this.#starting = undefined;
    }
  }

  async #start(): Promise<void> {
    await this.#bind([]);
    await this.#listen();
  }

  /** Binds the addresses, and starts the workers; whoever connects waits. */
  async #bind(inherited: readonly InheritedAddress[]): Promise<void> {
    const { engine } = await this.#open();
    await this.#crew?.start(this.shares, engine);
    await this.#shares.restoreInWorkers();
    // A worker is given its connections.
    if (this.#place !== undefined) return;
    const { listen, port = SMB_PORT } = this.#options;
    try {
      await this.#listeners.bind(listen, port, inherited);
    } catch (error) {
      await this.#crew?.stop();
      throw error;
    }
  }

  async #listen(): Promise<void> {
    await this.#listeners.open();
    this.#state = 'listening';
    this.#pollAccounts();
    // Until then somebody may add the share.
    this.#env.timers.after(this.#limits.durableTimeoutMaxMs, () => {
      void this.#shares.sweep(() => 'gone');
    });
  }

  /**
   * Instead of adding shares and starting, where another process serves them still: whoever
   * connects waits, and nothing that is open is restored, until `takeOver`. Rejects as `addShare`
   * and `start` do; nothing has changed for the other process then.
   */
  async prepare(
    shares: readonly ShareOptions[],
    inherited: readonly InheritedAddress[],
  ): Promise<void> {
    assert(this.#state === 'created', `the server is ${this.#state}`);
    this.#shares.hold();
    for (const share of shares) await this.addShare(share);
    await this.#bind(inherited);
    this.#shares.release();
    this.#state = 'prepared';
  }

  /**
   * The other process has let go of everything: what its clients hold, in that folder and in the
   * store of what outlives a server, is here from now on. How many of the first.
   */
  async takeOver(handOverFolder: string): Promise<number> {
    assert(this.#state === 'prepared', `the server is ${this.#state}`);
    const { engine } = await this.#open();
    await this.#shares.takeOver();
    const count = await takeOpensOf({ engine, crew: this.#crew }, handOverFolder);
    await this.#listen();
    return count;
  }

  /**
   * Lets go of everything for another process: requests under way are answered, connections end,
   * and what clients hold is written into the folder. Only `stop` may follow.
   */
  async handOver(folder: string): Promise<LeftBehind> {
    assert(this.#state === 'listening', `the server is ${this.#state}`);
    this.#state = 'handed over';
    const { engine } = await this.#open();
    void this.#listeners.close();
    const left = await letGoOfAll({ engine, crew: this.#crew }, folder);
    // One process at a time has it.
    await this.#persistentStore.close();
    return left;
  }

  /** What another process of this server needs to listen in its place. */
  addresses(): readonly InheritedAddress[] {
    return this.#listeners.addresses();
  }

  /** Closes every open file, session and connection, in order; then the shares' storage. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    // Whoever called `start` is told why it failed.
    await this.#starting?.catch(() => {});
    const isHandedOver = this.#state === 'handed over';
    this.#state = 'stopped';
    const unbound = this.#listeners.close();
    const opened = await this.#opened;
    const crew = this.#crew;
    if (isHandedOver && opened !== undefined) await partFromAll({ engine: opened.engine, crew });
    await crew?.stop();
    if (opened !== undefined) await opened.engine.close();
    await Promise.race([unbound, this.#after(STOP_TIME_MS)]);
    this.#shares.close();
    await this.#store.close();
    await this.#persistentStore.close();
  }

  /**
   * Takes connections of a transport of your own, beside those of the ports that the server listens
   * at; limits on connections are yours. Only in a server of one process.
   */
  async acceptor(): Promise<TransportAcceptor> {
    if (this.#crew !== undefined) throw new OptionError('several processes share no transport');
    return (await this.#open()).engine.accept;
  }

  /** Clients see it at once. Throws `OptionError` when the share cannot be. */
  addShare(options: ShareOptions): Promise<void> {
    return this.#shares.add(options);
  }

  /** Closes all that is open on the share; false when there is none of this name. */
  removeShare(name: string): Promise<boolean> {
    return this.#shares.remove(name);
  }

  /** Adds an account, or gives an account that exists another password. */
  async addUser({ name, password, unixIds }: UserOptions): Promise<void> {
    const hash = ntHash(password);
    const { accounts } = await this.#open();
    await accounts.edit((data) => putAccount(data, { name, ntHash: hash, unixIds }));
    this.#crew?.accountsChanged();
  }

  /** Ends the account's sessions, too; false when there is none of this name. */
  async removeUser(name: string): Promise<boolean> {
    const { accounts } = await this.#open();
    if (findAccount(accounts.data, name) === undefined) return false;
    await accounts.edit((data) => removeAccount(data, name));
    this.#crew?.accountsChanged();
    return true;
  }

  /** Reads the accounts of the state folder again, now instead of at the next logon. */
  async reloadAccounts(): Promise<void> {
    (await this.#open()).accounts.refresh();
    this.#crew?.accountsChanged();
  }

  /**
   * Takes over what changed in a configuration that was read again: accounts, shares and most
   * options. No session is cut; the report says what has to wait.
   */
  async reload(next: Configured): Promise<ReloadReport> {
    await this.reloadAccounts();
    return reload(this, { server: this.#options, shares: this.shares }, next);
  }

  /** Throws `OptionError`, and nothing has changed. Only what `decideReload` calls a change. */
  changeShare(options: ShareOptions): Promise<void> {
    return this.#shares.change(options);
  }

  /** As `changeShare`, of the server. */
  async changeOptions(options: SmbServerOptions): Promise<void> {
    const { engine } = await this.#open();
    engine.changeOptions(runTimeOptions(options, this.#env));
    const { log, onEvent } = this.#options;
    this.#options = { ...options, ...(log && { log }), ...(onEvent && { onEvent }) };
    await this.#crew?.changeOptions(options);
  }

  /** Names of the accounts, as they are spelled. */
  async users(): Promise<readonly string[]> {
    const { accounts } = await this.#open();
    accounts.refresh();
    return accounts.data.accounts.map((account) => account.name);
  }

  /** Connections, sessions and opens as they are now, with locks, leases and share modes. */
  async status(): Promise<ServerStatus> {
    const { engine } = await this.#open();
    return this.#crew?.status() ?? run(serverStatus(engine));
  }

  /** Ends a session of `status`; its client has to log on again. False: there is none. */
  async closeSession(id: string): Promise<boolean> {
    const { engine } = await this.#open();
    return this.#crew?.end('session', id) ?? run(closeSessionById(engine, id));
  }

  /** Closes an open of `status` under its client's hands. False: there is none. */
  async closeOpen(id: string): Promise<boolean> {
    const { engine } = await this.#open();
    return this.#crew?.end('open', id) ?? run(closeOpenById(engine, id));
  }

  /** Ends everybody's connections to the share, which stays. False: there is none. */
  async closeShare(name: string): Promise<boolean> {
    const { engine } = await this.#open();
    return this.#crew?.end('share', name) ?? run(closeShareByName(engine, name));
  }

  get shares(): readonly ShareOptions[] {
    return this.#shares.options;
  }

  /** The first address it listens on; undefined unless it does. */
  get address(): string | undefined {
    return this.#listeners.address;
  }

  get port(): number | undefined {
    return this.#listeners.port;
  }

  get name(): string {
    return serverNameOf(this.#options);
  }

  #open(): Promise<Opened> {
    this.#opened ??= this.#openEngine();
    return this.#opened;
  }

  async #openEngine(): Promise<Opened> {
    const opened = await openEngine({
      options: this.#crew?.open() ?? this.#options,
      env: this.#env,
      limits: this.#limits,
      store: this.#store,
      serverId: this.#serverId,
      serverName: this.name,
      peers: this.#place?.peers,
    });
    this.#place?.attach(opened.engine);
    return opened;
  }

  async #bindOne(at: ListenAt): Promise<Listener> {
    if (this.#crew !== undefined) return this.#crew.bind(at);
    const { accept } = (await this.#open()).engine;
    return bindTcp({ ...at, accept, limits: this.#limits, timers: this.#env.timers });
  }

  #after(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#env.timers.after(delayMs, resolve));
  }

  #pollAccounts(): void {
    if (this.#state !== 'listening' || this.#options.stateFolder === undefined) return;
    void this.reloadAccounts();
    this.#env.timers.after(ACCOUNTS_POLL_MS, () => this.#pollAccounts());
  }
}

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

import { hostname } from 'node:os';
import { ntHash } from '../auth/ntlm/nt-hash.ts';
import { assert } from '../base/assert.ts';
import { DEFAULT_LIMITS, type Limits } from '../base/limits.ts';
import { run } from '../base/task.ts';
import { makeNodeEnv } from '../env/node/node-env.ts';
import { makeNodeLog } from '../env/node/node-log.ts';
import type { Env, Log } from '../env/ports.ts';
import { persistentTable, type StoredFiles } from '../fsa/persistent-files.ts';
import type { VolumeFate } from '../fsa/sweep-persistent.ts';
import type { VolumePeers } from '../fsa/volume-peers.ts';
import { closeOpenById, closeSessionById, closeShareByName } from '../smb2/server/close-by-id.ts';
import type { LeftBehind } from '../smb2/server/hand-over.ts';
import type { EncryptionPolicy, ServerEvent, ServerPeers } from '../smb2/server/options.ts';
import { restoreShare } from '../smb2/server/restore-share.ts';
import type { Smb2Server } from '../smb2/server/server.ts';
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
import { AccountStore } from './account-store.ts';
import {
  addAccount,
  findAccount,
  removeAccount,
  setPassword,
  setUnixIds,
  unixIdOfSid,
} from './accounts.ts';
import { AccountsFile } from './accounts-file.ts';
import type { Configured } from './decide-reload.ts';
import { type InheritedAddress, type Listener, Listeners } from './listeners.ts';
import { makeEngine, runTimeOptions } from './make-engine.ts';
import { changeMounted, type MountedShare, mountShare } from './mount-share.ts';
import {
  checkShareName,
  type DialectName,
  OptionError,
  type ShareOptions,
  type SmbServerOptions,
  type UserOptions,
} from './options.ts';
import { PersistentStore } from './persistent-store.ts';
import { type ReloadReport, reload } from './reload.ts';
import { exposuresOf, refuseSharedState } from './state-folder-safety.ts';
import {
  addLeft,
  HAND_OVER_STEPS,
  type HandOverStep,
  NOTHING_LEFT,
  stepAside,
  takeOpens,
} from './step-aside.ts';
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
  SmbServerOptions,
  Transport,
  TransportAcceptor,
  TransportListener,
  UserOptions,
  Vfs,
};
export { DEFAULT_LIMITS, OptionError };

const SMB_PORT = 445;
const NETBIOS_NAME_MAX = 15;
/** How often a running server looks whether another process edited the accounts. */
const ACCOUNTS_POLL_MS = 2_000;
/** Long enough for open files to be closed in order; then connections are cut. */
const STOP_TIME_MS = 5_000;

type State = 'created' | 'prepared' | 'listening' | 'handed over' | 'stopped';

/** What a worker process gives its server: see workers/. */
export interface WorkerPlace {
  readonly serverId: string;
  /** Shared with the other workers. */
  readonly store: RecordStore;
  readonly peers: ServerPeers & VolumePeers;
  readonly storedFiles: StoredFiles;
  /** Told once, before any share is added. */
  attach(engine: Smb2Server): void;
}

interface Parts {
  readonly accounts: AccountStore;
  readonly engine: Smb2Server;
}

export class SmbServer {
  #options: SmbServerOptions;
  readonly #limits: Limits;
  readonly #env: Env;
  readonly #serverId: string;
  readonly #store: RecordStore;
  readonly #persistentStore: PersistentStore;
  readonly #shares: Map<string, MountedShare> = new Map();
  readonly #listeners: Listeners;
  readonly #place: WorkerPlace | undefined;
  /** Of a server of several processes, this one being the first. */
  readonly #crew: Crew | undefined;
  #parts: Promise<Parts> | undefined;
  #state: State = 'created';
  /** What another process still has is left alone. */
  #isPreparing = false;
  /** Shares with opens in the store of what outlives a server, which one process at a time has. */
  readonly #shareLater: ShareOptions[] = [];
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
    if (this.#crew !== undefined) await this.#restoreInWorkers(this.#crew, this.shares);
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
      void this.#sweepPersistent(() => 'gone');
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
    this.#isPreparing = true;
    for (const share of shares) await this.addShare(share);
    await this.#bind(inherited);
    this.#isPreparing = false;
    this.#state = 'prepared';
  }

  /**
   * The other process has let go of everything: what its clients hold, in that folder and in the
   * store of what outlives a server, is here from now on. How many of the first.
   */
  async takeOver(handOverFolder: string): Promise<number> {
    assert(this.#state === 'prepared', `the server is ${this.#state}`);
    const { engine } = await this.#open();
    for (const share of this.#shares.values()) await this.#restore(engine, share);
    if (this.#crew !== undefined) await this.#restoreInWorkers(this.#crew, this.shares);
    for (const share of this.#shareLater.splice(0)) await this.addShare(share);
    const count = await this.#takeOpens(engine, handOverFolder);
    await this.#listen();
    return count;
  }

  /** What cannot be read is lost, and keeps nobody from the rest. */
  async #takeOpens(engine: Smb2Server, folder: string): Promise<number> {
    try {
      return await (this.#crew?.takeOpens(folder) ?? takeOpens(engine, folder));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#env.log.error({ folder, reason }, 'what clients had open is lost');
      return 0;
    }
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
    let left = NOTHING_LEFT;
    for (const step of HAND_OVER_STEPS) {
      // What it is about goes on while the other process serves already.
      if (step === 'part') break;
      left = addLeft(left, await this.#stepAside(engine, step, folder));
    }
    // One process at a time has it.
    await this.#persistentStore.close();
    return left;
  }

  #stepAside(engine: Smb2Server, step: HandOverStep, folder: string): Promise<LeftBehind> {
    return this.#crew?.stepAside(step, folder) ?? stepAside(engine, step, folder);
  }

  /** What another process of this server needs to listen in its place. */
  addresses(): readonly InheritedAddress[] {
    return this.#listeners.addresses();
  }

  /** Opens that outlived a server, of shares that are not, or do not restore them, any more. */
  async #sweepPersistent(fateOf: (volumeId: string) => VolumeFate): Promise<void> {
    if (this.#stopping !== undefined || this.#place !== undefined) return;
    if (this.#state === 'handed over') return;
    await this.#persistentStore.sweep(this.#crew?.store ?? this.#store, (id) =>
      this.#shares.get(id)?.options.continuousAvailability === true ? 'here' : fateOf(id),
    );
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
    const parts = await this.#parts;
    if (isHandedOver && parts !== undefined) await this.#stepAside(parts.engine, 'part', '');
    await this.#crew?.stop();
    if (parts !== undefined) await parts.engine.close();
    await Promise.race([unbound, this.#after(STOP_TIME_MS)]);
    for (const share of this.#shares.values()) share.close();
    this.#shares.clear();
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
  async addShare(options: ShareOptions): Promise<void> {
    checkShareName(options.name);
    this.#crew?.checkShare(options);
    const { engine, accounts } = await this.#open();
    const isKept = options.continuousAvailability === true;
    const isLater = isKept && this.#isPreparing;
    const storedFiles = isKept && !isLater ? await this.#storedFiles() : undefined;
    if (this.#stopping !== undefined) throw new Error('the server is stopped');
    const key = options.name.toLowerCase();
    if (this.#shares.has(key)) throw new OptionError(`share '${options.name}' exists already`);
    const { stateFolder } = this.#options;
    if (stateFolder !== undefined) refuseSharedState(options, stateFolder);
    const share = mountShare(options, {
      env: this.#env,
      limits: this.#limits,
      store: this.#store,
      serverId: this.#serverId,
      peers: this.#place?.peers,
      unixIdOf: (sid) => unixIdOfSid(accounts.data, sid),
      storedFiles,
    });
    if (isLater) {
      share.close();
      this.#shareLater.push(options);
      return;
    }
    if (this.#crew !== undefined) {
      // It can be mounted: that was all that this process had to find out.
      share.close();
      this.#shares.set(key, { ...share, close: () => {} });
      if (storedFiles !== undefined) this.#crew.keepIn(storedFiles);
      const crew = this.#crew;
      await this.#restoreInWorkers(crew, [options], () => crew.addShare(options));
      return;
    }
    this.#shares.set(key, share);
    if (!this.#isPreparing) await this.#restore(engine, share);
    engine.addShare(share.share);
  }

  /** The same for workers, once they are there; `add` gives them the shares. */
  async #restoreInWorkers(
    crew: Crew,
    shares: readonly ShareOptions[],
    add: () => Promise<void> = async () => {},
  ): Promise<void> {
    if (crew.store === undefined || this.#isPreparing) return await add();
    await crew.restore(shares, add);
    const names = new Set(shares.map(({ name }) => name.toLowerCase()));
    await this.#sweepPersistent((id) => (names.has(id) ? 'gone' : 'to come'));
  }

  async #storedFiles(): Promise<StoredFiles | undefined> {
    if (this.#place !== undefined) return this.#place.storedFiles;
    const store = await this.#persistentStore.open();
    return store && persistentTable(store);
  }

  async #restore(engine: Smb2Server, { share, options }: MountedShare): Promise<void> {
    if (this.#crew !== undefined) return;
    await run(restoreShare(engine, share));
    if (options.continuousAvailability === true) return;
    const key = options.name.toLowerCase();
    await this.#sweepPersistent((id) => (id === key ? 'gone' : 'to come'));
  }

  /** Closes all that is open on the share; false when there is none of this name. */
  async removeShare(name: string): Promise<boolean> {
    const share = this.#shares.get(name.toLowerCase());
    if (share === undefined) return false;
    this.#shares.delete(name.toLowerCase());
    const { engine } = await this.#open();
    await this.#crew?.removeShare(name);
    await engine.removeShare(share.options.name);
    share.close();
    return true;
  }

  /** Adds an account, or gives an account that exists another password. */
  async addUser({ name, password, unixIds }: UserOptions): Promise<void> {
    const hash = ntHash(password);
    const { accounts } = await this.#open();
    await accounts.edit((data) => {
      const exists = findAccount(data, name) !== undefined;
      const next = exists ? setPassword(data, name, hash) : addAccount(data, name, hash);
      return unixIds === undefined ? next : setUnixIds(next, name, unixIds);
    });
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
  async changeShare(options: ShareOptions): Promise<void> {
    const key = options.name.toLowerCase();
    const known = this.#shares.get(key);
    assert(known !== undefined, `share ${options.name} changes, and is not there`);
    const changed = changeMounted(known, options, this.#limits);
    this.#shares.set(key, changed);
    await this.#crew?.changeShare(options);
    if (this.#crew === undefined) (await this.#open()).engine.changeShare(changed.share);
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
    return [...this.#shares.values()].map((share) => share.options);
  }

  /** The first address it listens on; undefined unless it does. */
  get address(): string | undefined {
    return this.#listeners.address;
  }

  get port(): number | undefined {
    return this.#listeners.port;
  }

  get name(): string {
    const own =
      hostname()
        .split('.')[0]
        ?.replace(/[^A-Za-z0-9-]/g, '') || 'SEMBA';
    return (this.#options.name ?? own).slice(0, NETBIOS_NAME_MAX).toUpperCase();
  }

  #open(): Promise<Parts> {
    this.#parts ??= this.#makeParts();
    return this.#parts;
  }

  async #makeParts(): Promise<Parts> {
    const options = this.#crew?.open() ?? this.#options;
    const { stateFolder } = options;
    const { random } = this.#env;
    const file = stateFolder === undefined ? undefined : new AccountsFile(stateFolder, random);
    let engine: Smb2Server | undefined;
    const revoked = (userName: string) => void engine?.logoffUser(userName);
    const accounts = await AccountStore.open({ file, env: this.#env, revoked });
    if (stateFolder !== undefined && file !== undefined) {
      for (const what of exposuresOf(stateFolder, file.path)) this.#env.log.warn({}, what);
    }
    engine = makeEngine({
      options,
      env: this.#env,
      limits: this.#limits,
      store: this.#store,
      serverId: this.#serverId,
      serverName: this.name,
      peers: this.#place?.peers,
      accounts,
    });
    this.#place?.attach(engine);
    return { accounts, engine };
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

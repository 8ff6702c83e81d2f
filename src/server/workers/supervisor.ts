/**
 * The process that listens, and the workers that serve: [MS-SMB2] 3.3.1.5 Global, spread over
 * processes by client. A worker's life:
 *
 *   starting --T0 SERVING--> serving --T1 it exits, or hangs and is killed--> gone
 *       \------------------------------T1--------------------------------------/ |
 *       ^-----------T2 after a delay, if its files are still those: #restart()---+
 *
 * starting: it has no connections. serving: it answers pings, connections are handed to it unless
 * there is something to recover first. gone: other workers sweep what it held in the shared
 * records, and take over what its clients may come back for (recovery.ts); its clients wait for
 * that.
 */
import { LogonThrottle } from '../../auth/logon-throttle.ts';
import type { Limits } from '../../base/limits.ts';
import type { Env, TimerHandle } from '../../env/ports.ts';
import type { StoredFiles } from '../../fsa/persistent-files.ts';
import { BusCalls } from '../../messaging/calls.ts';
import { broadcast } from '../../messaging/message-bus.ts';
import { ProcessBus, socketOf } from '../../messaging/process/process-bus.ts';
import type { LeftBehind } from '../../smb2/server/hand-over.ts';
import type { ServerStatus } from '../../smb2/server/status.ts';
import type { ListenAt } from '../../smb2/transport/tcp/listening-socket.ts';
import type { RecordStore } from '../../state/record-store.ts';
import type { SharedRecordStore } from '../../state/shared/shared-record-store.ts';
import type { Listener } from '../listeners.ts';
import { OptionError, type ShareOptions, type SmbServerEvent } from '../options.ts';
import { addLeft, type HandOverStep, NOTHING_LEFT } from '../step-aside.ts';
import { type ControlledWorker, endAtWorkers, statusOfWorkers } from './control-workers.ts';
import { decideHung, decideRestart } from './decide-workers.ts';
import { replacement } from './installed-code.ts';
import { Intake, type IntakeOptions } from './intake.ts';
import { answerLogonGuards } from './logon-guard.ts';
import { Reception } from './reception.ts';
import { Recovery } from './recovery.ts';
import { removeLeftOver } from './runtime-folder.ts';
import { openSharedStore } from './shared-store.ts';
import { answerStore, enterAll } from './stored-files.ts';
import {
  ACCOUNTS_CHANGED,
  ADD_SHARE,
  CHANGE_OPTIONS,
  CHANGE_SHARE,
  CONNECTION_CLOSED,
  CONNECTION_TAKEN,
  EVENT,
  LOG,
  MEMBERS,
  PING,
  PONG,
  REMOVE_SHARE,
  SERVING,
  STEP_ASIDE,
  TAKE_OPENS,
} from './worker-messages.ts';
import type { OptionsOfWorker } from './worker-options.ts';
import {
  forkWorker,
  newServerId,
  stopWorker,
  type WorkerProcess,
  WorkerStartError,
} from './worker-process.ts';

/** How often a worker is asked whether it lives. */
const PING_MS = 1_000;
/** How often it is looked whether the files are again those that run. */
const OTHER_CODE_MS = 30_000;
const NOT_STARTED = "a worker is not started: other files are installed; see 'semba upgrade'";
/** Longer than a worker takes for a step of a hand-over. */
const STEP_TIME_MS = 15_000;

export interface SupervisorOptions {
  readonly count: number;
  /** The runtime folder; removed by who made it. */
  readonly folder: string;
  readonly env: Env;
  readonly limits: Limits;
  readonly options: OptionsOfWorker;
  readonly shares: readonly ShareOptions[];
  /** Where opens stand that outlive the server. */
  readonly stored: () => StoredFiles | undefined;
  readonly onEvent: ((event: SmbServerEvent) => void) | undefined;
  readonly answerSmb1: IntakeOptions['answerSmb1'];
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #bus: ProcessBus;
  readonly #calls: BusCalls;
  readonly #store: SharedRecordStore;
  readonly #reception: Reception;
  readonly #intake: Intake;
  readonly #recovery: Recovery;
  readonly #workers = new Map<number, WorkerProcess>();
  readonly #failures = new Map<number, number>();
  #shares: readonly ShareOptions[];
  #workerOptions: OptionsOfWorker;
  #isStopping = false;
  #pings: TimerHandle | undefined;
  /** Told at the first worker that serves, or the first that does not come up. */
  #settleStart: ((failed?: Error) => void) | undefined;

  /** Starts the workers; resolves when all serve. Rejects when one ends before. */
  static async start(options: SupervisorOptions): Promise<Supervisor> {
    const { folder, env } = options;
    const serverId = newServerId(env);
    const bus = await ProcessBus.open({ folder, serverId, log: env.log });
    const supervisor = new Supervisor(options, bus);
    const started = new Promise<void>((resolve, reject) => {
      supervisor.#settleStart = (failed) => (failed === undefined ? resolve() : reject(failed));
    });
    for (let slot = 0; slot < options.count; slot++) supervisor.#fork(slot);
    try {
      await started;
    } catch (error) {
      await supervisor.stop();
      throw error;
    }
    return supervisor;
  }

  private constructor(options: SupervisorOptions, bus: ProcessBus) {
    const { env, limits, folder, shares, answerSmb1 } = options;
    this.#options = options;
    this.#shares = shares;
    this.#workerOptions = options.options;
    this.#bus = bus;
    this.#calls = new BusCalls(bus);
    // It alone ends a worker that stopped within a change, so that it never waits for one itself.
    this.#store = openSharedStore({ folder, bus, patienceMs: limits.workerSilenceMs });
    const reception = new Reception({ env, limits });
    this.#reception = reception;
    answerStore(this.#calls, { store: this.#store, stored: options.stored });
    this.#recovery = new Recovery({
      env,
      store: this.#store,
      bus,
      calls: this.#calls,
      reception,
      // One whose end of the bus is gone answers nothing.
      serving: () => this.#serving().filter(({ serverId }) => bus.peers().includes(serverId)),
    });
    this.#intake = new Intake({
      limits,
      env,
      answerSmb1,
      counts: (address) => reception.counts(address),
      handOver: (identified) => reception.take(identified),
    });
    answerLogonGuards(bus, this.#calls, new LogonThrottle({ clock: env.clock, limits }));
    this.#listenToWorkers();
    this.#ping();
  }

  bind(at: ListenAt): Promise<Listener> {
    return this.#intake.bind(at);
  }

  /** The workers' shared records. */
  get store(): RecordStore {
    return this.#store;
  }

  /** See `Crew.restore`. */
  async restore(volumeIds: ReadonlySet<string>, add: () => Promise<void>): Promise<void> {
    const stored = this.#options.stored();
    const isLeft = stored !== undefined && (await enterAll(this.#store, stored, volumeIds));
    await add();
    if (isLeft) await this.#recovery.begin();
  }

  /** Throws `OptionError` when a worker cannot have it. */
  async addShare(share: ShareOptions): Promise<void> {
    this.#shares = [...this.#shares, share];
    const problems = await this.#calls.askAll(this.#bus.peers(), ADD_SHARE, share);
    const problem = problems.find((one) => one !== '');
    if (problem === undefined) return;
    await this.removeShare(share.name);
    throw new OptionError(problem);
  }

  async removeShare(name: string): Promise<void> {
    this.#shares = this.#shares.filter((one) => one.name.toLowerCase() !== name.toLowerCase());
    await this.#calls.askAll(this.#bus.peers(), REMOVE_SHARE, name);
  }

  async changeShare(share: ShareOptions): Promise<void> {
    const key = share.name.toLowerCase();
    this.#shares = this.#shares.map((one) => (one.name.toLowerCase() === key ? share : one));
    await this.#calls.askAll(this.#bus.peers(), CHANGE_SHARE, share);
  }

  /** Those that are started from now on have them, too. */
  async changeOptions(options: OptionsOfWorker): Promise<void> {
    this.#workerOptions = options;
    await this.#calls.askAll(this.#bus.peers(), CHANGE_OPTIONS, options);
  }

  accountsChanged(): void {
    broadcast(this.#bus, ACCOUNTS_CHANGED, {});
  }

  status(): Promise<ServerStatus> {
    return statusOfWorkers(this.#controlled, this.#calls, this.#options.env);
  }

  /** False: there is none, in no worker. Rejects with `SilentWorkersError`. */
  end(what: 'session' | 'open' | 'share', id: string): Promise<boolean> {
    return endAtWorkers({ what, id }, this.#controlled, this.#calls, this.#options.env);
  }

  get #controlled(): readonly ControlledWorker[] {
    return [...this.#workers.values()].map(({ slot, serverId, child, state }) => {
      // One that is gone starts again in its time.
      const isServing = state === 'serving';
      const connections = this.#reception.loadOf(slot);
      return {
        slot,
        serverId,
        pid: child.pid ?? 0,
        connections,
        state: isServing ? 'serving' : 'starting',
      };
    });
  }

  /** What all workers left, one that goes meanwhile nothing. */
  async stepAside(step: HandOverStep, folder: string): Promise<LeftBehind> {
    this.#isStopping = true;
    this.#pings?.cancel();
    this.#intake.close();
    let left = NOTHING_LEFT;
    const asked = [...this.#workers.values()].map(async ({ serverId, child }) => {
      const hung = this.#options.env.timers.after(STEP_TIME_MS, () => child.kill('SIGKILL'));
      const one = await this.#calls.ask(serverId, STEP_ASIDE, { step, folder });
      hung.cancel();
      if (one !== undefined) left = addLeft(left, one);
    });
    await Promise.all(asked);
    return left;
  }

  /** Throws when no worker could. */
  async takeOpens(folder: string): Promise<number> {
    const worker = [...this.#workers.values()].find(({ state }) => state === 'serving');
    const count = worker && (await this.#calls.ask(worker.serverId, TAKE_OPENS, folder));
    if (count === undefined || count < 0) throw new Error('no worker took them over');
    return count;
  }

  /** Every worker closes its files in order; one that does not come to an end is killed. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#recovery.stop();
    this.#pings?.cancel();
    this.#intake.close();
    this.#reception.close();
    const { env } = this.#options;
    const workers = [...this.#workers.values()];
    await Promise.all(workers.map((worker) => stopWorker(worker, this.#calls, env)));
    await this.#bus.close();
    this.#store.close();
  }

  #fork(slot: number): void {
    const { env, folder } = this.#options;
    const supervisorId = this.#bus.serverId;
    const setup = { slot, supervisorId, folder, options: this.#workerOptions };
    const worker = forkWorker(setup, env, (gone, reason) => {
      // What it said last is still to be read: which connections it had taken.
      if (!this.#bus.peers().includes(gone.serverId)) this.#gone(gone, reason);
    });
    this.#workers.set(slot, worker);
  }

  /** T1, T2. */
  #gone(worker: WorkerProcess, reason: string): void {
    const { env } = this.#options;
    const { slot, serverId, state, startedMs } = worker;
    worker.state = 'gone';
    if (this.#isStopping) return;
    if (this.#settleStart !== undefined) {
      this.#settleStart(new WorkerStartError(`worker ${slot} ended: ${reason}`));
      return;
    }
    const livedMs = env.clock.monotonicMs() - startedMs;
    const restart = decideRestart(this.#failures.get(slot) ?? 0, livedMs);
    this.#failures.set(slot, restart.failures);
    this.#reception.workerWent(slot, { comesBack: restart.delayMs === 0 });
    env.log.error({ slot, reason, state, delayMs: restart.delayMs }, 'a worker is gone');
    removeLeftOver(socketOf(this.#options.folder, serverId));
    this.#recovery.workerWent(serverId);
    env.timers.after(restart.delayMs, () => this.#restart(slot));
  }

  /** T2. Two versions do not serve together: the other workers go on, as long as there are any. */
  #restart(slot: number): void {
    if (this.#isStopping) return;
    const replaced = replacement();
    if (replaced === undefined) {
      this.#fork(slot);
      return;
    }
    const { env, onEvent } = this.#options;
    env.log.error({ slot, ...replaced }, NOT_STARTED);
    this.#reception.workerWent(slot, { comesBack: false });
    env.timers.after(OTHER_CODE_MS, () => this.#restart(slot));
    const isServed = [...this.#workers.values()].some(({ state }) => state !== 'gone');
    if (!isServed) onEvent?.({ kind: 'out-of-service', reason: NOT_STARTED });
  }

  #serving(): readonly WorkerProcess[] {
    return [...this.#workers.values()].filter(({ state }) => state === 'serving');
  }

  #listenToWorkers(): void {
    const { env, onEvent } = this.#options;
    const bus = this.#bus;
    bus.watchPeers({
      // Who comes connects to those that came before, so that every two of them are connected.
      joined: (serverId) => {
        const serverIds = bus.peers().filter((other) => other !== serverId);
        bus.send(serverId, MEMBERS, { serverIds, shares: this.#shares });
      },
      left: (serverId) => this.#lost(serverId),
    });
    bus.handle(SERVING, (_, from) => this.#serves(from));
    bus.handle(PONG, ({ busyPermille }, from) => {
      const worker = this.#workerOf(from);
      if (worker === undefined) return;
      worker.heardMs = env.clock.monotonicMs();
      this.#reception.heard(worker.slot, busyPermille / 1_000);
    });
    bus.handle(CONNECTION_TAKEN, ({ id }) => this.#reception.taken(id));
    bus.handle(CONNECTION_CLOSED, ({ id }) => this.#reception.closed(id));
    bus.handle(LOG, ({ level, fields, message }, from) => {
      const worker = this.#workerOf(from)?.slot;
      env.log[level]({ worker, ...(fields as object) }, message);
    });
    bus.handle(EVENT, ({ event }) => onEvent?.(event as SmbServerEvent));
  }

  /** T0. */
  #serves(serverId: string): void {
    const worker = this.#workerOf(serverId);
    if (worker === undefined) return;
    worker.state = 'serving';
    worker.heardMs = this.#options.env.clock.monotonicMs();
    if (this.#recovery.isPending) void this.#recovery.run().then(() => this.#admit(worker));
    else this.#admit(worker);
    const all = [...this.#workers.values()];
    if (this.#settleStart === undefined) return;
    if (!all.every(({ state }) => state === 'serving')) return;
    this.#settleStart();
    this.#settleStart = undefined;
  }

  #admit({ state, slot, child }: WorkerProcess): void {
    if (state !== 'serving') return;
    this.#reception.workerCame(slot, (message, socket, failed) => {
      child.send(message, socket, { keepOpen: true }, (error) => {
        if (error !== null) failed(error);
      });
    });
  }

  /** Its end of the bus is gone: it exits, or has to. */
  #lost(serverId: string): void {
    const worker = this.#workerOf(serverId);
    if (worker?.reason !== undefined) this.#gone(worker, worker.reason);
    else if (worker !== undefined && !this.#isStopping) worker.child.kill('SIGKILL');
  }

  #ping(): void {
    const { env } = this.#options;
    this.#pings = env.timers.after(PING_MS, () => {
      const serving = this.#serving();
      const nowMs = env.clock.monotonicMs();
      const holder = serving.find(({ child }) => child.pid === this.#store.holder)?.slot;
      const hung = decideHung(serving, nowMs, this.#options.limits.workerSilenceMs, holder);
      if (hung !== undefined) this.#replaceHung(hung, serving);
      for (const { serverId } of serving) this.#bus.send(serverId, PING, {});
      this.#ping();
    });
  }

  #replaceHung(slot: number, serving: readonly WorkerProcess[]): void {
    const { env, limits } = this.#options;
    env.log.error({ slot, silenceMs: limits.workerSilenceMs }, 'a worker hangs: it is replaced');
    this.#workers.get(slot)?.child.kill('SIGKILL');
    // The others may have waited for this one only.
    for (const worker of serving) worker.heardMs = env.clock.monotonicMs();
  }

  #workerOf(serverId: string): WorkerProcess | undefined {
    for (const worker of this.#workers.values()) if (worker.serverId === serverId) return worker;
    return undefined;
  }
}

import type { Socket } from 'node:net';
import { assert } from '../../base/assert.ts';
import { DEFAULT_LIMITS } from '../../base/limits.ts';
import { makeBusyMeter } from '../../env/node/busy-meter.ts';
import { nodeTimers } from '../../env/node/node-timers.ts';
import type { Log } from '../../env/ports.ts';
import { BusCalls } from '../../messaging/calls.ts';
import type { ProcessBus } from '../../messaging/process/process-bus.ts';
import { goOnAfterWildcard } from '../../smb2/server/commands/smb1-negotiate.ts';
import type { Smb2Server } from '../../smb2/server/server.ts';
import type { Connection } from '../../smb2/server/state/connection.ts';
import { TcpTransport } from '../../smb2/transport/tcp/tcp-transport.ts';
import type { SharedRecordStore } from '../../state/shared/shared-record-store.ts';
import type { ShareOptions } from '../options.ts';
import { SmbServer } from '../smb-server.ts';
import { NOTHING_LEFT, stepAside, takeOpens } from '../step-aside.ts';
import { answerRecovery } from './answer-recovery.ts';
import { keepBreakTimes } from './keep-break-times.ts';
import { openSharedStore } from './shared-store.ts';
import { storedFilesOver } from './stored-files.ts';
import {
  ACCOUNTS_CHANGED,
  ADD_SHARE,
  CHANGE_OPTIONS,
  CHANGE_SHARE,
  CONNECTION_CLOSED,
  CONNECTION_TAKEN,
  END,
  EVENT,
  type HandedOver,
  MEMBERS,
  PING,
  PONG,
  REMOVE_SHARE,
  SERVING,
  STATUS,
  STEP_ASIDE,
  STOP,
  SWEPT,
  TAKE_OPENS,
  type WorkerSetup,
} from './worker-messages.ts';
import type { OptionsOfWorker } from './worker-options.ts';
import { WorkerPeers } from './worker-peers.ts';

/** One worker: the server of its clients, and its ends of the bus. */
export class Worker {
  readonly #setup: WorkerSetup;
  readonly #bus: ProcessBus;
  readonly #log: Log;
  readonly #calls: BusCalls;
  readonly #store: SharedRecordStore;
  readonly #server: SmbServer;
  #engine: Smb2Server | undefined;
  #jobs: Promise<unknown> = Promise.resolve();

  constructor(setup: WorkerSetup, bus: ProcessBus, log: Log) {
    this.#setup = setup;
    this.#bus = bus;
    this.#log = log;
    this.#calls = new BusCalls(bus);
    const { serverId, supervisorId, folder, slot } = setup;
    const store = openSharedStore({ folder, bus });
    this.#store = store;
    const peers = new WorkerPeers({ bus, calls: this.#calls, supervisorId, slot });
    const options = {
      ...setup.options,
      log,
      onEvent: (event: unknown) => void bus.send(supervisorId, EVENT, { event }),
    };
    const attach = (engine: Smb2Server): void => {
      this.#engine = engine;
      peers.serve(engine, log);
      answerRecovery(engine, { store, calls: this.#calls, env: engine.options.env });
    };
    const storedFiles = storedFilesOver(this.#calls, supervisorId);
    this.#server = new SmbServer(options, { serverId, store, peers, storedFiles, attach });
  }

  /** Joins the others, then says that it serves. */
  async serve(): Promise<void> {
    const { supervisorId } = this.#setup;
    const met = this.#meetOthers();
    this.#obey();
    if (!(await this.#bus.connect(supervisorId))) throw new Error('the supervisor is gone');
    await met;
    await this.#inTurn(() => this.#server.start());
    this.#bus.send(supervisorId, SERVING, {});
  }

  /** A connection from the supervisor, with what it has read of it. */
  accept({ id, early, isSmb1Answered, waitedMs }: HandedOver, socket: Socket): void {
    const engine = this.#served;
    const { supervisorId, options } = this.#setup;
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const transportOptions = {
      timers: nodeTimers,
      messageSizeMax: limits.unauthenticatedMessageSize,
      messageTimeMs: limits.messageTimeMs,
    };
    this.#bus.send(supervisorId, CONNECTION_TAKEN, { id });
    const transport = new TcpTransport(socket, transportOptions, early);
    const begin = (connection: Connection): void => {
      if (isSmb1Answered) goOnAfterWildcard(engine, connection);
    };
    const listener = engine.accept(transport, { begin, waitedMs });
    transport.start({
      message: (bytes) => listener.message(bytes),
      writable: () => listener.writable(),
      closed: (reason) => {
        this.#bus.send(supervisorId, CONNECTION_CLOSED, { id });
        listener.closed(reason);
      },
    });
  }

  get #served(): Smb2Server {
    assert(
      this.#engine !== undefined,
      'the engine was made before this worker said that it serves',
    );
    return this.#engine;
  }

  #meetOthers(): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#bus.handle(MEMBERS, ({ serverIds, shares }) => {
        const joined = this.#inTurn(async () => {
          // What nobody listens to yet is never answered.
          await this.#server.open();
          await Promise.all(serverIds.map((serverId) => this.#bus.connect(serverId)));
          for (const share of shares as ShareOptions[]) await this.#server.addShare(share);
        });
        joined.then(resolve, reject);
      }),
    );
  }

  /** What changes the shares happens in the order in which it was said. */
  #inTurn<T>(job: () => Promise<T>): Promise<T> {
    const done = this.#jobs.then(job);
    this.#jobs = done.catch(() => undefined);
    return done;
  }

  #obey(): void {
    const [bus, calls, server] = [this.#bus, this.#calls, this.#server];
    const { supervisorId, serverId } = this.#setup;
    const busy = makeBusyMeter();
    bus.handle(PING, () => {
      bus.send(supervisorId, PONG, { busyPermille: Math.round(1_000 * busy()) });
    });
    bus.handle(ACCOUNTS_CHANGED, () => void server.reloadAccounts());
    bus.handle(SWEPT, () => {
      if (this.#engine === undefined) return;
      keepBreakTimes(this.#engine, this.#store, serverId).catch((error: unknown) =>
        this.#log.error({ error: String(error) }, 'breaks of a worker that is gone'),
      );
    });
    calls.answer(STATUS, () => server.status());
    calls.answer(END, ({ what, id }) => {
      if (what === 'session') return server.closeSession(id);
      return what === 'open' ? server.closeOpen(id) : server.closeShare(id);
    });
    calls.answer(ADD_SHARE, (share) =>
      this.#inTurn(() => server.addShare(share as ShareOptions)).then(
        () => '',
        (error: unknown) => (error as Error).message,
      ),
    );
    calls.answer(REMOVE_SHARE, (name) => this.#inTurn(() => server.removeShare(name)));
    const change = (what: string, job: () => Promise<void>): Promise<boolean> =>
      this.#inTurn(job).then(
        () => true,
        (error: unknown) => {
          this.#log.error({ error: String(error) }, `${what}: not changed in this worker`);
          return false;
        },
      );
    calls.answer(CHANGE_SHARE, (share) =>
      change('share', () => server.changeShare(share as ShareOptions)),
    );
    calls.answer(CHANGE_OPTIONS, (changed) =>
      change('options', () => server.changeOptions(changed as OptionsOfWorker)),
    );
    calls.answer(STEP_ASIDE, ({ step, folder }) =>
      stepAside(this.#served, step, folder).catch((error: unknown) => {
        this.#log.error({ step, error: String(error) }, 'opens are not handed over');
        return NOTHING_LEFT;
      }),
    );
    calls.answer(TAKE_OPENS, (folder) =>
      takeOpens(this.#served, folder).catch((error: unknown) => {
        this.#log.error({ error: String(error) }, 'opens are not taken over');
        return -1;
      }),
    );
    calls.answer(STOP, async () => {
      await server.stop();
      return true;
    });
  }
}

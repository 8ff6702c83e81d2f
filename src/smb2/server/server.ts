import { type LogonGuard, LogonThrottle } from '../../auth/logon-throttle.ts';
import { assert } from '../../base/assert.ts';
import { recycle } from '../../base/buffer-pool.ts';
import { SEND_QUEUE_SIZE_MIN } from '../../base/limits.ts';
import { isPromise, type MaybePromise, run, type Task } from '../../base/task.ts';
import { Turns } from '../../env/turns.ts';
import { OffloadTokens } from '../../fsa/offload.ts';
import type { SharedLimit } from '../../state/shared-limit.ts';
import type { Transport, TransportListener } from '../transport/transport.ts';
import { Afterwards } from './afterwards.ts';
import { AppInstances } from './app-instances.ts';
import { BreakDeliveries } from './break-delivery.ts';
import { OplockHolders } from './breaks.ts';
import type { Served } from './chain.ts';
import {
  closeDisconnected,
  closeSession,
  closeShare,
  leaveOpen,
  loseSession,
  purgeOpen,
} from './closing.ts';
import { CreateReplays } from './create-replays.ts';
import { DurableOpens } from './durable-opens.ts';
import { FileIds } from './ids.ts';
import { limitOfAll } from './limit-of-all.ts';
import { beginMessage, countWaiting, endMessage } from './message-turns.ts';
import {
  isContinuouslyAvailable,
  type Share,
  type Smb2RunTimeOptions,
  type Smb2ServerOptions,
} from './options.ts';
import { receive } from './receive.ts';
import type { Request } from './request.ts';
import { Connection, isLoggedIn } from './state/connection.ts';
import type { Session } from './state/session.ts';

/** What another process did with a connection before this one had it. */
interface BegunConnection {
  readonly begin: (connection: Connection) => void;
  /** Milliseconds that are gone of `unauthenticatedTimeMs`. */
  readonly waitedMs: number;
}

/**
 * [MS-SMB2] 3.3.1.5 Global: the protocol engine of one process. It owns connections, sessions, tree
 * connects and opens; transports bring it messages, `fsa` does the work on files.
 */
export class Smb2Server {
  /** Replaced by `changeOptions` alone. */
  options: Smb2ServerOptions;
  /** Session.SessionGlobalId is the session id: one engine hands them out. */
  readonly sessions: Map<bigint, Session> = new Map();
  /** Gone, but some of their opens are still to be closed or lost. */
  readonly endingSessions: Map<bigint, Session> = new Map();
  readonly connections: Set<Connection> = new Set();
  /** ShareList, by lower-cased name. */
  readonly #shares: Map<string, Share> = new Map();
  #nextConnectionId = 1;
  /** Nothing is served any more. */
  #isClosing = false;
  /** Answers to breaks are taken, and nothing else: see hand-over.ts. */
  isSettling = false;
  /** Connections that have said their last, until their peers have. */
  partingCount = 0;
  #openCount = 0;
  readonly #opensLimit: SharedLimit;
  /** Requests that were answered and may have changed a file. */
  changeCount = 0;
  readonly logonGuard: LogonGuard;
  readonly #sendQueueSize: number;
  readonly fileIds: FileIds;
  readonly durableOpens: DurableOpens;
  readonly appInstances: AppInstances = new AppInstances();
  readonly createReplays: CreateReplays = new CreateReplays();
  readonly offloadTokens: OffloadTokens;
  readonly oplockHolders: OplockHolders;
  readonly afterwards: Afterwards = new Afterwards((task) => this.runDetached(task));

  constructor(options: Smb2ServerOptions) {
    this.options = options;
    this.#sendQueueSize = Math.max(options.limits.sendQueueSize, SEND_QUEUE_SIZE_MIN);
    const { clock } = options.env;
    const { peers, limits } = options;
    this.logonGuard = peers?.logonGuard ?? new LogonThrottle({ clock, limits });
    this.fileIds = new FileIds(options.env.random);
    this.#opensLimit = limitOfAll(options, 'opensMax');
    this.durableOpens = new DurableOpens(options);
    this.offloadTokens = new OffloadTokens(options.env);
    this.oplockHolders = new OplockHolders({
      purge: (open) => purgeOpen(this, open),
      channels: options.oplockBreakChannels,
      deliveries: new BreakDeliveries({
        timers: options.env.timers,
        answerTimeMs: options.limits.breakTimeoutMs,
        giveUp: (connection, reason) => this.disconnect(connection, reason),
      }),
    });
  }

  /** Serves a connection that a transport made, or another process began with. */
  readonly accept = (transport: Transport, begun?: BegunConnection): TransportListener => {
    const { limits, env } = this.options;
    const connection = new Connection({
      id: this.#nextConnectionId++,
      transport,
      creditsMax: limits.creditsMax,
    });
    begun?.begin(connection);
    this.connections.add(connection);
    env.log.debug({ connection: connection.id, from: transport.remoteAddress }, 'connected');
    const timeMs = Math.max(0, limits.unauthenticatedTimeMs - (begun?.waitedMs ?? 0));
    const timer = env.timers.after(timeMs, () => {
      if (!isLoggedIn(connection)) {
        this.disconnect(connection, 'nobody logged in in time');
      }
    });
    return {
      message: (bytes) => this.#message(connection, bytes),
      writable: () => this.letGo(connection),
      closed: (reason) => {
        timer.cancel();
        if (connection.closed && this.isSettling) this.partingCount--;
        this.#closed(connection, reason);
      },
    };
  };

  /** Whether the server, with all its processes, may have one more open. */
  mayOpen(): MaybePromise<boolean> {
    return this.#opensLimit.allows(this.#openCount + 1);
  }

  openAdded(): void {
    this.#openCount++;
    this.#opensLimit.rose(this.#openCount);
  }

  openRemoved(): void {
    this.#openCount--;
    this.#opensLimit.fell(this.#openCount);
  }

  /** Ends a connection whose peer broke the protocol or a limit: the one place that does. */
  disconnect(connection: Connection, reason: string): void {
    if (connection.closed) return;
    this.options.env.log.info(
      { connection: connection.id, from: connection.transport.remoteAddress, reason },
      'disconnecting',
    );
    this.#closed(connection, reason);
    connection.transport.close({ abort: true });
  }

  /** True when nobody looks at the bytes any more. */
  #message(connection: Connection, bytes: Uint8Array): boolean {
    if (connection.closed || this.#isClosing) return true;
    const { env } = this.options;
    beginMessage(connection, env);
    this.afterwards.settle();
    const isDone = this.#serve(connection, bytes);
    endMessage(connection, env);
    return isDone;
  }

  #serve(connection: Connection, bytes: Uint8Array): boolean {
    let served: MaybePromise<Served>;
    try {
      served = receive(this, connection, bytes);
    } catch (error) {
      this.#unexpected(connection, error);
      return false;
    }
    if (!isPromise(served)) return this.#served(connection, bytes, served);
    countWaiting(connection);
    served.then(
      (outcome) => this.#served(connection, bytes, outcome),
      (error: unknown) => this.#unexpected(connection, error),
    );
    return false;
  }

  #served(connection: Connection, bytes: Uint8Array, served: Served): boolean {
    if (served === 'broken') this.disconnect(connection, 'protocol violation');
    else recycle(bytes);
    return served === 'spent';
  }

  /** Takes no further requests from a peer whose replies, sent or under way, fill the queue. */
  holdBack(connection: Connection): void {
    const { transport } = connection;
    if (connection.paused || connection.closed) return;
    if (transport.queuedBytes + connection.pendingBytes <= this.#sendQueueSize) return;
    connection.paused = true;
    transport.pause();
  }

  /** Takes requests again once there is room for their replies. */
  letGo(connection: Connection): void {
    const { transport } = connection;
    if (!connection.paused || connection.closed) return;
    if (transport.queuedBytes + connection.pendingBytes > this.#sendQueueSize) return;
    connection.paused = false;
    if (!connection.awaitsTurn) transport.resume();
  }

  #unexpected(connection: Connection, error: unknown): void {
    this.options.env.log.error(
      { connection: connection.id, error: error instanceof Error ? error.stack : String(error) },
      'a message failed by a bug',
    );
    this.disconnect(connection, 'internal error');
  }

  /** [MS-SMB2] 3.3.7.1 Handling Loss of a Connection. */
  #closed(connection: Connection, reason: string): void {
    if (connection.closed) return;
    this.#endRequests(connection, reason);
    this.#loseSessions(connection);
  }

  #endRequests(connection: Connection, reason: string): void {
    connection.closed = true;
    this.connections.delete(connection);
    this.oplockHolders.removeConnection(connection);
    this.options.env.log.debug({ connection: connection.id, reason }, 'connection closed');
    for (const request of [...connection.waiting.values()]) strand(request);
  }

  #loseSessions(connection: Connection): void {
    const turns = new Turns(this.options.env);
    for (const session of [...connection.sessions.values()]) {
      session.channels.delete(connection);
      session.authentications.delete(connection);
      if (session.channels.size === 0) this.runDetached(loseSession(this, session, turns));
    }
    connection.sessions.clear();
    this.oplockHolders.connectionLost(connection);
  }

  /**
   * As if the network were gone: what is durable stays. No request of one connection goes on when
   * another one's opens close. Ends when all sessions have; how many connections there were.
   */
  async loseAll(reason: string): Promise<number> {
    this.#isClosing = true;
    const lost = [...this.connections];
    for (const connection of lost) {
      this.#endRequests(connection, reason);
      this.partingCount++;
      connection.transport.close({ abort: false, awaitsPeer: true });
    }
    await this.options.env.timers.turn();
    for (const connection of lost) this.#loseSessions(connection);
    for (const session of [...this.endingSessions.values()]) await run(loseSession(this, session));
    return lost.length;
  }

  /** Runs a task that nobody waits for; a bug in it is logged. */
  runDetached(task: Task<unknown>): void {
    const failed = (error: unknown): void =>
      this.options.env.log.error(
        { error: error instanceof Error ? error.stack : String(error) },
        'closing failed by a bug',
      );
    try {
      const outcome = run(task);
      if (isPromise(outcome)) outcome.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  /** IsCompressionSupported ([MS-SMB2] 3.3.1.5): while no share wants it, nobody is offered it. */
  compresses(): boolean {
    for (const { compression = 'off' } of this.#shares.values()) {
      if (compression !== 'off') return true;
    }
    return false;
  }

  findShare(name: string): Share | undefined {
    return this.#shares.get(name.toLowerCase());
  }

  addShare(share: Share): void {
    this.#shares.set(share.name.toLowerCase(), share);
    share.volume?.oplockBreaks.connect(this.oplockHolders);
  }

  /** What is connected to it from now on finds it so; the volume is the one that it had. */
  changeShare(share: Share): void {
    const key = share.name.toLowerCase();
    assert(this.#shares.get(key)?.volume === share.volume, 'a share changes, not its volume');
    this.#shares.set(key, share);
  }

  /** Holds for what is negotiated, logged on or opened from now on. */
  changeOptions(changed: Smb2RunTimeOptions): void {
    this.options = { ...this.options, ...changed };
  }

  /** Closes the share's tree connects and their opens; false when there is no such share. */
  async removeShare(name: string): Promise<boolean> {
    const share = this.findShare(name);
    if (share === undefined) return false;
    this.#shares.delete(name.toLowerCase());
    await run(closeShare(this, share));
    return true;
  }

  /** Whether opens of any share may outlive the server. */
  hasPersistentShares(): boolean {
    for (const share of this.#shares.values()) if (isContinuouslyAvailable(share)) return true;
    return false;
  }

  shares(): readonly Share[] {
    return [...this.#shares.values()];
  }

  /** Closes the sessions of an account that was removed or locked. */
  logoffUser(userName: string): void {
    const wanted = userName.toLowerCase();
    const isTheirs = ({ identity }: Session): boolean =>
      identity?.userName.toLowerCase() === wanted;
    for (const session of [...this.sessions.values(), ...this.endingSessions.values()]) {
      if (isTheirs(session)) this.runDetached(closeSession(this, session));
    }
    this.runDetached(closeDisconnected(this, (open) => isTheirs(open.session)));
  }

  counts(): {
    readonly connections: number;
    readonly sessions: number;
    readonly treeConnects: number;
    readonly opens: number;
  } {
    let treeConnects = 0;
    for (const session of this.sessions.values()) treeConnects += session.treeConnects.size;
    return {
      connections: this.connections.size,
      sessions: this.sessions.size,
      treeConnects,
      opens: this.#openCount,
    };
  }

  /**
   * Closes every open in order (deletes what is to be deleted on close), then the connections.
   * Persistent opens stand in the store for the server that starts next.
   */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const connection of [...this.connections]) {
      for (const request of [...connection.waiting.values()]) request.cancel();
    }
    for (const open of this.durableOpens.persistent()) await run(leaveOpen(this, open));
    for (const session of [...this.sessions.values(), ...this.endingSessions.values()]) {
      await run(closeSession(this, session));
    }
    await run(closeDisconnected(this, () => true));
    this.offloadTokens.close();
    for (const { volume } of this.#shares.values()) await volume?.persistentFiles?.settle();
    for (const connection of [...this.connections]) {
      this.#closed(connection, 'the server stops');
      connection.transport.close({ abort: false });
    }
  }
}

/** A request loses its channel: it ends, unless its answer can be had by another one. */
function strand(request: Request): void {
  const { session, isReplayable } = request;
  if (isReplayable && session !== undefined && session.channels.size > 1) {
    session.stranded.add(request);
  } else {
    request.cancel();
  }
}

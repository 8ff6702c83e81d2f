import {
  STATUS_ACCESS_DENIED,
  STATUS_CONNECTION_DISCONNECTED,
  STATUS_IO_TIMEOUT,
} from '../../erref/ntstatus.ts';
import type { Guid } from '../wire/guid.ts';
import type { LeaseBreakNotification } from '../wire/lease-break.ts';
import { Channels } from './channels.ts';
import type { ConnectOptions } from './connect-options.ts';
import type { BreakNotification } from './connection.ts';
import { Dialer } from './dialer.ts';
import { logOn } from './log-on.ts';
import type { ClientSession } from './session.ts';
import { SmbError } from './smb-error.ts';
import { ClientTree } from './tree.ts';
import { isNegotiationGenuine } from './validate-negotiate.ts';

const RECONNECT_TIME_MS = 60_000;
/** Milliseconds between two tries, doubled each time. */
const PAUSE_MIN_MS = 100;
const PAUSE_MAX_MS = 5_000;

/** Sessions on which one thing is tried: a server that ends each of them does so because of it. */
export const TRIES_MAX = 8;

/** Who holds a lease that this client asked for. */
export type LeaseListener = (notification: LeaseBreakNotification) => void;

/**
 * A user on a server: what the clients of all shares have in common.
 *
 *   (none) --T0--> on <--T2-- returning
 *                  | \---T1-----^  |
 *                  T3              T4
 *                  +---> off <-----+      off --T1--> returning
 *
 *   on         the session stands as long as one of its channels does
 *   returning  it broke, somebody needs it, and `reconnect` is wanted
 *   off        it broke or was ended
 *   T0 start   T1 #return   T2 logged on again   T3 end, or broken   T4 `reconnectTimeMs` passed
 */
export class Logon {
  readonly host: string;
  /** Whether a session that broke is replaced. */
  readonly returns: boolean;
  readonly #dialer: Dialer;
  readonly #trees = new Map<string, Promise<ClientTree>>();
  readonly #connectedTrees = new Map<string, ClientTree>();
  readonly #leases = new Map<Guid, LeaseListener>();
  #session: ClientSession;
  #channels: Channels;
  #returning: Promise<void> | undefined;
  #ended = false;

  private constructor(session: ClientSession, dialer: Dialer) {
    this.host = dialer.options.host;
    this.returns = dialer.options.reconnect ?? false;
    this.#dialer = dialer;
    this.#session = session;
    this.#channels = new Channels(session, dialer);
    dialer.onBreak = (notification) => this.#broken(notification);
  }

  /** T0. Fulfilled with all channels that can be had. Rejects as `logOn` does. */
  static async start(options: ConnectOptions): Promise<Logon> {
    const dialer = new Dialer(options);
    const logon = new Logon(await logOn(dialer), dialer);
    await logon.#channels.fill();
    return logon;
  }

  /** The newest one. */
  get session(): ClientSession {
    return this.#session;
  }

  get dialer(): Dialer {
    return this.#dialer;
  }

  /** A share of the session that stands, connected once. Throws `SmbError`. */
  async tree(share: string): Promise<ClientTree> {
    if (!this.#session.isStanding && this.returns && !this.#ended) await this.#return();
    return await (this.#trees.get(share.toLowerCase()) ?? this.connect(share));
  }

  /** The same, connected anew: an administrator may have ended what was connected before. */
  async connect(share: string): Promise<ClientTree> {
    const key = share.toLowerCase();
    const tree = this.#connectTree(share);
    this.#trees.set(key, tree);
    tree.catch(() => this.#trees.delete(key));
    const connected = await tree;
    this.#connectedTrees.set(key, connected);
    return connected;
  }

  /** As `tree`, of the last session in which it was asked for. */
  treeNow(share: string): ClientTree | undefined {
    return this.#connectedTrees.get(share.toLowerCase());
  }

  /** From now on breaks of that lease go there, whatever channel they come on. */
  listen(leaseKey: Guid, listener: LeaseListener): void {
    this.#leases.set(leaseKey, listener);
  }

  unlisten(leaseKey: Guid): void {
    this.#leases.delete(leaseKey);
  }

  /** T3. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#channels.stop();
    const { connections } = this.#session;
    await this.#session.logoff();
    for (const connection of connections) connection.close();
  }

  async #connectTree(share: string): Promise<ClientTree> {
    const session = this.#session;
    const path = `\\\\${this.host}\\${share}`;
    let { status, tree } = await ClientTree.connect(session, path);
    while (status === STATUS_CONNECTION_DISCONNECTED && session.connections.length > 0) {
      ({ status, tree } = await ClientTree.connect(session, path));
    }
    if (tree === undefined) throw new SmbError(status, path);
    if (!(await isNegotiationGenuine(tree))) {
      const reason = 'the negotiation was changed on its way';
      this.#channels.stop();
      for (const connection of session.connections) connection.close(reason);
      throw new SmbError(STATUS_ACCESS_DENIED, path, reason);
    }
    return tree;
  }

  #return(): Promise<void> {
    this.#returning ??= this.#logOnAgain().finally(() => {
      this.#returning = undefined;
    });
    return this.#returning;
  }

  /** T1, then T2 or T4. Who is refused as a user is not asked for again. */
  async #logOnAgain(): Promise<void> {
    const { clock } = this.#dialer.env;
    const { reconnectTimeMs = RECONNECT_TIME_MS } = this.#dialer.options;
    const endMs = clock.monotonicMs() + reconnectTimeMs;
    this.#channels.stop();
    for (let pauseMs = PAUSE_MIN_MS; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MAX_MS)) {
      try {
        this.#session = await logOn(this.#dialer, this.#session);
        break;
      } catch (error) {
        if (error instanceof SmbError && !MAY_PASS.has(error.status)) throw error;
        if (this.#ended || clock.monotonicMs() + pauseMs > endMs) throw lastError(this.host, error);
      }
      await this.#pause(pauseMs);
    }
    this.#trees.clear();
    this.#channels = new Channels(this.#session, this.#dialer);
    void this.#channels.fill();
  }

  #pause(ms: number): Promise<void> {
    const { timers } = this.#dialer.env;
    // No socket is open now that would keep the program running.
    return new Promise((resolve) => timers.after(ms, resolve, { keepsAlive: true }));
  }

  #broken(notification: BreakNotification): void {
    const listener =
      notification.kind === 'lease'
        ? this.#leases.get(notification.notification.leaseKey)
        : undefined;
    if (listener === undefined) this.#dialer.options.onBreak?.(notification);
    else listener(notification.notification as LeaseBreakNotification);
  }
}

/** What a server that starts, or a network that comes back, may answer at first. */
const MAY_PASS: ReadonlySet<number> = new Set([STATUS_CONNECTION_DISCONNECTED, STATUS_IO_TIMEOUT]);

/** As every failure of a connection looks; the last reason is for people. */
function lastError(host: string, error: unknown): SmbError {
  const detail = `not back in time: ${error instanceof Error ? error.message : String(error)}`;
  return new SmbError(STATUS_CONNECTION_DISCONNECTED, host, detail);
}

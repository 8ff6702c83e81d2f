import { viewOf } from '../../base/bytes.ts';
import type { TimerHandle } from '../../env/ports.ts';
import { isError, STATUS_SUCCESS } from '../../erref/ntstatus.ts';
import { FSCTL_QUERY_NETWORK_INTERFACE_INFO } from '../../fscc/fsctl.ts';
import { decodeNetworkInterfaces } from '../../fscc/fsctl-network-interfaces.ts';
import { SMB2_DIALECT_300, SMB2_GLOBAL_CAP_MULTI_CHANNEL } from '../wire/constants.ts';
import { RELATED_FILE_ID } from '../wire/file-id.ts';
import { ChannelWatch } from './channel-watch.ts';
import type { ClientConnection } from './connection.ts';
import { addressesFor, nextChannel } from './decide-channels.ts';
import type { Dialer } from './dialer.ts';
import type { ClientSession } from './session.ts';
import { ClientTree } from './tree.ts';
import { isNegotiationGenuine } from './validate-negotiate.ts';

/** Milliseconds until a channel that was lost is made again, doubled each time it fails. */
const REMAKE_MIN_MS = 1_000;
const REMAKE_MAX_MS = 15_000;
/** Milliseconds until the server is asked again for its addresses: some may have come back. */
const REFRESH_MS = 60_000;
/** Milliseconds between two looks whether a channel that is not needed any more may close. */
const RETIRE_LOOK_MS = 100;
/** Windows' servers have no more for a session. */
const CHANNELS_MAX = 32;

/**
 * Keeps a session at its number of channels: [MS-SMB2] 3.2.1.8 Per Channel, 3.2.5.14.11
 * Handling a Network Interfaces Response.
 *
 *   idle --T0--> filling --T1--> full --T2--> waiting
 *                  |  ^--T3-- waiting
 *                  +---T3--------^           stopped from any of them: T4
 *
 *   full     there are as many as wanted, or as the server and its addresses allow; where it tells
 *            the addresses, they are asked for again each minute, and channels spread over them
 *   waiting  an address did not answer; the timer runs
 *   T0 fill   T1 the last one is bound   T2 one of them ended   T3 one failed, its pause passed
 *   T4 stop, or the session is gone
 */
export class Channels {
  readonly #session: ClientSession;
  readonly #dialer: Dialer;
  /** Where each one leads to. */
  readonly #addresses = new Map<ClientConnection, string>();
  readonly #watch: ChannelWatch;
  #filling: Promise<void> | undefined;
  #timer: TimerHandle | undefined;
  #pauseMs = REMAKE_MIN_MS;
  #stopped = false;

  constructor(session: ClientSession, dialer: Dialer) {
    this.#session = session;
    this.#dialer = dialer;
    this.#watch = new ChannelWatch(session, dialer.env.timers);
    const { connection } = session;
    this.#keep(
      connection,
      this.#fixed === undefined ? connection.remoteAddress : dialer.options.host,
    );
  }

  /** T0. Fulfilled when there are all channels, or what is missing has to wait. */
  fill(): Promise<void> {
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined;
    });
    return this.#filling;
  }

  /** T4. Makes no further ones; those that stand stay. */
  stop(): void {
    this.#stopped = true;
    this.#watch.stop();
    this.#timer?.cancel();
  }

  get #fixed(): readonly string[] | undefined {
    const { host, channels } = this.#dialer.options;
    return typeof channels === 'object' ? [host, ...channels] : undefined;
  }

  get #wanted(): number {
    const { channels = 1 } = this.#dialer.options;
    const wanted = typeof channels === 'number' ? channels : channels.length + 1;
    return Math.min(wanted, CHANNELS_MAX);
  }

  async #fill(): Promise<void> {
    if (this.#stopped || !this.#mayHaveMore || this.#wanted < 2) return;
    const tree = await this.#controlTree();
    if (tree === undefined) return this.#later();
    let candidates = this.#fixed ?? (await this.#told(tree));
    if (candidates === undefined) return this.#later();
    const perAddressMax = this.#fixed === undefined ? CHANNELS_MAX : 1;
    let failed = false;
    while (!this.#stopped) {
      const inUse = [...this.#addresses.values()];
      const next = nextChannel(candidates, inUse, { wanted: this.#wanted, perAddressMax });
      if (next === undefined) break;
      const { address, insteadOf } = next;
      if (await this.#open(address, tree)) {
        if (insteadOf !== undefined) this.#retire(insteadOf);
      } else {
        failed = true;
        candidates = candidates.filter((other) => other !== address);
      }
    }
    await tree.disconnect();
    if (failed) return this.#later();
    this.#pauseMs = REMAKE_MIN_MS;
    if (this.#fixed === undefined) this.#fillAfter(REFRESH_MS);
  }

  /** Ends a channel to that address, once everything on it is answered. */
  #retire(address: string): void {
    const connections = this.#session.connections.filter(
      (one) => this.#addresses.get(one) === address,
    );
    const connection = connections.at(-1);
    if (connection === undefined) return;
    this.#addresses.delete(connection);
    this.#session.leave(connection);
    const close = (): void => {
      if (connection.requestsUnderWay > 0) this.#dialer.env.timers.after(RETIRE_LOOK_MS, close);
      else connection.close('another channel takes its place');
    };
    close();
  }

  /** [MS-SMB2] 3.2.5.2: both sides speak 3.x and know of it; guests' sessions cannot be bound. */
  get #mayHaveMore(): boolean {
    const { connection, keys } = this.#session;
    const { negotiated } = connection;
    if (negotiated === undefined || keys === undefined) return false;
    const { capabilities } = negotiated.response;
    const hasChannels = (capabilities & SMB2_GLOBAL_CAP_MULTI_CHANNEL) !== 0;
    return negotiated.dialect >= SMB2_DIALECT_300 && hasChannels;
  }

  async #controlTree(): Promise<ClientTree | undefined> {
    const { host } = this.#dialer.options;
    return (await ClientTree.connect(this.#session, `\\\\${host}\\IPC$`)).tree;
  }

  /**
   * [MS-SMB2] 3.2.4.20.10 Application Requests Querying Server's Network Interfaces. Undefined: the
   * channel that was asked on ended.
   */
  async #told(tree: ClientTree): Promise<readonly string[] | undefined> {
    const { remoteAddress } = this.#session.connection;
    const query = { ctlCode: FSCTL_QUERY_NETWORK_INTERFACE_INFO, fileId: RELATED_FILE_ID };
    // 3.3.5.15.11: a server may refuse to tell it to who does not sign.
    const reply = await tree.ioctl(query, tree.encryptData ? {} : { sign: true });
    const output = reply.response?.output;
    if (reply.header === undefined) return undefined;
    if (isError(reply.status) || output === undefined) return [remoteAddress];
    const interfaces = decodeNetworkInterfaces(viewOf(output), 0, output.length) ?? [];
    const addresses = addressesFor(interfaces, remoteAddress);
    return addresses.length === 0 ? [remoteAddress] : addresses;
  }

  /** False: nobody answers there, or not as this server. */
  async #open(address: string, tree: ClientTree): Promise<boolean> {
    let connection: ClientConnection | undefined;
    try {
      connection = await this.#dialer.dial(address);
    } catch {
      return false;
    }
    const { status } = await this.#session.bind(connection, this.#dialer.initiator());
    const isGood = status === STATUS_SUCCESS && (await isNegotiationGenuine(tree, connection));
    if (!isGood || this.#stopped) {
      connection.close('it did not become a channel');
      return false;
    }
    this.#keep(connection, address);
    return true;
  }

  #keep(connection: ClientConnection, address: string): void {
    this.#addresses.set(connection, address);
    this.#watch.start();
    void connection.closed.then(() => {
      // One that was retired is missed by nobody.
      if (this.#addresses.delete(connection)) this.#later();
    });
  }

  /** T2, T3. */
  #later(): void {
    this.#fillAfter(this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, REMAKE_MAX_MS);
  }

  #fillAfter(delayMs: number): void {
    this.#timer?.cancel();
    if (this.#stopped || !this.#session.isStanding || !this.#mayHaveMore) return;
    this.#timer = this.#dialer.env.timers.after(delayMs, () => void this.fill());
  }
}

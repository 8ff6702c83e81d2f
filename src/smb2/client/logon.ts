import { STATUS_ACCESS_DENIED, STATUS_CONNECTION_DISCONNECTED } from '../../erref/ntstatus.ts';
import { Channels } from './channels.ts';
import type { ConnectOptions } from './connect-options.ts';
import { Dialer } from './dialer.ts';
import { logOn } from './log-on.ts';
import type { ClientSession } from './session.ts';
import { SmbError } from './smb-error.ts';
import { ClientTree } from './tree.ts';
import { isNegotiationGenuine } from './validate-negotiate.ts';

/**
 * A user on a server: what the clients of all shares have in common.
 *
 *   (none) --T0--> on --T1--> off
 *
 *   on   the session stands as long as one of its channels does
 *   T0 start   T1 end
 */
export class Logon {
  readonly host: string;
  readonly session: ClientSession;
  readonly #channels: Channels;

  private constructor(session: ClientSession, dialer: Dialer) {
    this.host = dialer.options.host;
    this.session = session;
    this.#channels = new Channels(session, dialer);
  }

  /** T0. Fulfilled with all channels that can be had. Rejects as `logOn` does. */
  static async start(options: ConnectOptions): Promise<Logon> {
    const dialer = new Dialer(options, (notification) => options.onBreak?.(notification));
    const logon = new Logon(await logOn(dialer), dialer);
    await logon.#channels.fill();
    return logon;
  }

  /** Throws `SmbError`. */
  async connectTree(share: string): Promise<ClientTree> {
    const path = `\\\\${this.host}\\${share}`;
    let { status, tree } = await ClientTree.connect(this.session, path);
    for (let { connection } = this.session; status === STATUS_CONNECTION_DISCONNECTED; ) {
      if (!this.session.lose(connection)) break;
      connection = this.session.connection;
      ({ status, tree } = await ClientTree.connect(this.session, path));
    }
    if (tree === undefined) throw new SmbError(status, path);
    if (!(await isNegotiationGenuine(tree))) {
      const reason = 'the negotiation was changed on its way';
      this.#close(reason);
      throw new SmbError(STATUS_ACCESS_DENIED, path, reason);
    }
    return tree;
  }

  /** T1. */
  async end(): Promise<void> {
    this.#channels.stop();
    const { connections } = this.session;
    await this.session.logoff();
    for (const connection of connections) connection.close();
  }

  #close(reason: string): void {
    this.#channels.stop();
    for (const connection of this.session.connections) connection.close(reason);
  }
}

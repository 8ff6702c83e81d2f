import { createInitiator } from '../../auth/authenticator.ts';
import type { Initiator } from '../../auth/initiator.ts';
import { STATUS_SUCCESS } from '../../erref/ntstatus.ts';
import { COMPRESSION_ALGORITHMS } from '../compression/algorithms.ts';
import { FRAME_SIZE_MAX } from '../transport/tcp/framing.ts';
import { connectTcp } from '../transport/tcp/tcp-connect.ts';
import type { Connector } from '../transport/transport.ts';
import {
  SMB2_NEGOTIATE_SIGNING_ENABLED,
  SMB2_NEGOTIATE_SIGNING_REQUIRED,
} from '../wire/constants.ts';
import type { Guid } from '../wire/guid.ts';
import { type ClientEnv, makeClientEnv } from './client-env.ts';
import { type ConnectOptions, dialectOf } from './connect-options.ts';
import { type BreakNotification, ClientConnection } from './connection.ts';
import { ALL_CAPABILITIES, CAPABILITIES_WITHOUT_ENCRYPTION } from './negotiate.ts';
import { SmbError } from './smb-error.ts';

const SMB_PORT = 445;
const CONNECT_TIMEOUT_MS = 10_000;
const MESSAGE_TIME_MS = 120_000;
const CLIENT_GUID_SIZE = 16;

/** Opens connections to one server, all of them as the same client and for the same user. */
export class Dialer {
  readonly options: ConnectOptions;
  readonly env: ClientEnv;
  /** [MS-SMB2] 3.2.1.1 ClientGuid: by it a server knows that channels belong together. */
  readonly clientGuid: Guid;
  /** Sees the breaks that arrive on any of the connections. */
  onBreak: (notification: BreakNotification) => void = () => {};

  constructor(options: ConnectOptions) {
    this.options = options;
    this.env = options.env ?? makeClientEnv();
    this.clientGuid = Buffer.from(this.env.random.bytes(CLIENT_GUID_SIZE)).toString('hex');
  }

  /**
   * A connection to one of the server's addresses that has negotiated. Rejects with the system's
   * error when there is none, and with `SmbError` when there is no dialect in common.
   */
  async dial(address: string): Promise<ClientConnection> {
    const { timeoutMs, compression } = this.options;
    const { timers, random, clock } = this.env;
    const connection = await ClientConnection.open(this.#connector(address), {
      timers,
      random,
      clock,
      compressAllRequests: compression === 'always',
      onBreak: (notification) => this.onBreak(notification),
      ...(timeoutMs !== undefined ? { timeoutMs } : {}),
    });
    try {
      await this.#negotiate(connection);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** What proves who the user is, for one logon. */
  initiator(): Initiator {
    const { host, user = '', domain = '', password = '' } = this.options;
    const { random, clock } = this.env;
    return createInitiator({
      random,
      clock,
      userName: user,
      domainName: domain,
      secret: password,
      targetName: `cifs/${host}`,
    });
  }

  #connector(address: string): Connector {
    const { port = SMB_PORT, connectTimeoutMs: timeoutMs = CONNECT_TIMEOUT_MS } = this.options;
    const { timers } = this.env;
    const { transport } = this.options;
    if (transport !== undefined) return (listener) => transport({ host: address, port }, listener);
    const limits = { messageSizeMax: FRAME_SIZE_MAX, messageTimeMs: MESSAGE_TIME_MS };
    return (listener) =>
      connectTcp({ host: address, port, timers, timeoutMs, ...limits }, listener);
  }

  async #negotiate(connection: ClientConnection): Promise<void> {
    const { host, dialects, signing, encryption, compression = 'off' } = this.options;
    const canEncrypt = encryption !== 'off';
    const { status } = await connection.negotiate({
      dialects: dialects?.map(dialectOf),
      securityMode: securityModeOf(signing ?? 'auto'),
      capabilities: canEncrypt ? ALL_CAPABILITIES : CAPABILITIES_WITHOUT_ENCRYPTION,
      clientGuid: this.clientGuid,
      ciphers: canEncrypt ? undefined : [],
      compression:
        compression === 'off' ? undefined : { algorithms: COMPRESSION_ALGORITHMS, chained: true },
      netName: host,
    });
    if (status !== STATUS_SUCCESS) throw new SmbError(status, host, connection.closedReason);
  }
}

/** SMB2_NEGOTIATE_SIGNING_* for a policy. */
function securityModeOf(signing: 'auto' | 'required'): number {
  return signing === 'required'
    ? SMB2_NEGOTIATE_SIGNING_ENABLED | SMB2_NEGOTIATE_SIGNING_REQUIRED
    : SMB2_NEGOTIATE_SIGNING_ENABLED;
}

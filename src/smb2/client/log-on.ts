import { createInitiator } from '../../auth/authenticator.ts';
import { STATUS_ACCESS_DENIED, STATUS_SUCCESS } from '../../erref/ntstatus.ts';
import { COMPRESSION_ALGORITHMS } from '../compression/algorithms.ts';
import { connectTcp } from '../transport/tcp/tcp-connect.ts';
import { makeClientEnv } from './client-env.ts';
import { type ConnectOptions, dialectOf } from './connect-options.ts';
import { ClientConnection } from './connection.ts';
import { ALL_CAPABILITIES, CAPABILITIES_WITHOUT_ENCRYPTION } from './negotiate.ts';
import { ClientSession, securityModeOf } from './session.ts';
import { SmbError } from './smb-error.ts';

const SMB_PORT = 445;
const CONNECT_TIMEOUT_MS = 10_000;
const MESSAGE_TIME_MS = 120_000;
/** What the 24 bits of the frame's length can say. */
const MESSAGE_SIZE_MAX = 0xff_ffff;

/**
 * [MS-SMB2] 3.2.4.2: connects, negotiates and authenticates. Rejects with the system's error when
 * there is no connection, and with `SmbError` afterwards.
 */
export async function logOn(options: ConnectOptions): Promise<ClientSession> {
  const { host, port = SMB_PORT, timeoutMs, connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
  const env = options.env ?? makeClientEnv();
  const { timers, random, clock } = env;
  const connection = await ClientConnection.open(
    (listener) =>
      connectTcp(
        {
          host,
          port,
          timers,
          timeoutMs: connectTimeoutMs,
          messageSizeMax: MESSAGE_SIZE_MAX,
          messageTimeMs: MESSAGE_TIME_MS,
        },
        listener,
      ),
    {
      timers,
      random,
      clock,
      compressAllRequests: options.compression === 'always',
      ...(timeoutMs !== undefined ? { timeoutMs } : {}),
    },
  );
  try {
    await negotiate(connection, options);
    const initiator = createInitiator({
      random,
      clock,
      userName: options.user ?? '',
      domainName: options.domain ?? '',
      secret: options.password ?? '',
      targetName: `cifs/${host}`,
    });
    const session = new ClientSession(connection);
    const { signing = 'auto', encryption = 'auto' } = options;
    const { status, reason } = await session.setup(initiator, {
      signing,
      encryption,
      anonymous: (options.user ?? '') === '',
    });
    if (status !== STATUS_SUCCESS) throw new SmbError(status, host, reason);
    if (isUnwantedGuest(session, options)) {
      throw new SmbError(STATUS_ACCESS_DENIED, host, 'the server took the user for a guest');
    }
    return session;
  } catch (error) {
    connection.close();
    throw error;
  }
}

async function negotiate(connection: ClientConnection, options: ConnectOptions): Promise<void> {
  const { host, dialects, signing = 'auto', encryption = 'auto', compression = 'off' } = options;
  const canEncrypt = encryption !== 'off';
  const { status } = await connection.negotiate({
    dialects: dialects?.map(dialectOf),
    securityMode: securityModeOf(signing),
    capabilities: canEncrypt ? ALL_CAPABILITIES : CAPABILITIES_WITHOUT_ENCRYPTION,
    ciphers: canEncrypt ? undefined : [],
    compression:
      compression === 'off' ? undefined : { algorithms: COMPRESSION_ALGORITHMS, chained: true },
    netName: host,
  });
  if (status !== STATUS_SUCCESS) throw new SmbError(status, host, connection.closedReason);
}

/** A man in the middle who says "guest" would take away the session's key, and all signatures. */
function isUnwantedGuest(session: ClientSession, { user = '', guest }: ConnectOptions): boolean {
  return session.isGuestOrAnonymous && user !== '' && guest !== 'accept';
}

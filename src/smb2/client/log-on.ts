import { STATUS_ACCESS_DENIED, STATUS_SUCCESS } from '../../erref/ntstatus.ts';
import type { ConnectOptions } from './connect-options.ts';
import type { Dialer } from './dialer.ts';
import { ClientSession } from './session.ts';
import { SmbError } from './smb-error.ts';

/**
 * [MS-SMB2] 3.2.4.2: connects, negotiates and authenticates. `previousSessionId`: a session of this
 * client's that the server may not have missed yet. Rejects with the system's error when there is
 * no connection, and with `SmbError` afterwards.
 */
export async function logOn(
  dialer: Dialer,
  previousSessionId: bigint = 0n,
): Promise<ClientSession> {
  const { host, user = '', signing = 'auto', encryption = 'auto' } = dialer.options;
  const connection = await dialer.dial(host);
  try {
    const session = new ClientSession(connection);
    const { status, reason } = await session.setup(dialer.initiator(), {
      previousSessionId,
      signing,
      encryption,
      anonymous: user === '',
    });
    if (status !== STATUS_SUCCESS) throw new SmbError(status, host, reason);
    if (isUnwantedGuest(session, dialer.options)) {
      throw new SmbError(STATUS_ACCESS_DENIED, host, 'the server took the user for a guest');
    }
    return session;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** A man in the middle who says "guest" would take away the session's key, and all signatures. */
function isUnwantedGuest(session: ClientSession, { user = '', guest }: ConnectOptions): boolean {
  return session.isGuestOrAnonymous && user !== '' && guest !== 'accept';
}

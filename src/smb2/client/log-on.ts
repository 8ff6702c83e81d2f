import { STATUS_ACCESS_DENIED, STATUS_SUCCESS } from '../../erref/ntstatus.ts';
import type { ConnectOptions } from './connect-options.ts';
import type { Dialer } from './dialer.ts';
import { ClientSession } from './session.ts';
import { SmbError } from './smb-error.ts';

/**
 * [MS-SMB2] 3.2.4.2: connects, negotiates and authenticates. `previous`: a session of this client's
 * that broke, and that the server may not miss yet; its opens count on from its ChannelSequence.
 * Rejects with the system's error when there is no connection, and with `SmbError` afterwards.
 */
export async function logOn(dialer: Dialer, previous?: ClientSession): Promise<ClientSession> {
  const { host, user = '', signing = 'auto', encryption = 'auto' } = dialer.options;
  const connection = await dialer.dial(host);
  try {
    const sequence = previous === undefined ? 0 : previous.channelSequence + 1;
    const session = new ClientSession(connection, sequence);
    const { status, reason } = await session.setup(dialer.initiator(), {
      previousSessionId: previous?.sessionId ?? 0n,
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

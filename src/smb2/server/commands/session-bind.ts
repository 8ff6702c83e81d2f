import { type Task, wait } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_NETWORK_SESSION_EXPIRED,
  STATUS_NOT_SUPPORTED,
  STATUS_REQUEST_NOT_ACCEPTED,
  STATUS_REQUEST_OUT_OF_SEQUENCE,
  STATUS_USER_SESSION_DELETED,
} from '../../../erref/ntstatus.ts';
import { isSigningAlgorithmId, SIGNING_AES_GMAC } from '../../crypto/algorithms.ts';
import { deriveKeys } from '../../crypto/keys.ts';
import { createSigner } from '../../crypto/signer.ts';
import { SMB2_DIALECT_300 } from '../../wire/constants.ts';
import type { Request } from '../request.ts';
import type { Session } from '../state/session.ts';

/**
 * [MS-SMB2] 3.3.5.5, step 4, and 3.3.5.5.2 Binding a Connection to an Existing Session: the session
 * that may be bound, or why not. Windows: the order of the checks and the two statuses for signing
 * algorithms are what smbtorture's session.bind_negative tests observed.
 */
export function* findSessionToBind(
  request: Request,
  message: Uint8Array,
): Task<Session | NtStatus> {
  const { server, connection, header } = request;
  if (header.sessionId === 0n) return STATUS_INVALID_PARAMETER;
  const session = server.sessions.get(header.sessionId);
  if (session === undefined) return yield* refuseForeign(request, message);
  if (session.state === 'in-progress') return STATUS_USER_SESSION_DELETED;
  const refusal = decideBinding(request, session, message);
  if (refusal !== undefined) return refusal;
  if (session.channels.has(connection)) return STATUS_REQUEST_NOT_ACCEPTED;
  if (session.clientGuid !== connection.clientGuid) return STATUS_USER_SESSION_DELETED;
  if (session.state === 'expired') return STATUS_NETWORK_SESSION_EXPIRED;
  if (!session.isSecured) return STATUS_NOT_SUPPORTED;
  return mayBindMore(request, session) ? session : STATUS_INSUFFICIENT_RESOURCES;
}

/** A session of another process is another client's: the refusal is the same as of one here. */
function* refuseForeign(request: Request, message: Uint8Array): Task<NtStatus> {
  const { server, header } = request;
  const { peers } = server.options;
  if (peers === undefined) return STATUS_USER_SESSION_DELETED;
  const kept = message.slice();
  const session = yield* wait(peers.findSession(header.sessionId));
  if (session === undefined || !isSigningAlgorithmId(session.signingAlgorithm)) {
    return STATUS_USER_SESSION_DELETED;
  }
  const signer = createSigner(session.signingAlgorithm, session.signingKey);
  return decideBinding(request, { ...session, signer }, kept) ?? STATUS_USER_SESSION_DELETED;
}

type Bindable = Pick<Session, 'dialect' | 'cipherId' | 'signingAlgorithm' | 'signer'>;

/** What a session of any process has to match; a refusal is signed with its key. */
function decideBinding(
  request: Request,
  session: Bindable,
  message: Uint8Array,
): NtStatus | undefined {
  const { connection } = request;
  const [ours, theirs] = [connection.signingAlgorithm, session.signingAlgorithm];
  if (theirs >= SIGNING_AES_GMAC && ours !== theirs) return STATUS_REQUEST_OUT_OF_SEQUENCE;
  if (ours >= SIGNING_AES_GMAC && ours !== theirs) return STATUS_NOT_SUPPORTED;
  // A refusal is signed, too, for a request that proves to know the session's key.
  if (request.isSigned && session.signer?.verify(message)) request.signer = session.signer;
  if (connection.dialect < SMB2_DIALECT_300) return STATUS_REQUEST_NOT_ACCEPTED;
  if (!request.isSigned) return STATUS_INVALID_PARAMETER;
  if (request.signer === undefined) return STATUS_ACCESS_DENIED;
  if (session.dialect !== connection.dialect) return STATUS_INVALID_PARAMETER;
  if (session.cipherId !== connection.cipherId) return STATUS_INVALID_PARAMETER;
  return undefined;
}

/** Windows: a session has 32 channels (smbtorture smb2.multichannel.generic.num_channels). */
export function mayBindMore({ server }: Request, session: Session): boolean {
  return session.channels.size < server.options.limits.channelsPerSessionMax;
}

/** The channel's own signing key; everything else is the session's ([MS-SMB2] 3.3.5.5.3). */
export function bindChannel(
  request: Request,
  session: Session,
  channel: { readonly sessionKey: Uint8Array; readonly preauthHash: Uint8Array | undefined },
): void {
  const { connection } = request;
  const { signingKey } = deriveKeys({
    role: 'server',
    dialect: connection.dialect,
    fullSessionKey: channel.sessionKey,
    preauthHash: channel.preauthHash,
  });
  const signer = createSigner(connection.signingAlgorithm, signingKey);
  session.channels.set(connection, { connection, signer });
  connection.sessions.set(session.sessionId, session);
  request.signer = undefined;
}

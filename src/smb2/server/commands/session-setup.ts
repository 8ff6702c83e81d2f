import type { AcceptStep } from '../../../auth/acceptor.ts';
import type { Identity } from '../../../auth/token.ts';
import { printable } from '../../../base/printable.ts';
import { type MaybePromise, type Task, wait } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_LOGON_FAILURE,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_USER_SESSION_DELETED,
} from '../../../erref/ntstatus.ts';
import { isCipherId } from '../../crypto/algorithms.ts';
import { createDecryptor, createEncryptor } from '../../crypto/cipher.ts';
import { deriveKeys } from '../../crypto/keys.ts';
import { extendPreauthHash } from '../../crypto/preauth.ts';
import { createSigner } from '../../crypto/signer.ts';
import {
  SMB2_DIALECT_300,
  SMB2_DIALECT_311,
  SMB2_NEGOTIATE_SIGNING_REQUIRED,
  SMB2_SESSION_FLAG_BINDING,
  SMB2_SESSION_FLAG_ENCRYPT_DATA,
  SMB2_SESSION_FLAG_IS_GUEST,
  SMB2_SESSION_FLAG_IS_NULL,
} from '../../wire/constants.ts';
import {
  decodeSessionSetupRequest,
  encodeSessionSetupResponse,
  type SessionSetupRequest,
} from '../../wire/session-setup.ts';
import { closeSession, endSessionOf } from '../closing.ts';
import { getSessionId } from '../ids.ts';
import type { Request } from '../request.ts';
import type { Connection } from '../state/connection.ts';
import { type Authentication, Session } from '../state/session.ts';
import { bindChannel, findSessionToBind, mayBindMore } from './session-bind.ts';

/** Code units of a user name that a failed logon claims; no account's is longer. */
const USER_NAME_SHOWN_MAX = 104;

type Done = Extract<AcceptStep, { readonly kind: 'done' }>;
type Failed = Extract<AcceptStep, { readonly kind: 'failed' }>;

/** [MS-SMB2] 3.3.5.5 Receiving an SMB2 SESSION_SETUP Request. */
export function* handleSessionSetup(request: Request, message: Uint8Array): Task<NtStatus> {
  const { server, connection } = request;
  const setup = decodeSessionSetupRequest(request.view, request.body, request.end);
  if (setup === undefined) return STATUS_INVALID_PARAMETER;
  const { limits, encryption } = server.options;
  if (setup.securityBuffer.length > limits.securityTokenSize) return STATUS_INVALID_PARAMETER;
  const canEncrypt = connection.dialect >= SMB2_DIALECT_300 && connection.cipherId !== 0;
  if (encryption === 'required' && !canEncrypt) return STATUS_ACCESS_DENIED;
  const binds = (setup.flags & SMB2_SESSION_FLAG_BINDING) !== 0;
  const session = binds ? yield* findSessionToBind(request, message) : findOrMake(request);
  if (typeof session === 'number') return session;
  request.session = session;
  const authentication = beginOrGoOn(request, session, message);
  let step: AcceptStep;
  try {
    step = yield* wait(authentication.acceptor.step(setup.securityBuffer));
  } catch (error) {
    session.authentications.delete(connection);
    throw error;
  }
  if (connection.closed) return STATUS_USER_SESSION_DELETED;
  switch (step.kind) {
    case 'continue':
      return goOn(request, authentication, step.token);
    case 'failed':
      session.authentications.delete(connection);
      return yield* fail(request, binds ? undefined : session, step);
    case 'done':
      session.authentications.delete(connection);
      return yield* establish(request, { setup, session, authentication, step });
  }
}

/** The session that the header names, or with id 0 a new one ([MS-SMB2] 3.3.5.5.1). */
function findOrMake(request: Request): Session | NtStatus {
  const { server, connection, header } = request;
  if (header.sessionId !== 0n) {
    return connection.sessions.get(header.sessionId) ?? STATUS_USER_SESSION_DELETED;
  }
  const { limits, env } = server.options;
  if (connection.sessions.size >= limits.sessionsPerConnectionMax) {
    return STATUS_INSUFFICIENT_RESOURCES;
  }
  if (pendingLogons(connection) >= limits.pendingLogonsMax) return STATUS_INSUFFICIENT_RESOURCES;
  const session = new Session({
    sessionId: getSessionId(server),
    createdMs: env.clock.monotonicMs(),
    dialect: connection.dialect,
    clientGuid: connection.clientGuid,
  });
  server.sessions.set(session.sessionId, session);
  connection.sessions.set(session.sessionId, session);
  return session;
}

function pendingLogons(connection: Connection): number {
  let count = 0;
  for (const session of connection.sessions.values()) if (session.state === 'in-progress') count++;
  return count;
}

function beginOrGoOn(request: Request, session: Session, message: Uint8Array): Authentication {
  const { connection, server } = request;
  let authentication = session.authentications.get(connection);
  if (authentication === undefined) {
    authentication = {
      acceptor: server.options.authenticator.newAcceptor(),
      preauthHash: connection.preauthHash,
    };
    session.authentications.set(connection, authentication);
  }
  if (connection.dialect === SMB2_DIALECT_311 && authentication.preauthHash !== undefined) {
    authentication.preauthHash = extendPreauthHash(authentication.preauthHash, message);
  }
  return authentication;
}

function goOn(request: Request, authentication: Authentication, token: Uint8Array): NtStatus {
  const hash = authentication.preauthHash;
  if (request.connection.dialect === SMB2_DIALECT_311 && hash !== undefined) {
    request.afterSend = (sent) => {
      authentication.preauthHash = extendPreauthHash(hash, sent);
    };
  }
  writeResponse(request, 0, token);
  return STATUS_MORE_PROCESSING_REQUIRED;
}

function writeResponse(request: Request, sessionFlags: number, token: Uint8Array): void {
  const reply = request.room(8 + token.length);
  reply.finish(
    encodeSessionSetupResponse(reply.view, reply.body, { sessionFlags, securityBuffer: token }),
  );
}

/**
 * A failed logon is held back longer each time. A failed reauthentication ends the session; a
 * failed binding (`session` undefined) leaves it alone.
 */
function* fail(request: Request, session: Session | undefined, step: Failed): Task<NtStatus> {
  const { server, connection } = request;
  const userName = step.userName ?? '';
  // A claim of anybody's: neither long nor a command to a terminal.
  const user = printable(userName, USER_NAME_SHOWN_MAX);
  const address = connection.transport.remoteAddress;
  const { env, onEvent } = server.options;
  env.log.warn({ user, address, status: step.status.toString(16) }, 'logon failed');
  onEvent?.({ kind: 'logon-failed', user, address, status: step.status });
  const delayMs = yield* wait(server.logonGuard.failed({ userName, address }));
  if (delayMs > 0) yield* wait(delay(request, delayMs));
  if (session !== undefined) {
    // The session goes, its key still signs the answer to a signed reauthentication.
    if (request.isSigned) request.signer = session.channels.get(connection)?.signer;
    yield* closeSession(server, session);
    request.session = undefined;
  }
  return step.status;
}

/** Where its address guessed at the user a right password waits, too; false: for too long. */
function* isDue(request: Request, { userName }: Identity): Task<boolean> {
  const { logonGuard } = request.server;
  const attempt = { userName, address: request.connection.transport.remoteAddress };
  const { delayMs, isRefused } = yield* wait(logonGuard.held(attempt));
  if (isRefused) return false;
  if (delayMs > 0) yield* wait(delay(request, delayMs));
  logonGuard.succeeded(attempt);
  return true;
}

/** Ends early with the connection; an SMB2 CANCEL of the client's shortens nothing. */
function delay(request: Request, delayMs: number): MaybePromise<void> {
  return new Promise((resolve) => {
    const timer = request.server.options.env.timers.after(delayMs, resolve);
    request.onCancel(() => {
      if (!request.connection.closed) return;
      timer.cancel();
      resolve();
    });
  });
}

interface Established {
  readonly setup: SessionSetupRequest;
  readonly session: Session;
  readonly authentication: Authentication;
  readonly step: Done;
}

/** [MS-SMB2] 3.3.5.5.3 Handling GSS-API Authentication, once it succeeded. */
function* establish(request: Request, established: Established): Task<NtStatus> {
  const { server, connection } = request;
  const { setup, session, step } = established;
  const { identity } = step;
  const address = connection.transport.remoteAddress;
  if (!(yield* isDue(request, identity))) {
    const isBinding = (setup.flags & SMB2_SESSION_FLAG_BINDING) !== 0;
    return yield* fail(request, isBinding ? undefined : session, {
      kind: 'failed',
      status: STATUS_LOGON_FAILURE,
      userName: identity.userName,
    });
  }
  if (connection.closed || session.state === 'gone') return STATUS_USER_SESSION_DELETED;
  if (setup.flags & SMB2_SESSION_FLAG_BINDING) return bind(request, established);

  const isNew = session.state === 'in-progress';
  if (!isNew && !mayReauthenticate(session, identity)) {
    const { userName } = identity;
    return yield* fail(request, session, {
      kind: 'failed',
      status: STATUS_ACCESS_DENIED,
      userName,
    });
  }
  session.identity = identity;
  if (isNew) {
    session.ownerSid = identity.userSid;
    makeKeys(request, established);
    if (setup.previousSessionId !== 0n) yield* endPrevious(request, session, setup);
    // Meanwhile its user may have been locked out.
    const isGone = server.sessions.get(session.sessionId) !== session;
    if (connection.closed || isGone) return STATUS_USER_SESSION_DELETED;
    server.options.env.log.info({ user: identity.userName, address }, 'logged on');
    server.options.onEvent?.({ kind: 'logon', user: identity.userName, address });
  } else {
    renewSecurity(request, session);
  }
  if (!identity.isAnonymous) connection.transport.setMessageSizeMax(messageSizeMax(request));
  session.become('valid');
  request.mustSign = session.isSecured;
  writeResponse(request, sessionFlags(session), step.token);
  return 0;
}

/** A further channel is the same user's, with a key of its own. */
function bind(request: Request, { session, authentication, step }: Established): NtStatus {
  if (session.state !== 'valid') return STATUS_USER_SESSION_DELETED;
  if (session.identity?.userSid !== step.identity.userSid) return STATUS_ACCESS_DENIED;
  if (!mayBindMore(request, session)) return STATUS_INSUFFICIENT_RESOURCES;
  const { preauthHash } = authentication;
  bindChannel(request, session, { sessionKey: step.sessionKey, preauthHash });
  request.connection.transport.setMessageSizeMax(messageSizeMax(request));
  request.mustSign = true;
  writeResponse(request, sessionFlags(session), step.token);
  return 0;
}

/**
 * Deviation (docs/adr/0005): a session stays its first user's, who may become nobody and be back.
 * It keeps its keys: whoever relays the logon of another into a session of his own has them.
 */
function mayReauthenticate(session: Session, { userSid, isAnonymous }: Identity): boolean {
  return isAnonymous || userSid === session.ownerSid;
}

/** Reauthentication replaces Session.SecurityContext: opens made from now on are the new user's. */
function renewSecurity(request: Request, session: Session): void {
  const { identity } = session;
  if (identity === undefined) return;
  for (const treeConnect of session.treeConnects.values()) {
    if (treeConnect.security === undefined) continue;
    treeConnect.security = request.server.options.securityContext(identity, treeConnect.share);
  }
}

function sessionFlags(session: Session): number {
  let flags = 0;
  if (session.identity?.isGuest) flags |= SMB2_SESSION_FLAG_IS_GUEST;
  if (session.identity?.isAnonymous) flags |= SMB2_SESSION_FLAG_IS_NULL;
  if (session.encryptData) flags |= SMB2_SESSION_FLAG_ENCRYPT_DATA;
  return flags;
}

/** Signing, encryption and application keys; reauthentication keeps the first ones. */
function makeKeys(request: Request, { setup, session, authentication, step }: Established): void {
  const { server, connection } = request;
  const { signing, encryption, env } = server.options;
  const cipherId = isCipherId(connection.cipherId) ? connection.cipherId : undefined;
  const keys = deriveKeys({
    role: 'server',
    dialect: connection.dialect,
    cipherId,
    fullSessionKey: step.sessionKey,
    preauthHash: authentication.preauthHash,
  });
  session.keys = keys;
  session.fullSessionKey = step.sessionKey;
  session.cipherId = connection.cipherId;
  session.signingAlgorithm = connection.signingAlgorithm;
  const { isGuest, isAnonymous } = step.identity;
  session.isSecured = !isGuest && !isAnonymous;
  if (isGuest) {
    session.channels.set(connection, { connection, signer: undefined });
    return;
  }
  const clientRequires = (setup.securityMode & SMB2_NEGOTIATE_SIGNING_REQUIRED) !== 0;
  session.signingRequired = session.isSecured && (signing === 'required' || clientRequires);
  const signer = createSigner(connection.signingAlgorithm, keys.signingKey);
  session.signer = signer;
  session.channels.set(connection, { connection, signer });
  if (connection.dialect >= SMB2_DIALECT_300 && cipherId !== undefined) {
    session.encryptor = createEncryptor(cipherId, keys.encryptionKey, env.random);
    session.decryptor = createDecryptor(cipherId, keys.decryptionKey);
    session.encryptData = session.isSecured && encryption !== 'off';
  }
}

/** The client's earlier session, which it lost: what is durable stays ([MS-SMB2] 3.3.5.5.3). */
function* endPrevious(request: Request, session: Session, setup: SessionSetupRequest): Task<void> {
  const { sessions, endingSessions, options } = request.server;
  const id = setup.previousSessionId;
  const { userSid } = session.identity ?? {};
  if (id === session.sessionId || userSid === undefined) return;
  const isHere = sessions.has(id) || endingSessions.has(id);
  if (isHere) yield* endSessionOf(request.server, id, userSid);
  else yield* wait(options.peers?.endSession(id, userSid));
}

/** Header, fixed parts and contexts around the largest payload. */
function messageSizeMax({ connection }: Request): number {
  return connection.maxTransactSize + 64 * 1024;
}

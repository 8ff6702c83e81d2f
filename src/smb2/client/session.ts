import type { Initiator } from '../../auth/initiator.ts';
import { assert } from '../../base/assert.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_LOGON_FAILURE,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_SUCCESS,
} from '../../erref/ntstatus.ts';
import { createDecryptor, createEncryptor } from '../crypto/cipher.ts';
import { deriveKeys, type SessionKeys } from '../crypto/keys.ts';
import type { Decryptor, Encryptor } from '../crypto/message-cipher.ts';
import { extendPreauthHash } from '../crypto/preauth.ts';
import { createSigner, type Signer } from '../crypto/signer.ts';
import {
  SMB2_DIALECT_300,
  SMB2_DIALECT_311,
  SMB2_FLAGS_SIGNED,
  SMB2_GLOBAL_CAP_DFS,
  SMB2_NEGOTIATE_SIGNING_REQUIRED,
  SMB2_SESSION_FLAG_BINDING,
  SMB2_SESSION_FLAG_ENCRYPT_DATA,
  SMB2_SESSION_FLAG_IS_GUEST,
  SMB2_SESSION_FLAG_IS_NULL,
} from '../wire/constants.ts';
import type { EmptyBody } from '../wire/empty-body.ts';
import type { SessionSetupResponse } from '../wire/session-setup.ts';
import type { ClientConnection } from './connection.ts';
import { idlestOf } from './decide-channels.ts';
import type { Channel, Reply, SendOptions } from './request.ts';
import { logoffRequest, sessionSetupRequest } from './requests.ts';

export interface SetupOptions {
  /** A session of this user to be closed by the server ([MS-SMB2] 3.3.5.5.1). */
  readonly previousSessionId?: bigint;
  /** SMB2_NEGOTIATE_SIGNING_*; default: that of NEGOTIATE. */
  readonly securityMode?: number | undefined;
  readonly capabilities?: number | undefined;
  /** Refuses a session that cannot sign (guest, anonymous) and signs everything. */
  readonly signing?: 'auto' | 'required';
  /** 'required' encrypts everything and refuses a session that cannot. */
  readonly encryption?: 'auto' | 'required' | 'off';
  /** The initiator names no user: there is no key, whatever flags the server sets. */
  readonly anonymous?: boolean;
  /** How each request of the exchange is sent. */
  readonly send?: SendOptions;
}

export interface SetupResult {
  /** The server's, or STATUS_LOGON_FAILURE / STATUS_ACCESS_DENIED of this side: see `reason`. */
  readonly status: NtStatus;
  /** For a person, when this side ended the logon. */
  readonly reason: string | undefined;
  /** The last response. */
  readonly reply: Reply<SessionSetupResponse>;
}

/** What one SESSION_SETUP exchange came to. */
interface Exchange extends SetupResult {
  /** Empty unless STATUS_SUCCESS. */
  readonly sessionKey: Uint8Array;
  /** Of everything before the last response; 3.1.1. */
  readonly preauthHash: Uint8Array;
}

/**
 * A user's session: [MS-SMB2] 3.2.1.3 Per Session.
 *
 *   new --T0--> valid --T1--> valid
 *                 \----T3--> closed
 *
 *   new     SESSION_SETUP has not succeeded; the server may know an id already (`sessionId`)
 *   valid   `channelOn(connection)` protects requests; every channel shares the cipher keys
 *   T0 setup   T1 reauthenticate, bind   T3 logoff, or the server's own
 */
export class ClientSession {
  #connection: ClientConnection;
  #sessionId = 0n;
  #channelSequence = 0;
  /** Counts what `idlest` gave out. */
  #turn = 0;
  #sessionFlags = 0;
  #keys: SessionKeys | undefined;
  #signingRequired = false;
  #encryptData = false;
  readonly #channels: Map<ClientConnection, Channel> = new Map();

  /** `channelSequence`: where it goes on for opens that are older than this session. */
  constructor(connection: ClientConnection, channelSequence: number = 0) {
    this.#connection = connection;
    this.#channelSequence = channelSequence & 0xffff;
  }

  /** Whether a request can be sent at all. */
  get isStanding(): boolean {
    return this.#connection.closedReason === undefined || this.connections.length > 0;
  }

  /** Session.Connection: the first one that stands, or the last one that did. */
  get connection(): ClientConnection {
    return this.#connection;
  }

  /** Session.ChannelSequence: how many channels were lost. */
  get channelSequence(): number {
    return this.#channelSequence;
  }

  /** Session.ChannelList: the connections that stand, in the order they were bound. */
  get connections(): readonly ClientConnection[] {
    return [...this.#channels.keys()].filter(({ closedReason }) => closedReason === undefined);
  }

  /** Channels that stand, and at least 1. */
  get channelCount(): number {
    return Math.max(1, this.#channels.size);
  }

  /** The channel with the least to do, in turns where there are several such. */
  get idlest(): ClientConnection {
    if (this.#channels.size < 2) return this.#connection;
    return idlestOf(this.connections, ++this.#turn) ?? this.#connection;
  }

  get sessionId(): bigint {
    return this.#sessionId;
  }

  /** SMB2_SESSION_FLAG_*, as the server said. */
  get sessionFlags(): number {
    return this.#sessionFlags;
  }

  get isGuestOrAnonymous(): boolean {
    return (this.#sessionFlags & (SMB2_SESSION_FLAG_IS_GUEST | SMB2_SESSION_FLAG_IS_NULL)) !== 0;
  }

  get signingRequired(): boolean {
    return this.#signingRequired;
  }

  get encryptData(): boolean {
    return this.#encryptData;
  }

  /** Undefined before `setup` and for guests. `applicationKey` is RPC's. */
  get keys(): SessionKeys | undefined {
    return this.#keys;
  }

  /** What protects this session's messages on its first connection. */
  get channel(): Channel {
    return this.channelOn(this.connection);
  }

  channelOn(connection: ClientConnection): Channel {
    const channel = this.#channels.get(connection);
    return channel ?? unprotected(this.#sessionId);
  }

  /**
   * T0. [MS-SMB2] 3.2.4.2.3 Authenticating the User and 3.2.5.3.1 Handling a New Authentication.
   * Other statuses of this side: STATUS_LOGON_FAILURE (the security package gave up),
   * STATUS_ACCESS_DENIED (the last response is not properly signed, or the session is weaker than
   * `signing` and `encryption` ask for; it is logged off then).
   */
  async setup(initiator: Initiator, options: SetupOptions = {}): Promise<SetupResult> {
    const exchange = await this.#exchange(this.connection, initiator, options, 0);
    if (exchange.status !== STATUS_SUCCESS) return exchange;
    const complaint = this.#establish(exchange, options);
    if (complaint === undefined) return exchange;
    await this.logoff();
    return { ...exchange, status: STATUS_ACCESS_DENIED, reason: complaint };
  }

  /** T1. [MS-SMB2] 3.2.4.2.3.1 Application Requests Reauthenticating a User; keys stay. */
  async reauthenticate(initiator: Initiator, options: SetupOptions = {}): Promise<SetupResult> {
    const channel = this.#channels.get(this.connection);
    const send = { channel, sign: channel?.signer !== undefined, ...options.send };
    return this.#exchange(this.connection, initiator, { ...options, send }, 0);
  }

  /**
   * T1. [MS-SMB2] 3.2.4.2.3 with SMB2_SESSION_FLAG_BINDING: makes `connection` another channel of
   * this session, whose signing key is the channel's own.
   */
  async bind(
    connection: ClientConnection,
    initiator: Initiator,
    options: SetupOptions = {},
  ): Promise<SetupResult> {
    const keys = this.#keys;
    const negotiated = connection.negotiated;
    assert(keys !== undefined, 'a session with keys can be bound');
    assert(negotiated !== undefined, 'the new connection has negotiated');
    // The requests are signed with the session's key by the new connection's algorithm.
    const signer = createSigner(negotiated.signingAlgorithm, keys.signingKey);
    const binding = { ...this.channel, signer, encryptData: false };
    // The last response has the new channel's signature, which is verified here and not there.
    const protection = { channel: binding, sign: true, encrypt: false, verify: 'report' } as const;
    const send = { ...protection, ...options.send };
    const exchange = await this.#exchange(
      connection,
      initiator,
      { ...options, send },
      SMB2_SESSION_FLAG_BINDING,
    );
    if (exchange.status !== STATUS_SUCCESS) return exchange;
    const channelKeys = deriveKeys({
      role: 'client',
      dialect: negotiated.dialect,
      cipherId: negotiated.cipherId,
      fullSessionKey: exchange.sessionKey,
      preauthHash: exchange.preauthHash,
    });
    const own = createSigner(negotiated.signingAlgorithm, channelKeys.signingKey);
    if (!isSignedWith(own, exchange.reply)) {
      const reason = 'the response to the binding is not signed with the channel key';
      return { ...exchange, status: STATUS_ACCESS_DENIED, reason };
    }
    this.#setChannel(connection, { ...this.channel, signer: own });
    return exchange;
  }

  /**
   * [MS-SMB2] 3.2.7.1 Handling a Network Disconnect, of one channel of several: true when there is
   * another one, on which what has no answer may be sent again.
   */
  lose(connection: ClientConnection): boolean {
    if (this.connections.every((other) => other === connection)) return false;
    if (this.#channels.has(connection)) {
      this.#channelSequence = (this.#channelSequence + 1) & 0xffff;
    }
    this.leave(connection);
    return true;
  }

  /** Sends nothing on that channel any more; what has no answer yet may get it. */
  leave(connection: ClientConnection): void {
    const next = this.connections.find((other) => other !== connection);
    if (next === undefined) return;
    this.#channels.delete(connection);
    if (this.#connection === connection) this.#connection = next;
  }

  /** T3. [MS-SMB2] 3.2.4.23 Application Requests Terminating an Authenticated Context. */
  async logoff(options: SendOptions = {}): Promise<Reply<EmptyBody>> {
    const reply = await this.connection.call(logoffRequest(), {
      channel: this.channel,
      ...options,
    });
    if (reply.status === STATUS_SUCCESS) this.forget();
    return reply;
  }

  /** Drops the keys on this side only; tests go on using the session's id unprotected. */
  forget(): void {
    for (const connection of this.#channels.keys()) connection.removeChannel(this.#sessionId);
    this.#channels.clear();
  }

  /** The SESSION_SETUP requests until the server's last word. */
  async #exchange(
    connection: ClientConnection,
    initiator: Initiator,
    options: SetupOptions,
    flags: number,
  ): Promise<Exchange> {
    const negotiated = connection.negotiated;
    assert(negotiated !== undefined, 'NEGOTIATE comes before SESSION_SETUP');
    let preauthHash = connection.preauthHash;
    const extend = (message: readonly Uint8Array[] | Uint8Array): void => {
      preauthHash = extendPreauthHash(preauthHash, message);
    };
    const send: SendOptions = { ...options.send, sent: extend };
    let securityBuffer = await initiator.first(negotiated.response.securityBuffer);
    for (;;) {
      const request = sessionSetupRequest({
        flags,
        securityMode: options.securityMode ?? negotiated.request.securityMode,
        capabilities: options.capabilities ?? SMB2_GLOBAL_CAP_DFS,
        previousSessionId: options.previousSessionId ?? 0n,
        securityBuffer,
      });
      const header = { sessionId: this.#sessionId, ...options.send?.header };
      const reply = await connection.call(request, { ...send, header });
      const { status, response } = reply;
      const ended = { status, reply, reason: undefined, sessionKey: NO_KEY, preauthHash };
      if (response === undefined) return ended;
      if (reply.header !== undefined) this.#sessionId = reply.header.sessionId;
      if (status === STATUS_SUCCESS && isWeak(response)) return ended;

      const step = await initiator.step(response.securityBuffer);
      if (step.kind === 'failed') {
        return { ...ended, status: STATUS_LOGON_FAILURE, reason: step.reason };
      }
      if (status === STATUS_SUCCESS) {
        if (step.kind === 'done') return { ...ended, sessionKey: step.sessionKey };
        const reason = 'the server ended the logon before it was complete';
        return { ...ended, status: STATUS_LOGON_FAILURE, reason };
      }
      if (status !== STATUS_MORE_PROCESSING_REQUIRED || step.kind === 'done') return ended;
      extend(reply.message);
      securityBuffer = step.token;
    }
  }

  /** Derives the keys and decides on signing and encryption; what speaks against the session. */
  #establish(exchange: Exchange, options: SetupOptions): string | undefined {
    const { connection } = this;
    const negotiated = connection.negotiated!;
    const { signing = 'auto', encryption = 'auto', anonymous = false } = options;
    this.#sessionFlags = exchange.reply.response!.sessionFlags;
    this.#setChannel(connection, unprotected(this.#sessionId));
    if (anonymous || this.isGuestOrAnonymous || exchange.sessionKey.length === 0) {
      if (signing === 'required') return 'a guest session cannot sign';
      return encryption === 'required' ? 'a guest session cannot encrypt' : undefined;
    }

    const { dialect, cipherId } = negotiated;
    const { sessionKey: fullSessionKey, preauthHash } = exchange;
    const keys = deriveKeys({ role: 'client', dialect, cipherId, fullSessionKey, preauthHash });
    const signer = createSigner(negotiated.signingAlgorithm, keys.signingKey);
    if (!isProperlySigned(signer, exchange.reply, dialect)) {
      return 'the last SESSION_SETUP response is not properly signed';
    }
    const serverRequires =
      (negotiated.response.securityMode & SMB2_NEGOTIATE_SIGNING_REQUIRED) !== 0;
    const wePledged = (negotiated.request.securityMode & SMB2_NEGOTIATE_SIGNING_REQUIRED) !== 0;
    const serverEncrypts = (this.#sessionFlags & SMB2_SESSION_FLAG_ENCRYPT_DATA) !== 0;
    const ciphers = dialect >= SMB2_DIALECT_300 && cipherId !== undefined;
    this.#keys = keys;
    this.#signingRequired = signing === 'required' || serverRequires || wePledged;
    this.#encryptData = ciphers && (encryption === 'required' || serverEncrypts);
    let encryptor: Encryptor | undefined;
    let decryptor: Decryptor | undefined;
    if (ciphers) {
      encryptor = createEncryptor(cipherId, keys.encryptionKey, connection.random);
      decryptor = createDecryptor(cipherId, keys.decryptionKey);
    }
    this.#setChannel(connection, {
      sessionId: this.#sessionId,
      signer,
      encryptor,
      decryptor,
      signingRequired: this.#signingRequired,
      encryptData: this.#encryptData,
    });
    if (encryption === 'required' && !ciphers) return 'the connection cannot encrypt';
    return undefined;
  }

  #setChannel(connection: ClientConnection, channel: Channel): void {
    if (!this.#channels.has(connection)) {
      void connection.closed.then(() => this.lose(connection));
    }
    this.#channels.set(connection, channel);
    connection.setChannel(channel);
  }
}

const NO_KEY = new Uint8Array(0);

function unprotected(sessionId: bigint): Channel {
  return {
    sessionId,
    signer: undefined,
    encryptor: undefined,
    decryptor: undefined,
    signingRequired: false,
    encryptData: false,
  };
}

/** Guests and anonymous users share no key with the server. */
function isWeak({ sessionFlags }: SessionSetupResponse): boolean {
  return (sessionFlags & (SMB2_SESSION_FLAG_IS_GUEST | SMB2_SESSION_FLAG_IS_NULL)) !== 0;
}

/**
 * [MS-SMB2] 3.2.5.3.1: in 3.1.1 the last response must be signed, for it protects the whole
 * negotiation; before, its signature is verified when it has one.
 */
function isProperlySigned(
  signer: Signer,
  reply: Reply<SessionSetupResponse>,
  dialect: number,
): boolean {
  const isSigned = ((reply.header?.flags ?? 0) & SMB2_FLAGS_SIGNED) !== 0;
  if (!isSigned) return dialect !== SMB2_DIALECT_311;
  return signer.verify(reply.message);
}

function isSignedWith(signer: Signer, reply: Reply<SessionSetupResponse>): boolean {
  const isSigned = ((reply.header?.flags ?? 0) & SMB2_FLAGS_SIGNED) !== 0;
  return isSigned && signer.verify(reply.message);
}

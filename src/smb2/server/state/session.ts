import type { Acceptor } from '../../../auth/acceptor.ts';
import type { Identity } from '../../../auth/token.ts';
import { assert } from '../../../base/assert.ts';
import type { SessionKeys } from '../../crypto/keys.ts';
import type { Decryptor, Encryptor } from '../../crypto/message-cipher.ts';
import type { Signer } from '../../crypto/signer.ts';
import type { Request } from '../request.ts';
import type { Connection } from './connection.ts';
import type { Open } from './open.ts';
import type { TreeConnect } from './tree-connect.ts';

/**
 * [MS-SMB2] 3.3.1.8 Per Session.
 *
 *              T0 new Session            T1 established            T2 expire
 *     (none) ----------------> InProgress ----------------> Valid ------------> Expired
 *                                  |                        ^   |                 |
 *                                  |           T3 reauthenticated (keeps keys) <--+
 *                                  +------------- T4 destroyed -----------------> (gone)
 *
 * InProgress: no request but SESSION_SETUP is served. Valid: keys, identity and trees stand.
 * Expired: only SESSION_SETUP, LOGOFF, CLOSE and LOCK (to unlock) are served.
 */
export type SessionState = 'in-progress' | 'valid' | 'expired' | 'gone';

const NEXT_STATES: Readonly<Record<SessionState, readonly SessionState[]>> = {
  'in-progress': ['valid', 'gone'],
  valid: ['valid', 'expired', 'gone'],
  expired: ['valid', 'gone'],
  gone: [],
};

/** [MS-SMB2] 3.3.1.14 Per Channel. */
export interface Channel {
  readonly connection: Connection;
  readonly signer: Signer | undefined;
}

/** A SESSION_SETUP exchange that has not ended, on one connection. */
export interface Authentication {
  readonly acceptor: Acceptor;
  /** Session.PreauthIntegrityHashValue, or that of the channel to be bound; 3.1.1 only. */
  preauthHash: Uint8Array | undefined;
}

export class Session {
  readonly sessionId: bigint;
  readonly createdMs: number;
  state: SessionState = 'in-progress';
  identity: Identity | undefined;
  /** Whose logon made the session, and its keys. */
  ownerSid: string | undefined;
  keys: SessionKeys | undefined;
  /** Session.FullSessionKey, for channels that are bound later. */
  fullSessionKey: Uint8Array | undefined;
  /**
   * The session began with a user's logon, not as anonymous or guest: only then its key is a
   * secret, and it may be required to sign and encrypt. Reauthentication does not change it.
   */
  isSecured = false;
  /** With Session.SigningKey: the first channel's, and what a binding request is signed with. */
  signer: Signer | undefined;
  signingRequired = false;
  encryptData = false;
  /** Its client has encrypted something. */
  sawEncrypted = false;
  encryptor: Encryptor | undefined;
  decryptor: Decryptor | undefined;
  /** Session.Connection's dialect and client: what a binding must match. */
  readonly dialect: number;
  readonly clientGuid: string;
  cipherId = 0;
  signingAlgorithm = 0;
  readonly channels: Map<Connection, Channel> = new Map();
  readonly authentications: Map<Connection, Authentication> = new Map();
  readonly treeConnects: Map<number, TreeConnect> = new Map();
  readonly opens: Map<bigint, Open> = new Map();
  /** CREATEs that wait and whose channel failed: a replay on another one asks for their answers. */
  readonly stranded: Set<Request> = new Set();
  nextTreeId = 1;
  /** Who waits until the last of its opens is closed or lost. */
  readonly whenEnded: (() => void)[] = [];

  constructor(options: {
    readonly sessionId: bigint;
    readonly createdMs: number;
    readonly dialect: number;
    readonly clientGuid: string;
  }) {
    this.sessionId = options.sessionId;
    this.createdMs = options.createdMs;
    this.dialect = options.dialect;
    this.clientGuid = options.clientGuid;
  }

  become(state: SessionState): void {
    assert(NEXT_STATES[this.state].includes(state), `session ${this.state} -> ${state}`);
    this.state = state;
  }
}

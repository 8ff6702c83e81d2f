import type { MaybePromise } from '../base/task.ts';
import type { Acceptor } from './acceptor.ts';

/** What SPNEGO drives: one security mechanism, as NTLM and later Kerberos. */
export interface Mechanism {
  /** OID contents under which peers know it, the preferred one first. */
  readonly oids: readonly Uint8Array[];
  newAcceptor(): MechanismAcceptor;
}

export interface MechanismAcceptor extends Acceptor {
  /** Per-message integrity, once a step said 'done' and where the context has a key for it. */
  readonly integrity: Integrity | undefined;
}

/** GSS_GetMIC and GSS_VerifyMIC for the one message that SPNEGO signs each way. */
export interface Integrity {
  /** Whether a peer of this kind sends a mechListMIC when it must: without one it is refused. */
  readonly micExpected: boolean;
  getMic(message: Uint8Array): Uint8Array;
  verifyMic(message: Uint8Array, mic: Uint8Array): boolean;
}

export interface MechanismInitiator {
  readonly oid: Uint8Array;
  /** The token that starts the exchange. */
  first(): MaybePromise<Uint8Array>;
  /** The answer to the acceptor's token; undefined when that token is refused. */
  next(token: Uint8Array): MaybePromise<Uint8Array | undefined>;
  /** Once the last token was made. */
  readonly sessionKey: Uint8Array | undefined;
  readonly integrity: Integrity | undefined;
}

import type { MaybePromise } from '../base/task.ts';
import type { NtStatus } from '../erref/ntstatus.ts';
import type { Identity } from './token.ts';

/**
 * The server's side of GSS authentication as [MS-SMB2] 3.3.5.5.3 Handling GSS-API Authentication
 * uses it: one acceptor per SESSION_SETUP exchange, one step per request.
 *
 *   continue   answer STATUS_MORE_PROCESSING_REQUIRED with `token`
 *   done       answer STATUS_SUCCESS with `token` (empty for raw NTLMSSP)
 *   failed     answer `status`; `token`, where present, is a SPNEGO reject for the error response's
 *              peer and may be left out. `userName` is what the client claimed, for the audit log.
 *
 * After done or failed an acceptor is spent: a further step throws an assertion.
 */
export type AcceptStep =
  | { readonly kind: 'continue'; readonly token: Uint8Array }
  | {
      readonly kind: 'done';
      readonly token: Uint8Array;
      readonly identity: Identity;
      /** The whole cryptographic key of the context: 16 bytes from NTLM, up to 32 from Kerberos. */
      readonly sessionKey: Uint8Array;
    }
  | {
      readonly kind: 'failed';
      readonly status: NtStatus;
      readonly token?: Uint8Array;
      readonly userName?: string;
    };

export interface Acceptor {
  /**
   * Takes the SecurityBuffer of one SESSION_SETUP request. The token is not kept beyond the call
   * (what the acceptor needs of it, it copies).
   */
  step(token: Uint8Array): MaybePromise<AcceptStep>;
}

/** What a server offers; one for all connections. `auth/authenticator.ts` makes it. */
export interface Authenticator {
  /** SPNEGO NegTokenInit2 for the NEGOTIATE response ([MS-SMB2] 3.3.5.4, SecurityBuffer). */
  readonly hint: Uint8Array;
  newAcceptor(): Acceptor;
}

import type { MaybePromise } from '../base/task.ts';

/**
 * The client's side of GSS authentication as [MS-SMB2] 3.2.4.2.3 Authenticating the User uses it.
 *
 *   1. `first(hint)` makes the first SESSION_SETUP request's token from the NEGOTIATE response's.
 *   2. Each SESSION_SETUP response with STATUS_MORE_PROCESSING_REQUIRED goes to `step`, whose
 *      'continue' token goes into the next request.
 *   3. The response with STATUS_SUCCESS goes to `step` too, its token empty or not; only 'done'
 *      means that the server proved itself and the key may be used.
 *
 * 'failed' ends the logon; `reason` is for a person.
 */
export type InitiateStep =
  | { readonly kind: 'continue'; readonly token: Uint8Array }
  | { readonly kind: 'done'; readonly sessionKey: Uint8Array }
  | { readonly kind: 'failed'; readonly reason: string };

export interface Initiator {
  /** `hint`: the SecurityBuffer of the NEGOTIATE response; may be empty. */
  first(hint: Uint8Array): MaybePromise<Uint8Array>;
  step(token: Uint8Array): MaybePromise<InitiateStep>;
  /**
   * The key of the context, once a 'continue' carried the last token of the client and before the
   * server's last answer: that answer's signature is verified with keys derived from it.
   */
  readonly sessionKey: Uint8Array | undefined;
}

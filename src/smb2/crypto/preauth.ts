import { createHash } from 'node:crypto';
import type { MessageBytes } from './algorithms.ts';

/** [MS-SMB2] 2.2.3.1.1 SMB2_PREAUTH_INTEGRITY_CAPABILITIES, HashAlgorithms: SHA-512. */
export const PREAUTH_HASH_SIZE = 64;

/** Connection.PreauthIntegrityHashValue before the first message: 64 zero bytes. */
export const PREAUTH_HASH_INITIAL: Uint8Array = new Uint8Array(PREAUTH_HASH_SIZE);

/**
 * One link of the preauthentication integrity hash chain, SHA-512(previous | message)
 * ([MS-SMB2] 3.3.5.4 and 3.3.5.5 for the server, 3.2.5.2 and 3.2.5.3 for the client).
 * `message` is the whole message from its SMB2 header on, as sent: after signing.
 */
export function extendPreauthHash(previous: Uint8Array, message: MessageBytes): Uint8Array {
  const hash = createHash('sha512').update(previous);
  if (message instanceof Uint8Array) hash.update(message);
  else for (const chunk of message) hash.update(chunk);
  return hash.digest();
}

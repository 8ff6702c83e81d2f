import { createHash } from 'node:crypto';

/** FIPS 180-4, 6.2: for the object store, which knows no cryptography of its own. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

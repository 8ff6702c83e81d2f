import { createHmac } from 'node:crypto';
import { concat } from '../../base/bytes.ts';

export interface KdfInput {
  /** Ko, the key derivation key. */
  readonly key: Uint8Array;
  /** With its terminating NUL. */
  readonly label: Uint8Array;
  readonly context: Uint8Array;
  /** L in bytes: 16 or 32, so that one round is enough (HMAC-SHA256 gives 32). */
  readonly size: 16 | 32;
}

/**
 * [MS-SMB2] 3.1.4.2 Generating Cryptographic Keys: the KDF in counter mode of SP800-108 5.1 with
 * HMAC-SHA256, a 32-bit counter before the fixed data (r = 32) and L as 32 bits:
 *
 *    i | Label | 0x00 | Context | L      all numbers big-endian, L in bits
 */
export function deriveKey({ key, label, context, size }: KdfInput): Uint8Array {
  const counter = Uint8Array.of(0, 0, 0, 1);
  const bits = Uint8Array.of(0, 0, (size * 8) >> 8, (size * 8) & 0xff);
  const input = concat(counter, label, Uint8Array.of(0), context, bits);
  return Uint8Array.from(createHmac('sha256', key).update(input).digest().subarray(0, size));
}

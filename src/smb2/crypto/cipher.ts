import { assert } from '../../base/assert.ts';
import type { Random } from '../../env/ports.ts';
import { type CipherId, cipherKeySize, cipherNonceSize, isCcm } from './algorithms.ts';
import { CcmDecryptor, CcmEncryptor } from './ccm.ts';
import { GcmDecryptor, GcmEncryptor } from './gcm.ts';
import type { Decryptor, Encryptor } from './message-cipher.ts';
import { NonceSequence } from './nonce-sequence.ts';

/** `key` is Session.EncryptionKey of this cipher's size (`cipherKeySize`). */
export function createEncryptor(cipherId: CipherId, key: Uint8Array, random: Random): Encryptor {
  assert(key.length === cipherKeySize(cipherId), `${key.length} byte key for cipher ${cipherId}`);
  const nonces = new NonceSequence(cipherNonceSize(cipherId), random);
  return isCcm(cipherId)
    ? new CcmEncryptor(cipherId, key, nonces)
    : new GcmEncryptor(cipherId, key, nonces);
}

/** `key` is Session.DecryptionKey of this cipher's size. */
export function createDecryptor(cipherId: CipherId, key: Uint8Array): Decryptor {
  assert(key.length === cipherKeySize(cipherId), `${key.length} byte key for cipher ${cipherId}`);
  return isCcm(cipherId) ? new CcmDecryptor(cipherId, key) : new GcmDecryptor(cipherId, key);
}

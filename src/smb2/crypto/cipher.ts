import { assert } from '../../base/assert.ts';
import type { Random } from '../../env/ports.ts';
import { type CipherId, cipherKeySize, cipherNonceSize, isCcm } from './algorithms.ts';
import { CcmDecryptor, CcmEncryptor } from './ccm.ts';
import { EvpCcmDecryptor, EvpCcmEncryptor } from './ccm-evp.ts';
import { cryptoLibrary } from './crypto-library.ts';
import { GcmDecryptor, GcmEncryptor } from './gcm.ts';
import { EvpGcmDecryptor, EvpGcmEncryptor } from './gcm-evp.ts';
import type { Decryptor, Encryptor } from './message-cipher.ts';
import { NonceSequence } from './nonce-sequence.ts';

/** `key` is Session.EncryptionKey of this cipher's size (`cipherKeySize`). */
export function createEncryptor(cipherId: CipherId, key: Uint8Array, random: Random): Encryptor {
  assert(key.length === cipherKeySize(cipherId), `${key.length} byte key for cipher ${cipherId}`);
  const nonces = new NonceSequence(cipherNonceSize(cipherId), random);
  const { evp } = cryptoLibrary();
  if (isCcm(cipherId)) {
    return evp === undefined
      ? new CcmEncryptor(cipherId, key, nonces)
      : new EvpCcmEncryptor({ evp, cipherId, key }, nonces);
  }
  return evp === undefined
    ? new GcmEncryptor(cipherId, key, nonces)
    : new EvpGcmEncryptor({ evp, cipherId, key }, nonces);
}

/** `key` is Session.DecryptionKey of this cipher's size. */
export function createDecryptor(cipherId: CipherId, key: Uint8Array): Decryptor {
  assert(key.length === cipherKeySize(cipherId), `${key.length} byte key for cipher ${cipherId}`);
  const { evp } = cryptoLibrary();
  if (isCcm(cipherId)) {
    return evp === undefined
      ? new CcmDecryptor(cipherId, key)
      : new EvpCcmDecryptor({ evp, cipherId, key });
  }
  return evp === undefined
    ? new GcmDecryptor(cipherId, key)
    : new EvpGcmDecryptor({ evp, cipherId, key });
}

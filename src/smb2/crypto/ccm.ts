import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { concat } from '../../base/bytes.ts';
import { type CipherId, SMB2_ENCRYPTION_AES256_CCM } from './algorithms.ts';
import { isAuthentic } from './gcm.ts';
import {
  type Decryptor,
  type Encryptor,
  TRANSFORM_HEADER_SIZE,
  TRANSFORM_NONCE_AT,
  TRANSFORM_NONCE_END,
  TRANSFORM_SIGNATURE_AT,
  TRANSFORM_SIGNATURE_END,
} from './message-cipher.ts';
import type { NonceSequence } from './nonce-sequence.ts';

const NONCE_SIZE = 11;
const TAG = { authTagLength: 16 } as const;

type CcmName = 'aes-128-ccm' | 'aes-256-ccm';

function nameOf(cipherId: CipherId): CcmName {
  return cipherId === SMB2_ENCRYPTION_AES256_CCM ? 'aes-256-ccm' : 'aes-128-ccm';
}

/**
 * AES-CCM by node:crypto. CCM needs the length first and takes its message in one call, so several
 * chunks are joined before; who wants speed negotiates GCM.
 */
export class CcmEncryptor implements Encryptor {
  readonly cipherId: CipherId;
  readonly #name: CcmName;
  readonly #key: KeyObject;
  readonly #nonces: NonceSequence;

  constructor(cipherId: CipherId, key: Uint8Array, nonces: NonceSequence) {
    this.cipherId = cipherId;
    this.#name = nameOf(cipherId);
    this.#key = createSecretKey(key);
    this.#nonces = nonces;
  }

  encrypt(
    header: Uint8Array,
    chunks: readonly Uint8Array[],
    out?: Uint8Array,
  ): readonly Uint8Array[] {
    const plaintext = join(chunks);
    const nonce = this.#nonces.next();
    header.fill(0, TRANSFORM_NONCE_AT, TRANSFORM_NONCE_END);
    header.set(nonce, TRANSFORM_NONCE_AT);
    const cipher = createCipheriv(this.#name, this.#key, nonce, TAG);
    cipher.setAAD(header.subarray(TRANSFORM_NONCE_AT, TRANSFORM_HEADER_SIZE), {
      plaintextLength: plaintext.length,
    });
    const encrypted = cipher.update(plaintext);
    cipher.final();
    header.set(cipher.getAuthTag(), TRANSFORM_SIGNATURE_AT);
    return [placed(encrypted, out)];
  }
}

export class CcmDecryptor implements Decryptor {
  readonly cipherId: CipherId;
  readonly #name: CcmName;
  readonly #key: KeyObject;

  constructor(cipherId: CipherId, key: Uint8Array) {
    this.cipherId = cipherId;
    this.#name = nameOf(cipherId);
    this.#key = createSecretKey(key);
  }

  decrypt(
    header: Uint8Array,
    ciphertext: readonly Uint8Array[],
    out?: Uint8Array,
  ): Uint8Array | undefined {
    const joined = join(ciphertext);
    const nonce = header.subarray(TRANSFORM_NONCE_AT, TRANSFORM_NONCE_AT + NONCE_SIZE);
    const decipher = createDecipheriv(this.#name, this.#key, nonce, TAG);
    decipher.setAuthTag(header.subarray(TRANSFORM_SIGNATURE_AT, TRANSFORM_SIGNATURE_END));
    decipher.setAAD(header.subarray(TRANSFORM_NONCE_AT, TRANSFORM_HEADER_SIZE), {
      plaintextLength: joined.length,
    });
    const plaintext = decipher.update(joined);
    return isAuthentic(decipher) ? placed(plaintext, out) : undefined;
  }
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  return chunks.length === 1 ? chunks[0]! : concat(...chunks);
}

function placed(bytes: Uint8Array, out: Uint8Array | undefined): Uint8Array {
  if (out === undefined) return bytes;
  out.set(bytes);
  return out.subarray(0, bytes.length);
}

import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { type CipherId, SMB2_ENCRYPTION_AES256_GCM } from './algorithms.ts';
import {
  type Decryptor,
  type Encryptor,
  sizeOf,
  TRANSFORM_HEADER_SIZE,
  TRANSFORM_NONCE_AT,
  TRANSFORM_NONCE_END,
  TRANSFORM_SIGNATURE_AT,
  TRANSFORM_SIGNATURE_END,
} from './message-cipher.ts';
import type { NonceSequence } from './nonce-sequence.ts';

const NONCE_SIZE = 12;
/** Bytes per `update` where the result is copied on: keeps the copy within the cache. */
const STRIDE = 64 * 1024;

type GcmName = 'aes-128-gcm' | 'aes-256-gcm';

function nameOf(cipherId: CipherId): GcmName {
  return cipherId === SMB2_ENCRYPTION_AES256_GCM ? 'aes-256-gcm' : 'aes-128-gcm';
}

/** AES-GCM by node:crypto, the message streamed through it chunk by chunk. */
export class GcmEncryptor implements Encryptor {
  readonly cipherId: CipherId;
  readonly #name: GcmName;
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
    const nonce = this.#nonces.next();
    header.fill(0, TRANSFORM_NONCE_AT, TRANSFORM_NONCE_END);
    header.set(nonce, TRANSFORM_NONCE_AT);
    const cipher = createCipheriv(this.#name, this.#key, nonce);
    cipher.setAAD(header.subarray(TRANSFORM_NONCE_AT, TRANSFORM_HEADER_SIZE));
    const update = (bytes: Uint8Array): Uint8Array => cipher.update(bytes);
    const encrypted = out === undefined ? chunks.map(update) : [through(update, chunks, out)];
    cipher.final();
    header.set(cipher.getAuthTag(), TRANSFORM_SIGNATURE_AT);
    return encrypted;
  }
}

export class GcmDecryptor implements Decryptor {
  readonly cipherId: CipherId;
  readonly #name: GcmName;
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
    const nonce = header.subarray(TRANSFORM_NONCE_AT, TRANSFORM_NONCE_AT + NONCE_SIZE);
    const decipher = createDecipheriv(this.#name, this.#key, nonce);
    decipher.setAAD(header.subarray(TRANSFORM_NONCE_AT, TRANSFORM_HEADER_SIZE));
    decipher.setAuthTag(header.subarray(TRANSFORM_SIGNATURE_AT, TRANSFORM_SIGNATURE_END));
    const update = (bytes: Uint8Array): Uint8Array => decipher.update(bytes);
    const single = ciphertext.length === 1 && out === undefined;
    const plaintext = single
      ? update(ciphertext[0]!)
      : through(update, ciphertext, out ?? new Uint8Array(sizeOf(ciphertext)));
    return isAuthentic(decipher) ? plaintext : undefined;
  }
}

/** node:crypto tells a wrong tag by throwing from `final`, and nothing else makes it throw. */
export function isAuthentic(decipher: { final(): unknown }): boolean {
  try {
    decipher.final();
    return true;
  } catch {
    return false;
  }
}

/** Streams the chunks through `update` into `out`; `out` may lie exactly over a single chunk. */
function through(
  update: (bytes: Uint8Array) => Uint8Array,
  chunks: readonly Uint8Array[],
  out: Uint8Array,
): Uint8Array {
  let end = 0;
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += STRIDE) {
      const part = update(chunk.subarray(at, at + STRIDE));
      out.set(part, end);
      end += part.length;
    }
  }
  return out.subarray(0, end);
}

import type { CipherId } from './algorithms.ts';
import { SMB2_ENCRYPTION_AES256_GCM } from './algorithms.ts';
import type { Evp, EvpContext, EvpDirection } from './evp.ts';
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

export interface EvpGcmOptions {
  readonly evp: Evp;
  readonly cipherId: CipherId;
  readonly key: Uint8Array;
}

/** AES-GCM by EVP calls: one context for the key's life, ciphertext written where it belongs. */
export class EvpGcmEncryptor implements Encryptor {
  readonly cipherId: CipherId;
  readonly #context: EvpContext;
  readonly #nonces: NonceSequence;

  constructor(options: EvpGcmOptions, nonces: NonceSequence) {
    this.cipherId = options.cipherId;
    this.#context = newContext(options, 'encrypt');
    this.#nonces = nonces;
  }

  encrypt(
    header: Uint8Array,
    chunks: readonly Uint8Array[],
    out?: Uint8Array,
  ): readonly Uint8Array[] {
    const size = sizeOf(chunks);
    const target = out ?? Buffer.allocUnsafe(size);
    const nonce = this.#nonces.next();
    header.fill(0, TRANSFORM_NONCE_AT, TRANSFORM_NONCE_END);
    header.set(nonce, TRANSFORM_NONCE_AT);
    const context = this.#context;
    context.start(nonce);
    context.authenticate(header.subarray(TRANSFORM_NONCE_AT, TRANSFORM_HEADER_SIZE));
    let at = 0;
    for (const chunk of chunks) {
      context.update(chunk, target, at);
      at += chunk.length;
    }
    context.finish(header.subarray(TRANSFORM_SIGNATURE_AT, TRANSFORM_SIGNATURE_END));
    return [target.length === size ? target : target.subarray(0, size)];
  }
}

export class EvpGcmDecryptor implements Decryptor {
  readonly cipherId: CipherId;
  readonly #context: EvpContext;

  constructor(options: EvpGcmOptions) {
    this.cipherId = options.cipherId;
    this.#context = newContext(options, 'decrypt');
  }

  decrypt(
    header: Uint8Array,
    ciphertext: readonly Uint8Array[],
    out?: Uint8Array,
  ): Uint8Array | undefined {
    const size = sizeOf(ciphertext);
    const target = out ?? Buffer.allocUnsafe(size);
    const context = this.#context;
    context.start(header.subarray(TRANSFORM_NONCE_AT, TRANSFORM_NONCE_AT + NONCE_SIZE));
    context.authenticate(header.subarray(TRANSFORM_NONCE_AT, TRANSFORM_HEADER_SIZE));
    let at = 0;
    for (const chunk of ciphertext) {
      context.update(chunk, target, at);
      at += chunk.length;
    }
    const tag = header.subarray(TRANSFORM_SIGNATURE_AT, TRANSFORM_SIGNATURE_END);
    if (!context.finishVerify(tag)) return undefined;
    return target.length === size ? target : target.subarray(0, size);
  }
}

function newContext({ evp, cipherId, key }: EvpGcmOptions, direction: EvpDirection): EvpContext {
  const cipher = cipherId === SMB2_ENCRYPTION_AES256_GCM ? 'aes_256_gcm' : 'aes_128_gcm';
  return evp.newContext(cipher, key, direction);
}

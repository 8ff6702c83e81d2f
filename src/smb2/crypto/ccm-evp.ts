import { type CipherId, SMB2_ENCRYPTION_AES256_CCM } from './algorithms.ts';
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

const NONCE_SIZE = 11;

export interface EvpCcmOptions {
  readonly evp: Evp;
  readonly cipherId: CipherId;
  readonly key: Uint8Array;
}

/** AES-CCM by EVP calls: a context for the key's life; several chunks are joined in the target. */
export class EvpCcmEncryptor implements Encryptor {
  readonly cipherId: CipherId;
  readonly #context: EvpContext;
  readonly #nonces: NonceSequence;

  constructor(options: EvpCcmOptions, nonces: NonceSequence) {
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
    const target = (out ?? Buffer.allocUnsafe(size)).subarray(0, size);
    const nonce = this.#nonces.next();
    header.fill(0, TRANSFORM_NONCE_AT, TRANSFORM_NONCE_END);
    header.set(nonce, TRANSFORM_NONCE_AT);
    const context = this.#context;
    context.start(nonce);
    context.announce(size);
    context.authenticate(header.subarray(TRANSFORM_NONCE_AT, TRANSFORM_HEADER_SIZE));
    context.update(joined(chunks, target), target, 0);
    context.finishCcm(header.subarray(TRANSFORM_SIGNATURE_AT, TRANSFORM_SIGNATURE_END));
    return [target];
  }
}

/** An empty message, which no peer sends, is refused. */
export class EvpCcmDecryptor implements Decryptor {
  readonly cipherId: CipherId;
  readonly #context: EvpContext;

  constructor(options: EvpCcmOptions) {
    this.cipherId = options.cipherId;
    this.#context = newContext(options, 'decrypt');
  }

  decrypt(
    header: Uint8Array,
    ciphertext: readonly Uint8Array[],
    out?: Uint8Array,
  ): Uint8Array | undefined {
    const size = sizeOf(ciphertext);
    if (size === 0) return undefined;
    const target = (out ?? Buffer.allocUnsafe(size)).subarray(0, size);
    const context = this.#context;
    context.start(header.subarray(TRANSFORM_NONCE_AT, TRANSFORM_NONCE_AT + NONCE_SIZE));
    context.expect(header.subarray(TRANSFORM_SIGNATURE_AT, TRANSFORM_SIGNATURE_END));
    context.announce(size);
    context.authenticate(header.subarray(TRANSFORM_NONCE_AT, TRANSFORM_HEADER_SIZE));
    return context.updateVerify(joined(ciphertext, target), target) ? target : undefined;
  }
}

/** CCM takes its message in one piece: the only chunk, or all of them in `target`. */
function joined(chunks: readonly Uint8Array[], target: Uint8Array): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  let at = 0;
  for (const chunk of chunks) {
    target.set(chunk, at);
    at += chunk.length;
  }
  return target;
}

function newContext({ evp, cipherId, key }: EvpCcmOptions, direction: EvpDirection): EvpContext {
  const cipher = cipherId === SMB2_ENCRYPTION_AES256_CCM ? 'aes_256_ccm' : 'aes_128_ccm';
  return evp.newContext(cipher, key, direction);
}

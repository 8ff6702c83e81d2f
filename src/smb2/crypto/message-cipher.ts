import type { CipherId } from './algorithms.ts';

/**
 * [MS-SMB2] 3.1.4.3 Encrypting the Message, with one key of one session.
 *
 * An encryptor owns the nonces of its key: exactly one may exist per key, and all channels of a
 * session share it.
 */
export interface Encryptor {
  readonly cipherId: CipherId;
  /**
   * Encrypts `chunks` as one message. `header` is the 52-byte SMB2 TRANSFORM_HEADER with
   * everything but Signature and Nonce filled in; both are written here. Returns the ciphertext in
   * order: in `out` when it is given (at least as long as the chunks together; it may be exactly
   * the only chunk, and else not overlap them), else in fresh memory.
   */
  encrypt(
    header: Uint8Array,
    chunks: readonly Uint8Array[],
    out?: Uint8Array,
  ): readonly Uint8Array[];
}

/** [MS-SMB2] 3.3.5.2.1.1 and 3.2.5.1.1.1 Decrypting the Message, with one key of one session. */
export interface Decryptor {
  readonly cipherId: CipherId;
  /**
   * Decrypts the bytes after the 52-byte `header`; undefined when the tag is wrong. The plaintext
   * is one contiguous view: in `out` when it is given (at least as long; `out` may be exactly the
   * single chunk of `ciphertext`, which is then overwritten, also on failure), else in fresh
   * memory.
   */
  decrypt(
    header: Uint8Array,
    ciphertext: readonly Uint8Array[],
    out?: Uint8Array,
  ): Uint8Array | undefined;
}

/** [MS-SMB2] 2.2.41 SMB2 TRANSFORM_HEADER: where its fields are. */
export const TRANSFORM_HEADER_SIZE = 52;
export const TRANSFORM_SIGNATURE_AT = 4;
export const TRANSFORM_SIGNATURE_END = 20;
/** Nonce, OriginalMessageSize, Reserved, Flags and SessionId: authenticated as additional data. */
export const TRANSFORM_NONCE_AT = 20;
export const TRANSFORM_NONCE_END = 36;

export function sizeOf(chunks: readonly Uint8Array[]): number {
  let size = 0;
  for (const chunk of chunks) size += chunk.length;
  return size;
}

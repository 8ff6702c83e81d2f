import { createRequire } from 'node:module';
import { assert } from '../../base/assert.ts';
import type { MessageMac } from './mac.ts';

/**
 * OpenSSL's EVP functions of the running node binary, called through koffi.
 *
 * node:crypto makes a new cipher object per message (2.7 us for the AES-GMAC of 128 bytes, measured
 * by bench/crypto.ts); with one EVP context per key the same costs 0.6 us, and output lands where
 * it belongs without a copy. `crypto-library.ts` decides whether these functions may be used.
 */
export interface Evp {
  newContext(cipher: EvpCipher, key: Uint8Array, direction: EvpDirection): EvpContext;
  /** HMAC-SHA256, all 32 bytes. */
  newHmac(key: Uint8Array): MessageMac;
}

export type EvpCipher =
  | 'aes_128_cbc'
  | 'aes_128_ccm'
  | 'aes_128_gcm'
  | 'aes_256_ccm'
  | 'aes_256_gcm';
export type EvpDirection = 'encrypt' | 'decrypt';

/** One key's EVP_CIPHER_CTX: any number of messages, one after the other. */
export interface EvpContext {
  /** Starts a message: 12 bytes of nonce (GCM), 11 (CCM) or 16 of IV (CBC). */
  start(iv: Uint8Array): void;
  /** CCM, decrypting: the tag to come, before `announce`. */
  expect(tag: Uint8Array): void;
  /** CCM: the size of what one `update` or `updateVerify` is going to take, above 0. */
  announce(size: number): void;
  /** GCM, CCM: additional data, before any `update`. */
  authenticate(bytes: Uint8Array): void;
  /** GCM, CCM: as many bytes as `input` has to `out[at]`; `out` may be `input` itself there. */
  update(input: Uint8Array, out: Uint8Array, at: number): void;
  /** CBC: as `update`, but bytes short of a block wait for more; `out` has 16 bytes to spare. */
  chain(input: Uint8Array, out: Uint8Array): void;
  /** GCM, encrypting: ends the message; `tag` gets its 16 bytes. */
  finish(tag: Uint8Array): void;
  /** GCM, decrypting: ends the message; whether the tag is right. */
  finishVerify(tag: Uint8Array): boolean;
  /** CCM, encrypting: ends the message; `tag` gets its 16 bytes. */
  finishCcm(tag: Uint8Array): void;
  /** CCM, decrypting: `update` of all, which ends the message; whether the tag is right. */
  updateVerify(input: Uint8Array, out: Uint8Array): boolean;
}

type Native = (...args: unknown[]) => number;
type Pointer = unknown;

interface Symbols {
  readonly newContext: () => Pointer;
  readonly freeContext: (context: Pointer) => void;
  readonly ciphers: Record<EvpCipher, Pointer>;
  readonly init: Native;
  readonly update: Native;
  readonly final: Native;
  readonly control: Native;
  readonly setPadding: Native;
  readonly clearErrors: () => void;
  readonly newHmac: () => Pointer;
  readonly freeHmac: (context: Pointer) => void;
  readonly sha256: () => Pointer;
  readonly initHmac: Native;
  readonly updateHmac: Native;
  readonly finalHmac: Native;
}

/** [OpenSSL] evp.h: EVP_CTRL_AEAD_SET_IVLEN, EVP_CTRL_AEAD_GET_TAG and EVP_CTRL_AEAD_SET_TAG. */
const SET_IVLEN = 0x09;
const GET_TAG = 0x10;
const SET_TAG = 0x11;
const TAG_SIZE = 16;
const CCM_NONCE_SIZE = 11;
const SHA256_SIZE = 32;

/** Throws where koffi or one of the symbols is missing. */
export function loadEvp(): Evp {
  const symbols = resolve();
  const contexts = new FinalizationRegistry<Pointer>(symbols.freeContext);
  const hmacs = new FinalizationRegistry<Pointer>(symbols.freeHmac);
  return {
    newContext(cipher, key, direction) {
      const pointer = symbols.newContext();
      assert(pointer, 'EVP_CIPHER_CTX_new');
      const context = new NativeContext(symbols, pointer, direction);
      contexts.register(context, pointer);
      context.setKey(cipher, key);
      return context;
    },
    newHmac(key) {
      const pointer = symbols.newHmac();
      assert(pointer, 'HMAC_CTX_new');
      const mac = nativeHmac(symbols, pointer, key);
      hmacs.register(mac, pointer);
      return mac;
    },
  };
}

/** One key's HMAC_CTX: any number of messages, one after the other. */
function nativeHmac(symbols: Symbols, pointer: Pointer, key: Uint8Array): MessageMac {
  const { initHmac, updateHmac, finalHmac } = symbols;
  assert(key.length > 0, 'an HMAC without a key');
  succeeded(initHmac(pointer, key, key.length, symbols.sha256(), null), 'HMAC_Init_ex');
  const mac = new Uint8Array(SHA256_SIZE);
  const written = new Int32Array(1);
  return (chunks) => {
    succeeded(initHmac(pointer, null, 0, null, null), 'HMAC_Init_ex');
    for (const chunk of chunks) {
      succeeded(updateHmac(pointer, chunk, chunk.length), 'HMAC_Update');
    }
    succeeded(finalHmac(pointer, mac, written), 'HMAC_Final');
    return mac;
  };
}

function resolve(): Symbols {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const library = koffi.load(null);
  const native = (prototype: string): Native => library.func(prototype) as unknown as Native;
  const cipher = (name: EvpCipher): Pointer => library.func(`void *EVP_${name}()`)();
  return {
    newContext: library.func('void *EVP_CIPHER_CTX_new()'),
    freeContext: library.func('void EVP_CIPHER_CTX_free(void *ctx)'),
    ciphers: {
      aes_128_cbc: cipher('aes_128_cbc'),
      aes_128_ccm: cipher('aes_128_ccm'),
      aes_128_gcm: cipher('aes_128_gcm'),
      aes_256_ccm: cipher('aes_256_ccm'),
      aes_256_gcm: cipher('aes_256_gcm'),
    },
    init: native(
      'int EVP_CipherInit_ex(void *ctx, void *type, void *impl, void *key, void *iv, int enc)',
    ),
    update: native('int EVP_CipherUpdate(void *ctx, void *out, void *outl, void *in, int inl)'),
    final: native('int EVP_CipherFinal_ex(void *ctx, void *out, void *outl)'),
    control: native('int EVP_CIPHER_CTX_ctrl(void *ctx, int type, int arg, void *ptr)'),
    setPadding: native('int EVP_CIPHER_CTX_set_padding(void *ctx, int pad)'),
    clearErrors: library.func('void ERR_clear_error()'),
    newHmac: library.func('void *HMAC_CTX_new()'),
    freeHmac: library.func('void HMAC_CTX_free(void *ctx)'),
    sha256: library.func('void *EVP_sha256()'),
    initHmac: native('int HMAC_Init_ex(void *ctx, void *key, int size, void *md, void *impl)'),
    updateHmac: native('int HMAC_Update(void *ctx, void *data, size_t size)'),
    finalHmac: native('int HMAC_Final(void *ctx, void *out, void *size)'),
  };
}

class NativeContext implements EvpContext {
  readonly #symbols: Symbols;
  readonly #pointer: Pointer;
  readonly #encrypt: 0 | 1;
  readonly #written: Int32Array = new Int32Array(1);
  readonly #rest: Uint8Array = new Uint8Array(32);
  #ivSize = 12;

  constructor(symbols: Symbols, pointer: Pointer, direction: EvpDirection) {
    this.#symbols = symbols;
    this.#pointer = pointer;
    this.#encrypt = direction === 'encrypt' ? 1 : 0;
  }

  setKey(cipher: EvpCipher, key: Uint8Array): void {
    assert(key.length === (cipher.startsWith('aes_256') ? 32 : 16), `${key.length} byte key`);
    const { ciphers, init, setPadding } = this.#symbols;
    const type = ciphers[cipher];
    const isCcm = cipher.endsWith('ccm');
    if (isCcm) this.#setCcm(type);
    // The type a second time would undo the sizes.
    const rest = isCcm ? null : type;
    succeeded(init(this.#pointer, rest, null, key, null, this.#encrypt), 'EVP_CipherInit_ex');
    succeeded(setPadding(this.#pointer, 0), 'EVP_CIPHER_CTX_set_padding');
  }

  /** Both sizes have to stand before the key is set. */
  #setCcm(type: Pointer): void {
    const { init, control } = this.#symbols;
    this.#ivSize = CCM_NONCE_SIZE;
    succeeded(init(this.#pointer, type, null, null, null, this.#encrypt), 'EVP_CipherInit_ex');
    const sized = control(this.#pointer, SET_IVLEN, CCM_NONCE_SIZE, null);
    succeeded(sized, 'EVP_CTRL_AEAD_SET_IVLEN');
    succeeded(control(this.#pointer, SET_TAG, TAG_SIZE, null), 'EVP_CTRL_AEAD_SET_TAG');
  }

  start(iv: Uint8Array): void {
    assert(iv.length >= this.#ivSize, 'an IV shorter than the cipher reads');
    const { init } = this.#symbols;
    succeeded(init(this.#pointer, null, null, null, iv, this.#encrypt), 'EVP_CipherInit_ex');
  }

  expect(tag: Uint8Array): void {
    assert(tag.length >= TAG_SIZE, 'a tag cut short');
    const { control } = this.#symbols;
    succeeded(control(this.#pointer, SET_TAG, TAG_SIZE, tag), 'EVP_CTRL_AEAD_SET_TAG');
  }

  announce(size: number): void {
    const { update } = this.#symbols;
    succeeded(update(this.#pointer, null, this.#written, null, size), 'EVP_CipherUpdate');
  }

  authenticate(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const { update } = this.#symbols;
    const result = update(this.#pointer, null, this.#written, bytes, bytes.length);
    succeeded(result, 'EVP_CipherUpdate');
  }

  update(input: Uint8Array, out: Uint8Array, at: number): void {
    const { length } = input;
    if (length === 0) return;
    assert(out.length - at >= length, 'no room for what a cipher writes');
    const target = at === 0 ? out : out.subarray(at);
    const { update } = this.#symbols;
    succeeded(update(this.#pointer, target, this.#written, input, length), 'EVP_CipherUpdate');
    assert(this.#written[0] === length, 'a cipher held bytes back');
  }

  chain(input: Uint8Array, out: Uint8Array): void {
    assert(out.length >= input.length + 16, 'no room for what a cipher writes');
    const { update } = this.#symbols;
    const result = update(this.#pointer, out, this.#written, input, input.length);
    succeeded(result, 'EVP_CipherUpdate');
  }

  finish(tag: Uint8Array): void {
    assert(tag.length >= TAG_SIZE, 'no room for a tag');
    const { final, control } = this.#symbols;
    succeeded(final(this.#pointer, this.#rest, this.#written), 'EVP_CipherFinal_ex');
    succeeded(control(this.#pointer, GET_TAG, TAG_SIZE, tag), 'EVP_CTRL_AEAD_GET_TAG');
  }

  finishVerify(tag: Uint8Array): boolean {
    assert(tag.length >= TAG_SIZE, 'a tag cut short');
    const { final, control, clearErrors } = this.#symbols;
    succeeded(control(this.#pointer, SET_TAG, TAG_SIZE, tag), 'EVP_CTRL_AEAD_SET_TAG');
    if (final(this.#pointer, this.#rest, this.#written) === 1) return true;
    // What OpenSSL noted must not be taken for an error of node's next operation.
    clearErrors();
    return false;
  }

  finishCcm(tag: Uint8Array): void {
    assert(tag.length >= TAG_SIZE, 'no room for a tag');
    const { control } = this.#symbols;
    succeeded(control(this.#pointer, GET_TAG, TAG_SIZE, tag), 'EVP_CTRL_AEAD_GET_TAG');
  }

  updateVerify(input: Uint8Array, out: Uint8Array): boolean {
    const { length } = input;
    assert(length > 0 && out.length >= length, 'no room for what a cipher writes');
    const { update, clearErrors } = this.#symbols;
    if (update(this.#pointer, out, this.#written, input, length) === 1) return true;
    clearErrors();
    return false;
  }
}

function succeeded(result: number, what: string): void {
  if (result !== 1) assert(false, `${what} failed`);
}

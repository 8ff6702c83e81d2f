import { createCipheriv, createSecretKey } from 'node:crypto';
import { cryptoLibrary } from './crypto-library.ts';
import type { MessageMac } from './mac.ts';

const BLOCK = 16;
/** Bytes fed to the cipher at once: bounds what `update` allocates for output nobody reads. */
const STRIDE = 64 * 1024;
const ZERO_IV = new Uint8Array(BLOCK);

/**
 * AES-128-CMAC, RFC 4493 2.4: CBC-MAC whose last block is XORed with a subkey. node:crypto has no
 * CMAC; the last block of AES-CBC over the same bytes is one, at the hardware's speed.
 */
export function createCmac(key: Uint8Array): MessageMac {
  const startChain = createCbcChain(key);
  const { k1, k2 } = generateSubkeys(key);
  const last = new Uint8Array(BLOCK);

  return (chunks) => {
    const chain = startChain();
    let size = 0;
    for (const chunk of chunks) size += chunk.length;
    const lastSize = size === 0 ? 0 : ((size - 1) % BLOCK) + 1;
    const subkey = lastSize === BLOCK ? k1 : k2;

    last.fill(0);
    if (lastSize < BLOCK) last[lastSize] = 0x80;
    let left = size - lastSize;
    let lastAt = 0;
    for (const chunk of chunks) {
      const whole = Math.min(left, chunk.length);
      for (let at = 0; at < whole; at += STRIDE) {
        chain(chunk.subarray(at, Math.min(at + STRIDE, whole)));
      }
      left -= whole;
      for (let at = whole; at < chunk.length; at++) last[lastAt++] = chunk[at]!;
    }
    for (let i = 0; i < BLOCK; i++) last[i]! ^= subkey[i]!;
    return chain(last);
  };
}

/** Takes the next bytes of a message and gives the ciphertext blocks that they complete. */
type CbcChain = (bytes: Uint8Array) => Uint8Array;

/** Starts an AES-128-CBC encryption with a zero IV; one at a time. */
function createCbcChain(key: Uint8Array): () => CbcChain {
  const { evp } = cryptoLibrary();
  if (evp === undefined) {
    const secret = createSecretKey(key);
    return () => {
      const cipher = createCipheriv('aes-128-cbc', secret, ZERO_IV).setAutoPadding(false);
      return (bytes) => cipher.update(bytes);
    };
  }
  const context = evp.newContext('aes_128_cbc', key, 'encrypt');
  const chain: CbcChain = (bytes) => {
    context.chain(bytes, discarded);
    return discarded;
  };
  return () => {
    context.start(ZERO_IV);
    return chain;
  };
}

/** Where CBC output goes that nobody reads: only the last block counts, at once. */
const discarded = new Uint8Array(STRIDE + BLOCK);

/** RFC 4493 2.3 Subkey Generation Algorithm. */
function generateSubkeys(key: Uint8Array): { k1: Uint8Array; k2: Uint8Array } {
  const l = createCipheriv('aes-128-ecb', key, null).update(ZERO_IV);
  const k1 = double(l);
  return { k1, k2: double(k1) };
}

/** Doubling in GF(2^128), without a branch on the key. */
function double(block: Uint8Array): Uint8Array {
  const doubled = new Uint8Array(BLOCK);
  for (let i = 0; i < BLOCK; i++) {
    doubled[i] = (block[i]! << 1) | (i + 1 < BLOCK ? block[i + 1]! >> 7 : 0);
  }
  doubled[BLOCK - 1]! ^= -(block[0]! >> 7) & 0x87;
  return doubled;
}

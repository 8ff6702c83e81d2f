import { createCipheriv, createHmac, randomBytes } from 'node:crypto';
import { equalBytes } from '../../base/bytes.ts';
import { type Evp, loadEvp } from './evp.ts';

/** Who encrypts and signs: OpenSSL through EVP calls, or node:crypto; and why not the former. */
export interface CryptoLibrary {
  readonly evp: Evp | undefined;
  readonly reason: string;
}

let selected: CryptoLibrary | undefined;

/**
 * The library in use, chosen at the first call: EVP when it loads and agrees with node:crypto on a
 * self-test, else node:crypto. A server logs `reason` once at its start.
 */
export function cryptoLibrary(): CryptoLibrary {
  selected ??= choose();
  return selected;
}

/** Overrides the choice for keys set from now on: for tests, benchmarks and operators. */
export function selectCryptoLibrary(name: 'auto' | 'node'): CryptoLibrary {
  selected = name === 'auto' ? choose() : { evp: undefined, reason: 'node:crypto was asked for' };
  return selected;
}

function choose(): CryptoLibrary {
  try {
    const evp = loadEvp();
    const fault = selfTest(evp);
    return fault === undefined
      ? { evp, reason: "OpenSSL's EVP functions passed their self-test" }
      : { evp: undefined, reason: `OpenSSL's EVP functions gave a wrong ${fault}` };
  } catch (error) {
    return { evp: undefined, reason: `OpenSSL's EVP functions cannot be called: ${error}` };
  }
}

/** What differs from node:crypto, over both sizes of key, offsets, reuse and wrong tags. */
function selfTest(evp: Evp): string | undefined {
  for (const [cipher, name, keySize] of [
    ['aes_128_gcm', 'aes-128-gcm', 16],
    ['aes_256_gcm', 'aes-256-gcm', 32],
  ] as const) {
    const bytes = Uint8Array.from(randomBytes(keySize + 400));
    const key = bytes.subarray(0, keySize);
    const sealing = evp.newContext(cipher, key, 'encrypt');
    const opening = evp.newContext(cipher, key, 'decrypt');
    for (const size of [0, 1, 16, 255]) {
      const nonce = bytes.subarray(keySize + size, keySize + size + 12);
      const aad = bytes.subarray(keySize + 13, keySize + 45);
      const plaintext = bytes.subarray(keySize + 50, keySize + 50 + size);
      const reference = createCipheriv(name, key, nonce).setAAD(aad);
      const expected = reference.update(plaintext);
      reference.final();

      const out = new Uint8Array(size + 3);
      const tag = new Uint8Array(16);
      sealing.start(nonce);
      sealing.authenticate(aad);
      sealing.update(plaintext, out, 3);
      sealing.finish(tag);
      if (!equalBytes(out.subarray(3), expected)) return `${name} ciphertext`;
      if (!equalBytes(tag, reference.getAuthTag())) return `${name} tag`;

      for (const right of [false, true]) {
        const presented = Uint8Array.from(tag);
        if (!right) presented[15]! ^= 1;
        const text = out.slice(3);
        opening.start(nonce);
        opening.authenticate(aad);
        opening.update(text, text, 0);
        if (opening.finishVerify(presented) !== right) return `${name} verdict`;
        if (!equalBytes(text, plaintext)) return `${name} plaintext`;
      }
    }
  }
  return selfTestCcm(evp) ?? selfTestHmac(evp) ?? selfTestCbc(evp);
}

function selfTestCcm(evp: Evp): string | undefined {
  for (const [cipher, name, keySize] of [
    ['aes_128_ccm', 'aes-128-ccm', 16],
    ['aes_256_ccm', 'aes-256-ccm', 32],
  ] as const) {
    const bytes = Uint8Array.from(randomBytes(keySize + 400));
    const key = bytes.subarray(0, keySize);
    const sealing = evp.newContext(cipher, key, 'encrypt');
    const opening = evp.newContext(cipher, key, 'decrypt');
    for (const size of [1, 16, 255]) {
      const nonce = bytes.subarray(keySize + size, keySize + size + 11);
      const aad = bytes.subarray(keySize + 13, keySize + 45);
      const plaintext = bytes.subarray(keySize + 50, keySize + 50 + size);
      const reference = createCipheriv(name, key, nonce, { authTagLength: 16 });
      const expected = reference.setAAD(aad, { plaintextLength: size }).update(plaintext);
      reference.final();

      const text = Uint8Array.from(plaintext);
      const tag = new Uint8Array(16);
      sealing.start(nonce);
      sealing.announce(size);
      sealing.authenticate(aad);
      sealing.update(text, text, 0);
      sealing.finishCcm(tag);
      if (!equalBytes(text, expected)) return `${name} ciphertext`;
      if (!equalBytes(tag, reference.getAuthTag())) return `${name} tag`;

      for (const right of [false, true]) {
        const presented = Uint8Array.from(tag);
        if (!right) presented[15]! ^= 1;
        const out = new Uint8Array(size);
        opening.start(nonce);
        opening.expect(presented);
        opening.announce(size);
        opening.authenticate(aad);
        if (opening.updateVerify(text, out) !== right) return `${name} verdict`;
        if (right && !equalBytes(out, plaintext)) return `${name} plaintext`;
      }
    }
  }
  return undefined;
}

function selfTestHmac(evp: Evp): string | undefined {
  const bytes = Uint8Array.from(randomBytes(16 + 300));
  const key = bytes.subarray(0, 16);
  const mac = evp.newHmac(key);
  for (const size of [0, 64, 300]) {
    const chunks = [bytes.subarray(16, 16 + size), bytes.subarray(5, 10)];
    const reference = createHmac('sha256', key);
    for (const chunk of chunks) reference.update(chunk);
    if (!equalBytes(mac(chunks), reference.digest())) return 'HMAC-SHA256';
  }
  return undefined;
}

function selfTestCbc(evp: Evp): string | undefined {
  const bytes = Uint8Array.from(randomBytes(16 + 16 + 64));
  const [key, iv, text] = [bytes.subarray(0, 16), bytes.subarray(16, 32), bytes.subarray(32)];
  const expected = createCipheriv('aes-128-cbc', key, iv).setAutoPadding(false).update(text);
  const context = evp.newContext('aes_128_cbc', key, 'encrypt');
  for (let round = 0; round < 2; round++) {
    const out = new Uint8Array(80);
    context.start(iv);
    context.chain(text.subarray(0, 24), out);
    context.chain(text.subarray(24), out.subarray(16));
    if (!equalBytes(out.subarray(0, 64), expected)) return 'aes-128-cbc ciphertext';
  }
  return undefined;
}

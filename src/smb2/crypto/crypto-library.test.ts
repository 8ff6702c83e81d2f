import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Random } from '../../env/ports.ts';
import {
  type CipherId,
  cipherKeySize,
  SIGNING_AES_CMAC,
  SIGNING_AES_GMAC,
  SIGNING_HMAC_SHA256,
  SMB2_ENCRYPTION_AES128_CCM,
  SMB2_ENCRYPTION_AES128_GCM,
  SMB2_ENCRYPTION_AES256_CCM,
  SMB2_ENCRYPTION_AES256_GCM,
} from './algorithms.ts';
import { createDecryptor, createEncryptor } from './cipher.ts';
import { cryptoLibrary, selectCryptoLibrary } from './crypto-library.ts';
import { createSigner } from './signer.ts';

const random: Random = { bytes: (length) => new Uint8Array(length).fill(5) };
const CIPHERS = [
  SMB2_ENCRYPTION_AES128_CCM,
  SMB2_ENCRYPTION_AES128_GCM,
  SMB2_ENCRYPTION_AES256_CCM,
  SMB2_ENCRYPTION_AES256_GCM,
] as const;
const SIZES = [64, 65, 79, 80, 200, 4096, 65_535, 65_536, 65_616, 300_001];

describe('EVP calls against node:crypto', () => {
  after(() => selectCryptoLibrary('auto'));

  it('are in use where this runs, or say why not', (t) => {
    const { evp, reason } = cryptoLibrary();
    if (evp === undefined) t.skip(reason);
    assert.notEqual(reason, '');
  });

  for (const algorithm of [SIGNING_HMAC_SHA256, SIGNING_AES_CMAC, SIGNING_AES_GMAC] as const) {
    it(`sign alike, however a message is cut (algorithm ${algorithm})`, () => {
      const key = new Uint8Array(16).fill(3);
      selectCryptoLibrary('auto');
      const fast = createSigner(algorithm, key);
      selectCryptoLibrary('node');
      const reference = createSigner(algorithm, key);
      for (const size of SIZES) {
        const expected = sample(size);
        reference.sign(expected);
        for (const cut of [64, 70, 96, size - 1].filter((at) => at >= 64 && at <= size)) {
          const message = sample(size);
          fast.sign([message.subarray(0, cut), message.subarray(cut)]);
          assert.deepEqual(message, expected, `${size} cut at ${cut}`);
          assert.equal(reference.verify(message), true);
        }
      }
    });
  }

  for (const cipherId of CIPHERS) {
    it(`encrypt alike and read each other (cipher ${cipherId})`, () => {
      const fast = ends(cipherId, 'auto');
      const reference = ends(cipherId, 'node');
      for (const size of SIZES) {
        const chunks = [sample(size).subarray(0, 64), sample(size).subarray(64)];
        const [headerA, headerB] = [new Uint8Array(52), new Uint8Array(52)];
        const a = Buffer.concat(fast.encryptor.encrypt(headerA, chunks));
        const b = Buffer.concat(reference.encryptor.encrypt(headerB, chunks));
        assert.deepEqual(headerA, headerB);
        assert.deepEqual(a, b);
        const fromB = fast.decryptor.decrypt(headerB, [b])!;
        const fromA = reference.decryptor.decrypt(headerA, [a])!;
        assert.deepEqual(Uint8Array.from(fromB), sample(size));
        assert.deepEqual(Uint8Array.from(fromA), sample(size));
        a[size - 1]! ^= 1;
        assert.equal(fast.decryptor.decrypt(headerA, [a]), undefined);
      }
    });

    it(`round-trip by node:crypto into a target and in place (cipher ${cipherId})`, () => {
      const { encryptor, decryptor } = ends(cipherId, 'node');
      const header = new Uint8Array(52);
      const out = new Uint8Array(200_001);
      const [encrypted] = encryptor.encrypt(header, [sample(200_000)], out);
      const bytes = Uint8Array.from(encrypted!);
      assert.deepEqual(decryptor.decrypt(header, [bytes], bytes), sample(200_000));
    });
  }
});

function ends(
  cipherId: CipherId,
  library: 'auto' | 'node',
): {
  encryptor: ReturnType<typeof createEncryptor>;
  decryptor: ReturnType<typeof createDecryptor>;
} {
  selectCryptoLibrary(library);
  const key = new Uint8Array(cipherKeySize(cipherId)).fill(8);
  return {
    encryptor: createEncryptor(cipherId, key, random),
    decryptor: createDecryptor(cipherId, key),
  };
}

function sample(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + 7) & 0xff);
}

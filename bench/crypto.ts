/** What one message's signature and encryption cost: `node dist/bench/crypto.js`. */
import { randomBytes } from 'node:crypto';
import type { Random } from '../src/env/ports.ts';
import {
  cipherKeySize,
  SIGNING_AES_CMAC,
  SIGNING_AES_GMAC,
  SIGNING_HMAC_SHA256,
  SMB2_ENCRYPTION_AES128_CCM,
  SMB2_ENCRYPTION_AES128_GCM,
  SMB2_ENCRYPTION_AES256_CCM,
  SMB2_ENCRYPTION_AES256_GCM,
} from '../src/smb2/crypto/algorithms.ts';
import { createDecryptor, createEncryptor } from '../src/smb2/crypto/cipher.ts';
import { selectCryptoLibrary } from '../src/smb2/crypto/crypto-library.ts';
import { createSigner } from '../src/smb2/crypto/signer.ts';

const SIGNERS = [
  ['HMAC-SHA256', SIGNING_HMAC_SHA256],
  ['AES-CMAC', SIGNING_AES_CMAC],
  ['AES-GMAC', SIGNING_AES_GMAC],
] as const;
const CIPHERS = [
  ['AES-128-CCM', SMB2_ENCRYPTION_AES128_CCM],
  ['AES-128-GCM', SMB2_ENCRYPTION_AES128_GCM],
  ['AES-256-CCM', SMB2_ENCRYPTION_AES256_CCM],
  ['AES-256-GCM', SMB2_ENCRYPTION_AES256_GCM],
] as const;
const random: Random = { bytes: (length) => randomBytes(length) };

for (const library of ['auto', 'node'] as const) {
  console.log(`${library}: ${selectCryptoLibrary(library).reason}`);
  for (const [name, algorithm] of SIGNERS) {
    const signer = createSigner(algorithm, randomBytes(16));
    for (const size of [128, 65_616]) {
      const message = randomBytes(size);
      measure(`${name} sign`, size, () => signer.sign(message));
    }
  }
  for (const [name, cipherId] of CIPHERS) {
    const key = randomBytes(cipherKeySize(cipherId));
    const encryptor = createEncryptor(cipherId, key, random);
    const decryptor = createDecryptor(cipherId, key);
    for (const size of [128, 4096, 65_536, 1_048_576]) {
      const header = new Uint8Array(52);
      const chunks = [randomBytes(size)];
      const out = new Uint8Array(size);
      measure(`${name} encrypt`, size, () => encryptor.encrypt(header, chunks));
      measure(`${name} encrypt to out`, size, () => encryptor.encrypt(header, chunks, out));
      const encrypted = encryptor.encrypt(header, chunks).map((chunk) => Uint8Array.from(chunk));
      measure(`${name} decrypt to out`, size, () => decryptor.decrypt(header, encrypted, out));
    }
  }
}

function measure(name: string, size: number, run: () => unknown): void {
  const rounds = Math.max(100, Math.min(50_000, Math.floor(1e8 / size)));
  for (let i = 0; i < rounds / 5; i++) run();
  const start = process.hrtime.bigint();
  for (let i = 0; i < rounds; i++) run();
  const us = Number(process.hrtime.bigint() - start) / rounds / 1000;
  const rate = (size / us / 1000).toFixed(2);
  console.log(
    `${name.padEnd(28)} ${String(size).padStart(8)} B ${us.toFixed(2).padStart(9)} us ${rate} GB/s`,
  );
}

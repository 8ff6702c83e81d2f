import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../../test/vectors/hex.ts';
import { concat } from '../../base/bytes.ts';
import type { Random } from '../../env/ports.ts';
import {
  type CipherId,
  cipherKeySize,
  cipherNonceSize,
  SMB2_ENCRYPTION_AES128_CCM,
  SMB2_ENCRYPTION_AES128_GCM,
  SMB2_ENCRYPTION_AES256_CCM,
  SMB2_ENCRYPTION_AES256_GCM,
} from './algorithms.ts';
import { createDecryptor, createEncryptor } from './cipher.ts';
import { deriveKeys } from './keys.ts';

const CIPHERS: readonly CipherId[] = [
  SMB2_ENCRYPTION_AES128_CCM,
  SMB2_ENCRYPTION_AES128_GCM,
  SMB2_ENCRYPTION_AES256_CCM,
  SMB2_ENCRYPTION_AES256_GCM,
];

describe('[MS-SMB2] 3.1.4.3 Encrypting the Message', () => {
  // Microsoft Open Specifications blog, "Encryption in SMB 3.0: A protocol perspective".
  it('gives the published message of dialect 3.0 (AES-128-CCM)', () => {
    const keys = deriveKeys({
      role: 'client',
      dialect: 0x0300,
      fullSessionKey: hex('B4546771B515F766A86735532DD6C4F0'),
    });
    const plaintext = hex(`
      FE534D4240000100000000000900400008000000000000000400000000000000
      FFFE0000010000001100001400E4080000000000000000000000000000000000
      3100700017000000000000000000000015010000390000020100000039020000
      00000000000000007000000000000000536D623320656E6372797074696F6E20
      74657374696E67`);
    // Its writer filled all 16 bytes of the nonce field; only 11 are the nonce, but all are AAD.
    const message = hex(`
      FD534D4281A286535415445DAE393921E44FA42E66E69A111892584FB5ED524A
      744DA3EE87000000000001001100001400E4080025C8FEE16605A437832D1CD5
      2DA9F4645333482A175FE5384563F45FCDAFAEF38BC62BA4D5C62897996625A4
      4C29BE5658DE2E6117585779E7B59FFD971278D08580D7FA899E410E910EABF5
      AA1DB43050B33B49182637759AC15D84BFCDF5B6B238993C0F4CF4D6012023F6
      C627297075D84B7803912D0A9639634453595EF3E33FFE4E7AC2AB`);
    assert.deepEqual(
      decryptWhole(SMB2_ENCRYPTION_AES128_CCM, keys.encryptionKey, message),
      plaintext,
    );
  });

  // Microsoft Open Specifications blog, "SMB 3.1.1 Encryption in Windows 10".
  it('gives the published message of dialect 3.1.1 (AES-128-GCM)', () => {
    const cipherId = SMB2_ENCRYPTION_AES128_GCM;
    const keys = deriveKeys({
      role: 'client',
      dialect: 0x0311,
      cipherId,
      fullSessionKey: hex('419FDDF34C1E001909D362AE7FB6AF79'),
      preauthHash: hex(`
        B23F3CBFD69487D9832B79B1594A367CDD950909B774C3A4C412B4FCEA9EDDDBA7DB256BA2EA30E9
        77F11F9B113247578E0E915C6D2A513B8F2FCA5707DC8770`),
    });
    assert.deepEqual(keys.encryptionKey, hex('A2F5E80E5D59103034F32E52F698E5EC'));
    assert.deepEqual(keys.decryptionKey, hex('748C50868C90F302962A5C35F5F9A8BF'));
    const plaintext = hex(`
      FE534D4240000100000000000900010008000000000000000500000000000000FFFE000001000000
      25000000001000000000000000000000000000000000000031007000170000000000000000000000
      0600000004000000010000000400000000000000000000007000000000000000536D623320656E63
      72797074696F6E2074657374696E67`);
    const message = hex(`
      FD534D42BD73D97D2BC9001BCAFAC0FDFF5FEEBCC7D6822D269CAF48904C664C0000000087000000
      0000010025000000001000006ECDD2A7AFC7B47763057A041B8FD4DAFFE990B70C9E09D36C084E02
      D14EF247F8BDE38ACF6256F8B1D3B56F77FBDEB312FEA5E92CBCC1ED8FB2EBBFAA75E49A4A394BB4
      4576545567C24D4C014D47C9FBDFDAFD2C4F9B72F8D256452620A299F48E29E53D6B61D1C13A19E9
      1AF013F00D17E3ABC2FC3D36C8C1B6B93973253852DBD442E46EE8`);
    assert.deepEqual(decryptWhole(cipherId, keys.encryptionKey, message), plaintext);

    // The nonce before the published one: the sequence counts up to it.
    const random: Random = { bytes: () => hex('C6D6822D269CAF48904C664C') };
    const header = Uint8Array.from(message.subarray(0, 52)).fill(0, 4, 36);
    const encrypted = createEncryptor(cipherId, keys.encryptionKey, random).encrypt(header, [
      plaintext,
    ]);
    assert.deepEqual(concat(header, ...encrypted), message);
  });

  for (const cipherId of CIPHERS) {
    const key = new Uint8Array(cipherKeySize(cipherId)).fill(cipherId);

    it(`round-trips any chunks into any target (cipher ${cipherId})`, () => {
      const encryptor = createEncryptor(cipherId, key, seeded());
      const decryptor = createDecryptor(cipherId, key);
      for (const sizes of [[64], [64, 0, 1], [100, 65_536], [64, 70_000, 70_001]]) {
        const chunks = sizes.map((size, i) => new Uint8Array(size).fill(i + 1));
        const plaintext = concat(...chunks);
        const out = new Uint8Array(plaintext.length + 5).fill(0xee);
        for (const target of [undefined, out]) {
          const header = new Uint8Array(52).fill(9);
          const encrypted = encryptor.encrypt(header, chunks, target);
          const ciphertext = concat(...encrypted);
          assert.deepEqual(concat(...chunks), plaintext, 'the plaintext is left alone');
          assert.notDeepEqual(ciphertext, plaintext);
          assert.deepEqual(
            header.subarray(20 + cipherNonceSize(cipherId), 36).every((b) => b === 0),
            true,
          );
          assert.equal(header[0], 9);
          assert.equal(header[36], 9);
          const cut = [ciphertext.subarray(0, 10), ciphertext.subarray(10)];
          assert.deepEqual(bytesOf(decryptor.decrypt(header, cut)), plaintext);
          assert.deepEqual(bytesOf(decryptor.decrypt(header, [ciphertext])), plaintext);
          const inPlace = Uint8Array.from(ciphertext);
          const decrypted = decryptor.decrypt(header, [inPlace], inPlace);
          assert.deepEqual(bytesOf(decrypted), plaintext);
          assert.deepEqual(inPlace, plaintext);
        }
        assert.deepEqual(out.subarray(plaintext.length), new Uint8Array(5).fill(0xee));
        const text = Uint8Array.from(plaintext);
        const header = new Uint8Array(52).fill(9);
        assert.deepEqual(bytesOf(encryptor.encrypt(header, [text], text)[0]), text);
        assert.deepEqual(bytesOf(decryptor.decrypt(header, [text])), plaintext, 'in place');
      }
    });

    it(`refuses a change of any authenticated byte (cipher ${cipherId})`, () => {
      const header = new Uint8Array(52).fill(1);
      const encryptor = createEncryptor(cipherId, key, seeded());
      const encrypted = encryptor.encrypt(header, [new Uint8Array(70).fill(3)]);
      const message = concat(header, ...encrypted);
      assert.notEqual(decryptWhole(cipherId, key, message), undefined);
      for (let at = 4; at < message.length; at++) {
        const tampered = Uint8Array.from(message);
        tampered[at]! ^= 0x40;
        assert.equal(decryptWhole(cipherId, key, tampered), undefined, `byte ${at}`);
        const body = tampered.subarray(52);
        const inPlace = createDecryptor(cipherId, key).decrypt(tampered, [body], body);
        assert.equal(inPlace, undefined, `byte ${at} in place`);
      }
      // A refused message leaves the decryptor in order.
      const decryptor = createDecryptor(cipherId, key);
      assert.equal(decryptor.decrypt(header.fill(0, 4, 20), encrypted), undefined);
      assert.notEqual(
        decryptor.decrypt(message.subarray(0, 52), [message.subarray(52)]),
        undefined,
      );
    });

    it(`refuses a message cut anywhere (cipher ${cipherId})`, () => {
      const header = new Uint8Array(52).fill(1);
      const encryptor = createEncryptor(cipherId, key, seeded());
      const message = concat(header.fill(2), ...encryptor.encrypt(header, [new Uint8Array(40)]));
      message.set(header);
      for (let size = 0; size < 40; size++) {
        assert.equal(decryptWhole(cipherId, key, message.subarray(0, 52 + size)), undefined);
      }
    });

    it(`uses no nonce twice (cipher ${cipherId})`, () => {
      const random: Random = { bytes: (length) => new Uint8Array(length).fill(0xff) };
      const encryptor = createEncryptor(cipherId, key, random);
      const seen = new Set<string>();
      for (let i = 0; i < 1000; i++) {
        const header = new Uint8Array(52);
        encryptor.encrypt(header, [new Uint8Array(1)]);
        seen.add(Buffer.from(header.subarray(20, 36)).toString('hex'));
      }
      assert.equal(seen.size, 1000);
    });
  }
});

function decryptWhole(
  cipherId: CipherId,
  key: Uint8Array,
  message: Uint8Array,
): Uint8Array | undefined {
  const decryptor = createDecryptor(cipherId, key);
  return bytesOf(decryptor.decrypt(message.subarray(0, 52), [message.subarray(52)]));
}

function bytesOf(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes && Uint8Array.from(bytes);
}

function seeded(): Random {
  let state = 1;
  const next = (): number => {
    state = (state * 75) % 65_537;
    return state & 0xff;
  };
  return { bytes: (length) => Uint8Array.from({ length }, next) };
}

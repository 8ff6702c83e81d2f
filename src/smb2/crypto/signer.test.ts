import assert from 'node:assert/strict';
import { createCipheriv, createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { hex } from '../../../test/vectors/hex.ts';
import { LOGON_KEYS, LOGON_MESSAGES } from '../../../test/vectors/smb311-logon.ts';
import { SIGNING_AES_CMAC, SIGNING_AES_GMAC, SIGNING_HMAC_SHA256 } from './algorithms.ts';
import { createCmac } from './cmac.ts';
import { writeGmacNonce } from './gmac.ts';
import { createSigner } from './signer.ts';

const ALGORITHMS = [SIGNING_HMAC_SHA256, SIGNING_AES_CMAC, SIGNING_AES_GMAC] as const;
const key = hex('2b7e151628aed2a6abf7158809cf4f3c');

describe('RFC 4493 4 Test Vectors', () => {
  const message = hex(`6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51
                       30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710`);
  const vectors = [
    [0, 'bb1d6929e95937287fa37d129b756746'],
    [16, '070a16b46b4d4144f79bdd9dd04a287c'],
    [40, 'dfa66747de9ae63030ca32611497c827'],
    [64, '51f0bebf7e3b9d92fc49741779363cfe'],
  ] as const;

  for (const [size, expected] of vectors) {
    it(`gives the code of ${size} bytes, however they are cut`, () => {
      const cmac = createCmac(key);
      const bytes = message.subarray(0, size);
      for (let cut = 0; cut <= size; cut++) {
        const chunks = [bytes.subarray(0, cut), bytes.subarray(cut)];
        assert.deepEqual(
          Uint8Array.from(cmac(chunks).subarray(0, 16)),
          hex(expected),
          `cut at ${cut}`,
        );
      }
    });
  }
});

describe('[MS-SMB2] 3.1.4.1 Signing An Outgoing Message', () => {
  it('gives the published AES-CMAC signature', () => {
    const message = Uint8Array.from(LOGON_MESSAGES.setupResponse2);
    const signer = createSigner(SIGNING_AES_CMAC, LOGON_KEYS.signingKey);
    assert.equal(signer.verify(message), true);
    message.fill(0xee, 48, 64);
    signer.sign(message);
    assert.deepEqual(message, LOGON_MESSAGES.setupResponse2);
  });

  it('is HMAC-SHA256 cut to 16 bytes over the message with a zero Signature', () => {
    const message = sample(200);
    const zeroed = Uint8Array.from(message).fill(0, 48, 64);
    createSigner(SIGNING_HMAC_SHA256, key).sign(message);
    const expected = createHmac('sha256', key).update(zeroed).digest().subarray(0, 16);
    assert.deepEqual(Buffer.from(message.subarray(48, 64)), expected);
  });

  it('is AES-GCM of nothing with the message as additional data', () => {
    const message = sample(200);
    const zeroed = Uint8Array.from(message).fill(0, 48, 64);
    createSigner(SIGNING_AES_GMAC, key).sign(message);
    const nonce = new Uint8Array(12);
    writeGmacNonce(nonce, message);
    const gcm = createCipheriv('aes-128-gcm', key, nonce).setAAD(zeroed);
    gcm.final();
    assert.deepEqual(Buffer.from(message.subarray(48, 64)), gcm.getAuthTag());
  });

  it('takes the AES-GMAC nonce from MessageId, sender and CANCEL', () => {
    const header = new Uint8Array(64);
    header.set(hex('0102030405060708'), 24);
    const nonce = new Uint8Array(12);
    writeGmacNonce(nonce, header);
    assert.deepEqual(nonce, hex('010203040506070800000000'));
    header[12] = 0x0c;
    writeGmacNonce(nonce, header);
    assert.deepEqual(nonce, hex('010203040506070802000000'));
    header[16] = 0x01;
    writeGmacNonce(nonce, header);
    assert.deepEqual(nonce, hex('010203040506070801000000'));
  });

  for (const algorithm of ALGORITHMS) {
    it(`gives one signature for a message and its chunks (algorithm ${algorithm})`, () => {
      const signer = createSigner(algorithm, key);
      for (const size of [64, 65, 80, 127, 128, 1000, 70_000, 200_003]) {
        const whole = sample(size);
        signer.sign(whole);
        for (const cut of [64, 71, 80, size - 1].filter((at) => at >= 64 && at <= size)) {
          const copy = sample(size);
          const chunks = [copy.subarray(0, cut), new Uint8Array(0), copy.subarray(cut)];
          signer.sign(chunks);
          assert.deepEqual(copy, whole, `${size} bytes cut at ${cut}`);
          assert.equal(signer.verify(chunks), true);
        }
      }
    });
  }
});

describe('[MS-SMB2] 3.1.5.1 Verifying an Incoming Message', () => {
  for (const algorithm of ALGORITHMS) {
    it(`refuses every flipped bit and leaves the message alone (algorithm ${algorithm})`, () => {
      const signer = createSigner(algorithm, key);
      const message = sample(96);
      signer.sign(message);
      for (let bit = 0; bit < message.length * 8; bit++) {
        const tampered = Uint8Array.from(message);
        tampered[bit >> 3]! ^= 1 << (bit & 7);
        const before = Uint8Array.from(tampered);
        assert.equal(signer.verify(tampered), false, `bit ${bit}`);
        assert.deepEqual(tampered, before);
      }
      assert.equal(createSigner(algorithm, new Uint8Array(16)).verify(message), false);
    });
  }

  it('is not asked about less than a header', () => {
    assert.throws(() => createSigner(SIGNING_AES_CMAC, key).verify(new Uint8Array(63)));
  });
});

function sample(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + 7) & 0xff);
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hex } from '../../../test/vectors/hex.ts';
import { LOGON_HASHES, LOGON_KEYS, LOGON_MESSAGES } from '../../../test/vectors/smb311-logon.ts';
import { SMB2_ENCRYPTION_AES128_GCM, SMB2_ENCRYPTION_AES256_GCM } from './algorithms.ts';
import { deriveKey } from './kdf.ts';
import { deriveKeys } from './keys.ts';
import { extendPreauthHash, PREAUTH_HASH_INITIAL } from './preauth.ts';

const preauthHash = LOGON_HASHES.at(-1)!;

describe('[MS-SMB2] 3.1.4.2 Generating Cryptographic Keys', () => {
  it('gives the published keys of dialect 3.0', () => {
    const fullSessionKey = hex('7CD451825D0450D235424E44BA6E78CC');
    assert.deepEqual(deriveKeys({ role: 'client', dialect: 0x0300, fullSessionKey }), {
      signingKey: hex('0B7E9C5CAC36C0F6EA9AB275298CEDCE'),
      encryptionKey: hex('FAD27796665B313EBB578F388632B4F7'),
      decryptionKey: hex('B0F0427F7CEB416D1D9DCC0CD4F99447'),
      applicationKey: hex('BB23A4575AA26C721AF525AF15A87B4F'),
    });
  });

  it('gives the published keys of dialect 3.1.1', () => {
    const { sessionKey, ...keys } = LOGON_KEYS;
    const derived = deriveKeys({
      role: 'client',
      dialect: 0x0311,
      cipherId: SMB2_ENCRYPTION_AES128_GCM,
      fullSessionKey: sessionKey,
      preauthHash,
    });
    assert.deepEqual(derived, keys);
  });

  it('gives the client what the server has, with the directions exchanged', () => {
    for (const dialect of [0x0300, 0x0302, 0x0311]) {
      const common = { dialect, fullSessionKey: new Uint8Array(32).fill(7), preauthHash };
      const server = deriveKeys({ role: 'server', ...common });
      const client = deriveKeys({ role: 'client', ...common });
      assert.deepEqual(client.encryptionKey, server.decryptionKey);
      assert.deepEqual(client.decryptionKey, server.encryptionKey);
      assert.deepEqual(client.signingKey, server.signingKey);
      assert.notDeepEqual(client.encryptionKey, client.decryptionKey);
    }
  });

  it('makes 32-byte cipher keys for AES-256, from the whole session key', () => {
    const fullSessionKey = Uint8Array.from({ length: 32 }, (_, i) => i);
    const cipherId = SMB2_ENCRYPTION_AES256_GCM;
    const common = { role: 'server', dialect: 0x0311, cipherId, preauthHash } as const;
    const keys = deriveKeys({ ...common, fullSessionKey });
    const label = new TextEncoder().encode('SMBS2CCipherKey\0');
    const input = { key: fullSessionKey, label, context: preauthHash, size: 32 } as const;
    assert.deepEqual(keys.encryptionKey, deriveKey(input));
    assert.equal(keys.signingKey.length, 16);
    const half = deriveKeys({ ...common, fullSessionKey: fullSessionKey.subarray(0, 16) });
    assert.deepEqual(half.signingKey, keys.signingKey);
    assert.notDeepEqual(half.encryptionKey, keys.encryptionKey);
  });

  it('takes the session key itself in 2.x, padded to 16 bytes', () => {
    const keys = deriveKeys({ role: 'client', dialect: 0x0210, fullSessionKey: hex('0102') });
    assert.deepEqual(keys.signingKey, hex('01020000000000000000000000000000'));
    assert.equal(keys.encryptionKey.length, 0);
  });

  it('refuses dialect 3.1.1 without its hash', () => {
    const fullSessionKey = LOGON_KEYS.sessionKey;
    assert.throws(() => deriveKeys({ role: 'server', dialect: 0x0311, fullSessionKey }));
  });
});

describe('[MS-SMB2] 3.3.5.4 PreauthIntegrityHashValue', () => {
  it('goes through the published chain of a logon', () => {
    let hash = PREAUTH_HASH_INITIAL;
    const messages = Object.values(LOGON_MESSAGES);
    LOGON_HASHES.forEach((expected, i) => {
      const message = messages[i]!;
      const chunks = [message.subarray(0, 64), message.subarray(64)];
      assert.deepEqual(extendPreauthHash(hash, chunks), extendPreauthHash(hash, message));
      hash = extendPreauthHash(hash, message);
      assert.deepEqual(Uint8Array.from(hash), expected);
    });
  });
});

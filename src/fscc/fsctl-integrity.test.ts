import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toHex, viewOf } from '../base/bytes.ts';
import {
  CHECKSUM_TYPE_CRC32,
  CHECKSUM_TYPE_CRC64,
  CHECKSUM_TYPE_NONE,
  CHECKSUM_TYPE_UNCHANGED,
  decodeIntegrityInformation,
  decodeSetIntegrity,
  decodeSetIntegrityEx,
  encodeIntegrityInformation,
  encodeSetIntegrity,
  encodeSetIntegrityEx,
  FSCTL_INTEGRITY_FLAG_CHECKSUM_ENFORCEMENT_OFF,
} from './fsctl-integrity.ts';

const flags = FSCTL_INTEGRITY_FLAG_CHECKSUM_ENFORCEMENT_OFF;

describe('[MS-FSCC] 2.3.20 FSCTL_GET_INTEGRITY_INFORMATION Reply', () => {
  const information = {
    checksumAlgorithm: CHECKSUM_TYPE_CRC32,
    flags,
    checksumChunkSize: 4096,
    clusterSize: 65_536,
  };

  it('has known bytes, round-trips and refuses truncations', () => {
    const bytes = new Uint8Array(16).fill(0xaa);
    assert.equal(encodeIntegrityInformation(viewOf(bytes), 0, information), 16);
    assert.equal(toHex(bytes), '01000000010000000010000000000100');
    assert.deepEqual(decodeIntegrityInformation(viewOf(bytes), 0, 16), information);
    for (let end = 0; end < 16; end++) {
      assert.equal(decodeIntegrityInformation(viewOf(bytes), 0, end), undefined);
    }
  });
});

describe('[MS-FSCC] 2.3.73 FSCTL_SET_INTEGRITY_INFORMATION Request', () => {
  const encode = (checksumAlgorithm: number): Uint8Array => {
    const bytes = new Uint8Array(8).fill(0xaa);
    assert.equal(encodeSetIntegrity(viewOf(bytes), 0, { checksumAlgorithm, flags }), 8);
    return bytes;
  };

  it('has known bytes and refuses truncations', () => {
    const bytes = encode(CHECKSUM_TYPE_CRC64);
    assert.equal(toHex(bytes), '0200000001000000');
    for (let end = 0; end < 8; end++) {
      assert.equal(decodeSetIntegrity(viewOf(bytes), 0, end), undefined);
    }
  });

  for (const [algorithm, wanted] of [
    [CHECKSUM_TYPE_NONE, 'none'],
    [CHECKSUM_TYPE_CRC32, 'checksums'],
    [CHECKSUM_TYPE_CRC64, 'checksums'],
    [CHECKSUM_TYPE_UNCHANGED, 'unchanged'],
  ] as const) {
    it(`takes ${algorithm} as ${wanted}`, () => {
      assert.deepEqual(decodeSetIntegrity(viewOf(encode(algorithm)), 0, 8), { wanted, flags });
    });
  }

  it('refuses algorithms that there are not', () => {
    for (const algorithm of [3, 0xfffe]) {
      assert.equal(decodeSetIntegrity(viewOf(encode(algorithm)), 0, 8), undefined);
    }
  });
});

describe('[MS-FSCC] 2.3.75 FSCTL_SET_INTEGRITY_INFORMATION_EX Request', () => {
  for (const [wanted, hex] of [
    ['none', '00000000010000000100000000000000'],
    ['checksums', '01000000010000000100000000000000'],
    ['unchanged', '00010000010000000100000000000000'],
  ] as const) {
    it(`has known bytes, round-trips and refuses truncations: ${wanted}`, () => {
      const bytes = new Uint8Array(16).fill(0xaa);
      assert.equal(encodeSetIntegrityEx(viewOf(bytes), 0, { wanted, flags }), 16);
      assert.equal(toHex(bytes), hex);
      assert.deepEqual(decodeSetIntegrityEx(viewOf(bytes), 0, 16), { wanted, flags });
      for (let end = 0; end < 16; end++) {
        assert.equal(decodeSetIntegrityEx(viewOf(bytes), 0, end), undefined);
      }
    });
  }

  it('refuses another version', () => {
    const bytes = new Uint8Array(16);
    encodeSetIntegrityEx(viewOf(bytes), 0, { wanted: 'none', flags: 0 });
    bytes[8] = 2;
    assert.equal(decodeSetIntegrityEx(viewOf(bytes), 0, 16), undefined);
  });
});

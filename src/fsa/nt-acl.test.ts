import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { securityDescriptorBytes } from '../dtyp/security-descriptor.ts';
import { decodeNtAcl, encodeNtAcl } from './nt-acl.ts';
import { synthesizeDescriptor } from './posix-mode.ts';

const STAT = {
  type: 'file',
  device: 1n,
  inode: 2n,
  size: 0,
  allocated: 0,
  links: 1,
  mode: 0o640,
  uid: 1000,
  gid: 100,
  accessTimeNs: 0n,
  modifyTimeNs: 0n,
  changeTimeNs: 0n,
  birthTimeNs: undefined,
} as const;

const DESCRIPTOR = synthesizeDescriptor(STAT);
const BYTES = securityDescriptorBytes(DESCRIPTOR);

function withHead(head: readonly number[], descriptorAt: number): Uint8Array {
  const value = new Uint8Array(descriptorAt + BYTES.length);
  value.set(head);
  value.set(BYTES, descriptorAt);
  return value;
}

describe('security.NTACL (Samba librpc/idl/xattr.idl, xattr_NTACL)', () => {
  const POINTERS = [0, 0, 2, 0, 4, 0, 2, 0];

  it('reads version 1, a bare descriptor', () => {
    assert.deepEqual(decodeNtAcl(withHead([1, 0, 1, 0, 0, 0, 2, 0], 8)), DESCRIPTOR);
  });

  it('reads versions 2 and 3, with a hash', () => {
    assert.deepEqual(decodeNtAcl(withHead([2, 0, 2, 0, ...POINTERS], 28)), DESCRIPTOR);
    assert.deepEqual(decodeNtAcl(withHead([3, 0, 3, 0, ...POINTERS, 1, 0], 80)), DESCRIPTOR);
  });

  // As source4/librpc/tests/xattr_NTACL.dat: 'posix_acl' ends at 88, the second hash at 160.
  it('reads version 4, with a description and two hashes', () => {
    const value = withHead([4, 0, 4, 0, ...POINTERS, 1, 0], 160);
    value.set(Buffer.from('posix_acl\0'), 78);
    assert.deepEqual(decodeNtAcl(value), DESCRIPTOR);
    const other = withHead([4, 0, 4, 0, ...POINTERS, 1, 0], 156);
    other.set(Buffer.from('acl\0'), 78);
    assert.deepEqual(decodeNtAcl(other), DESCRIPTOR);
  });

  it('answers undefined for anything else, whole or cut', () => {
    assert.equal(decodeNtAcl(withHead([5, 0, 5, 0, ...POINTERS], 80)), undefined);
    const whole = encodeNtAcl(DESCRIPTOR);
    for (let end = 0; end < whole.length; end++) {
      assert.equal(decodeNtAcl(whole.subarray(0, end)), undefined);
    }
  });

  it('comes back whole', () => {
    assert.deepEqual(decodeNtAcl(encodeNtAcl(DESCRIPTOR)), DESCRIPTOR);
  });
});

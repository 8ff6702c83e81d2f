import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { viewOf } from '../base/bytes.ts';
import { encodeSecurityDescriptor, securityDescriptorSize } from '../dtyp/security-descriptor.ts';
import { decodeNtAcl, encodeNtAcl, systemAclHashOf } from './nt-acl.ts';
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

function withHead(head: readonly number[], descriptorAt: number): Uint8Array {
  const value = new Uint8Array(descriptorAt + securityDescriptorSize(DESCRIPTOR));
  value.set(head);
  encodeSecurityDescriptor(viewOf(value), descriptorAt, DESCRIPTOR, 0);
  return value;
}

/** What Samba 4.25 stored for a file of its user 1000 that Guests may read, in hexadecimal. */
const OF_SAMBA =
  '040004000000020004000200010059b175ff40618c36bdbb6b6ae34f0aacf1506b7209c5cb0723e23ba8deed4fd9' +
  `${'00'.repeat(32)}706f7369785f61636c00${'00'.repeat(8)}` +
  'fa3cc4aca5eecdf402a8dd943e568dbf4a6330177a210b62c1fac426393c8bec' +
  `${'00'.repeat(32)}` +
  '01000480b4000000d000000000000000ec0000000105000000000005150000000a5a595e600f45c172905eb3e803' +
  '00000105000000000005150000000a5a595e600f45c172905eb30102000002007c000400000000001400a9001200' +
  '010100000000000100000000000018' +
  '00a9001200010200000000000520000000220200000000' +
  '2400a90012000105000000000005150000000a5a595e600f45c172905eb30102000000002400ff011f0001050000' +
  '00000005150000000a5a595e600f45c172905eb3e8030000';

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

  it('reads what Samba stored', () => {
    const value = Uint8Array.from(Buffer.from(OF_SAMBA, 'hex'));
    const found = decodeNtAcl(value);
    assert.equal(found?.owner, 'S-1-5-21-1582914058-3242528608-3009319026-1000');
    const sids = found.dacl?.aces.map((ace) => ('sid' in ace ? ace.sid : ''));
    assert.deepEqual(sids?.slice(0, 2), ['S-1-1-0', 'S-1-5-32-546']);
    assert.equal(systemAclHashOf(value)?.[0], 0xfa);
  });

  it('answers undefined for anything else, whole or cut', () => {
    assert.equal(decodeNtAcl(withHead([5, 0, 5, 0, ...POINTERS], 80)), undefined);
    const whole = encodeNtAcl(DESCRIPTOR);
    for (let end = 0; end < whole.length; end++) {
      assert.equal(decodeNtAcl(whole.subarray(0, end)), undefined);
    }
  });

  it('writes version 4 where there is a hash, and finds it again', () => {
    const hash = Uint8Array.from({ length: 32 }, (_, i) => i + 1);
    const value = encodeNtAcl(DESCRIPTOR, hash);
    assert.equal(Buffer.from(value.subarray(78, 88)).toString(), 'posix_acl\0');
    assert.deepEqual(decodeNtAcl(value), DESCRIPTOR);
    assert.deepEqual(systemAclHashOf(value), hash);
    assert.equal(systemAclHashOf(encodeNtAcl(DESCRIPTOR)), undefined);
    for (let end = 0; end < 160; end++) {
      assert.equal(systemAclHashOf(value.subarray(0, end)), undefined);
    }
  });

  it('comes back whole', () => {
    assert.deepEqual(decodeNtAcl(encodeNtAcl(DESCRIPTOR)), DESCRIPTOR);
  });
});

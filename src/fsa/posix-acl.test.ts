import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sha256 } from '../smb2/crypto/sha256.ts';
import type { FileStat } from '../vfs/vfs.ts';
import { systemAclBlob } from './posix-acl.ts';

/** Owner 7, uid 1000 7, uid 1001 5, group 5, gid 1000 5, mask 7, others 5. */
const FILE_ACL = hex(
  '0200000001000700ffffffff02000700e803000002000500e903000004000500ffffffff08000500e8030000' +
    '10000700ffffffff20000500ffffffff',
);
const DIRECTORY_ACL = hex(
  '0200000001000700ffffffff02000700e803000002000700e903000004000500ffffffff08000500e8030000' +
    '10000700ffffffff20000500ffffffff',
);

describe('smb_acl_wrapper', () => {
  // The hashes are those that Samba 4.25 stored for these ACLs, mode 0775, uid and gid 1000.
  it('of a file hashes to what Samba stored', () => {
    assert.equal(
      hashOf(systemAclBlob(stat('file'), FILE_ACL, undefined)),
      'd30fd5b93b30f2e4d480c58404ff837b035d2e5115d32f3c0888e62b90073cd7',
    );
  });
  it('of a directory has the ACL that is handed down', () => {
    assert.equal(
      hashOf(systemAclBlob(stat('directory'), DIRECTORY_ACL, DIRECTORY_ACL)),
      '8c0f257ea7f1a8fa08043ceab1b1d3da21c396360cebf10f9f2c1b3850807d9d',
    );
  });
  it('is made of the mode where there is no ACL', () => {
    const blob = systemAclBlob(stat('file'), undefined, undefined);
    assert.equal(blob?.length, 28 + 12 + 3 * 8);
    const other = systemAclBlob({ ...stat('file'), mode: 0o600 }, undefined, undefined);
    assert.notDeepEqual(blob, other);
  });
  it('is none for an ACL that is cut, or of another version or tag', () => {
    for (let end = 0; end < FILE_ACL.length; end++) {
      if (end % 8 === 4) continue;
      assert.equal(systemAclBlob(stat('file'), FILE_ACL.subarray(0, end), undefined), undefined);
    }
    for (const [at, value] of [
      [0, 3],
      [4, 0x40],
    ] as const) {
      const wrong = FILE_ACL.slice();
      wrong[at] = value;
      assert.equal(systemAclBlob(stat('file'), wrong, undefined), undefined);
    }
  });
});

function hashOf(blob: Uint8Array | undefined): string {
  return Buffer.from(sha256(blob!)).toString('hex');
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

function stat(type: 'file' | 'directory'): FileStat {
  return {
    type,
    device: 1n,
    inode: 2n,
    size: 0,
    allocated: 0,
    links: 1,
    mode: 0o775,
    uid: 1000,
    gid: 1000,
    accessTimeNs: 0n,
    modifyTimeNs: 0n,
    changeTimeNs: 0n,
    birthTimeNs: undefined,
  };
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  FILE_ALL_ACCESS,
  FILE_GENERIC_EXECUTE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
} from '../dtyp/access-mask.ts';
import type { SidAce } from '../dtyp/acl.ts';
import type { SecurityDescriptor } from '../dtyp/security-descriptor.ts';
import { SID_EVERYONE, unixGroupSid, unixUserSid } from '../dtyp/sid.ts';
import type { FileStat } from '../vfs/vfs.ts';
import { modeOfDescriptor, synthesizeDescriptor, withUnixSids } from './posix-mode.ts';

const OWNER = unixUserSid(1000);
const GROUP = unixGroupSid(100);
const ACCOUNT = 'S-1-5-21-1-2-3-1000';
const subjects = { owners: [OWNER], groups: [GROUP] };

describe('permission bits as a descriptor', () => {
  it('come back whole, whatever group and others have', () => {
    for (const type of ['file', 'directory'] as const) {
      for (let mode = 0o700; mode <= 0o777; mode++) {
        const sd = synthesizeDescriptor(stat(mode, type));
        // Everyone's bits are the group's, too: that is what an ordered list can say.
        const group = ((mode >> 3) | mode) & 7;
        const expected = 0o700 | (group << 3) | (mode & 7);
        assert.equal(modeOfDescriptor(sd, subjects), expected, `0o${mode.toString(8)}`);
      }
    }
  });
  it('are what a list amounts to, in its order', () => {
    const list = dacl(
      deny(SID_EVERYONE, FILE_GENERIC_EXECUTE & 0x20),
      allow(OWNER, FILE_ALL_ACCESS),
      allow(GROUP, FILE_GENERIC_READ | FILE_GENERIC_WRITE),
      allow(SID_EVERYONE, FILE_GENERIC_READ | FILE_GENERIC_EXECUTE),
    );
    assert.equal(modeOfDescriptor(list, subjects), 0o664);
    assert.equal(modeOfDescriptor(dacl(), subjects), 0);
    assert.equal(modeOfDescriptor({ ...dacl(), dacl: null }, subjects), 0o777);
  });
  it('are what a Linux client spells', () => {
    const list = dacl(allow('S-1-5-88-3-33188', 0), allow(unixUserSid(7), 1));
    assert.equal(modeOfDescriptor(list, subjects), 0o644);
  });
  it('cannot hold anybody else', () => {
    const list = dacl(allow(OWNER, FILE_ALL_ACCESS), allow(unixUserSid(1001), FILE_GENERIC_READ));
    assert.equal(modeOfDescriptor(list, subjects), undefined);
    const conditional = dacl({ ...allow(SID_EVERYONE, 1), type: 9 });
    assert.equal(modeOfDescriptor(conditional, subjects), undefined);
    const inherited = dacl({ ...allow(unixUserSid(1001), 1), flags: 0x0b });
    assert.equal(modeOfDescriptor(inherited, subjects), 0);
  });
  it('are those of the account that has the id', () => {
    const list = dacl(allow(ACCOUNT, FILE_GENERIC_READ));
    const mapped = withUnixSids(list, (sid) =>
      sid === ACCOUNT ? { kind: 'uid', id: 1000 } : undefined,
    );
    assert.equal(modeOfDescriptor(mapped, subjects), 0o400);
  });
});

function allow(sid: string, mask: number): SidAce {
  return { type: 0, flags: 0, mask, sid };
}

function deny(sid: string, mask: number): SidAce {
  return { type: 1, flags: 0, mask, sid };
}

function dacl(...aces: SidAce[]): SecurityDescriptor {
  const list = { revision: 2, aces };
  return { control: 4, owner: OWNER, group: GROUP, sacl: undefined, dacl: list };
}

function stat(mode: number, type: 'file' | 'directory'): FileStat {
  return {
    type,
    device: 1n,
    inode: 2n,
    size: 0,
    allocated: 0,
    links: 1,
    mode,
    uid: 1000,
    gid: 100,
    accessTimeNs: 0n,
    modifyTimeNs: 0n,
    changeTimeNs: 0n,
    birthTimeNs: undefined,
  };
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { STATUS_ACCESS_DENIED, STATUS_PRIVILEGE_NOT_HELD } from '../erref/ntstatus.ts';
import { type AccessToken, accessCheck, allowedAccess } from './access-check.ts';
import {
  ACCESS_SYSTEM_SECURITY,
  DELETE,
  FILE_ALL_ACCESS,
  FILE_EXECUTE,
  FILE_GENERIC_READ,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
  GENERIC_ALL,
  GENERIC_READ,
  MAXIMUM_ALLOWED,
  READ_CONTROL,
  WRITE_DAC,
  WRITE_OWNER,
} from './access-mask.ts';
import type { Ace, Acl } from './acl.ts';
import { SE_SECURITY_PRIVILEGE, SE_TAKE_OWNERSHIP_PRIVILEGE } from './privileges.ts';
import type { SecurityDescriptor } from './security-descriptor.ts';
import { SID_EVERYONE, SID_OWNER_RIGHTS } from './sid.ts';

const OWNER = 'S-1-5-21-1-2-3-1000';
const OTHER = 'S-1-5-21-1-2-3-1001';
const owner = token(OWNER);
const other = token(OTHER);

describe('[MS-DTYP] 2.5.3.2 Access Check', () => {
  it('grants everything with no DACL and with a NULL DACL', () => {
    for (const dacl of [undefined, null]) {
      assert.deepEqual(accessCheck(sd(dacl), other, GENERIC_ALL), {
        status: 0,
        granted: FILE_ALL_ACCESS,
      });
    }
  });
  it('grants nothing with an empty DACL, but to the owner READ_CONTROL and WRITE_DAC', () => {
    const empty = sd({ revision: 2, aces: [] });
    assert.equal(accessCheck(empty, other, MAXIMUM_ALLOWED).status, STATUS_ACCESS_DENIED);
    assert.equal(accessCheck(empty, owner, MAXIMUM_ALLOWED).granted, READ_CONTROL | WRITE_DAC);
    assert.equal(accessCheck(empty, owner, FILE_READ_DATA).status, STATUS_ACCESS_DENIED);
  });
  it('lets the first ACE that speaks of a bit decide it', () => {
    const denyFirst = dacl(deny(OTHER, FILE_READ_DATA), allow(SID_EVERYONE, FILE_GENERIC_READ));
    assert.equal(accessCheck(denyFirst, other, FILE_READ_DATA).status, STATUS_ACCESS_DENIED);
    assert.equal(allowedAccess(denyFirst, other), FILE_GENERIC_READ & ~FILE_READ_DATA);
    const allowFirst = dacl(allow(SID_EVERYONE, FILE_GENERIC_READ), deny(OTHER, FILE_READ_DATA));
    assert.equal(accessCheck(allowFirst, other, FILE_READ_DATA).granted, FILE_READ_DATA);
  });
  it('maps generic bits in requests and in ACEs', () => {
    const generic = dacl(allow(SID_EVERYONE, GENERIC_READ));
    assert.equal(accessCheck(generic, other, GENERIC_READ).granted, FILE_GENERIC_READ);
    assert.equal(accessCheck(generic, other, FILE_EXECUTE).status, STATUS_ACCESS_DENIED);
  });
  it('passes over inherit-only ACEs and grants nothing by conditional ones', () => {
    const inheritOnly = dacl({ ...allow(SID_EVERYONE, FILE_ALL_ACCESS), flags: 0x0b });
    assert.equal(allowedAccess(inheritOnly, other), 0);
    const conditional = dacl({ ...allow(SID_EVERYONE, FILE_ALL_ACCESS), type: 9 });
    assert.equal(allowedAccess(conditional, other), 0);
    const conditionalDeny = dacl(
      { ...deny(SID_EVERYONE, DELETE), type: 10 },
      allow(SID_EVERYONE, FILE_ALL_ACCESS),
    );
    assert.equal(allowedAccess(conditionalDeny, other), FILE_ALL_ACCESS & ~DELETE);
  });
  it('adds OWNER RIGHTS to what the owner has, instead of the implicit rights', () => {
    // smbtorture smb2.acls.OWNER-RIGHTS: READ for the owner, WRITE_DATA for OWNER RIGHTS.
    const rights = dacl(allow(OWNER, FILE_GENERIC_READ), allow(SID_OWNER_RIGHTS, FILE_WRITE_DATA));
    assert.equal(allowedAccess(rights, owner), FILE_GENERIC_READ | FILE_WRITE_DATA);
    assert.equal(allowedAccess(rights, other), 0);
    const denied = dacl(deny(SID_OWNER_RIGHTS, FILE_READ_DATA), allow(OWNER, FILE_GENERIC_READ));
    assert.equal(allowedAccess(denied, owner), FILE_GENERIC_READ & ~FILE_READ_DATA);
  });
  it('needs SeSecurityPrivilege for ACCESS_SYSTEM_SECURITY, which no ACE can give', () => {
    const all = dacl(allow(SID_EVERYONE, ACCESS_SYSTEM_SECURITY | FILE_ALL_ACCESS));
    const wanted = ACCESS_SYSTEM_SECURITY | FILE_READ_DATA;
    assert.equal(accessCheck(all, other, wanted).status, STATUS_PRIVILEGE_NOT_HELD);
    const backup = token(OTHER, SE_SECURITY_PRIVILEGE);
    assert.equal(accessCheck(all, backup, wanted).granted, wanted);
    assert.equal(accessCheck(all, other, MAXIMUM_ALLOWED).granted, FILE_ALL_ACCESS);
  });
  it('grants WRITE_OWNER with SeTakeOwnershipPrivilege', () => {
    const taker = token(OTHER, SE_TAKE_OWNERSHIP_PRIVILEGE);
    assert.equal(
      accessCheck(sd({ revision: 2, aces: [] }), taker, WRITE_OWNER).granted,
      WRITE_OWNER,
    );
  });
  it('joins MAXIMUM_ALLOWED with what was asked for by name, which must be granted', () => {
    const read = dacl(allow(SID_EVERYONE, FILE_GENERIC_READ));
    const wanted = MAXIMUM_ALLOWED | FILE_READ_DATA;
    assert.equal(accessCheck(read, other, wanted).granted, FILE_GENERIC_READ);
    assert.equal(accessCheck(read, other, MAXIMUM_ALLOWED | DELETE).status, STATUS_ACCESS_DENIED);
  });
});

function token(sid: string, ...privileges: string[]): AccessToken {
  return { sids: new Set([sid, SID_EVERYONE]), privileges: new Set(privileges) };
}
function sd(list: Acl | null | undefined): SecurityDescriptor {
  return { control: 0x8004, owner: OWNER, group: undefined, sacl: undefined, dacl: list };
}
function dacl(...aces: Ace[]): SecurityDescriptor {
  return sd({ revision: 2, aces });
}
function allow(sid: string, mask: number): Ace {
  return { type: 0, flags: 0, mask, sid };
}
function deny(sid: string, mask: number): Ace {
  return { type: 1, flags: 0, mask, sid };
}

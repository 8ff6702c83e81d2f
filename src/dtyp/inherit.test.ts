import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FILE_GENERIC_READ, FILE_WRITE_DATA, GENERIC_READ } from './access-mask.ts';
import type { Ace } from './acl.ts';
import { createSecurityDescriptor, defaultDaclFor, type NewDescriptorParams } from './inherit.ts';
import {
  DACL_SECURITY_INFORMATION,
  OWNER_SECURITY_INFORMATION,
  SE_DACL_AUTO_INHERIT_REQ,
  SE_DACL_AUTO_INHERITED,
  SE_DACL_PRESENT,
  SE_DACL_PROTECTED,
  SE_SELF_RELATIVE,
  type SecurityDescriptor,
} from './security-descriptor.ts';
import { replaceSecurity } from './set-security.ts';
import { SID_CREATOR_GROUP, SID_CREATOR_OWNER, SID_EVERYONE } from './sid.ts';

const OI = 1;
const CI = 2;
const NP = 4;
const IO = 8;
const ID = 0x10;
const USER = 'S-1-5-21-1-2-3-1000';
const GROUP = 'S-1-5-21-1-2-3-513';

/** Child file's and directory's flags by the parent ACE's, as smbtorture smb2.acls.INHERITANCE. */
const TABLE: readonly { parent: number; file: number[]; directory: number[] }[] = [
  { parent: 0, file: [], directory: [] },
  { parent: OI, file: [0], directory: [OI | IO] },
  { parent: CI, file: [], directory: [0, CI | IO] },
  { parent: OI | CI, file: [0], directory: [0, OI | CI | IO] },
  { parent: NP, file: [], directory: [] },
  { parent: NP | OI, file: [0], directory: [] },
  { parent: NP | CI, file: [], directory: [0] },
  { parent: NP | CI | OI, file: [0], directory: [0] },
  { parent: IO, file: [], directory: [] },
  { parent: IO | OI, file: [0], directory: [OI | IO] },
  { parent: IO | CI, file: [], directory: [0, CI | IO] },
  { parent: IO | CI | OI, file: [0], directory: [0, CI | OI | IO] },
  { parent: IO | NP | OI, file: [0], directory: [] },
  { parent: IO | NP | CI, file: [], directory: [0] },
];

describe('[MS-DTYP] 2.5.3.4 creation of a security descriptor', () => {
  for (const row of TABLE) {
    it(`passes a CREATOR OWNER ACE with flags 0x${row.parent.toString(16)} on`, () => {
      const parent = [ace(SID_CREATOR_OWNER, FILE_WRITE_DATA, row.parent), ace(SID_EVERYONE, 1, 0)];
      for (const isDirectory of [false, true]) {
        const made = create({ parent: sd(0, parent), isDirectory });
        const expected = isDirectory ? row.directory : row.file;
        if (expected.length === 0) {
          assert.deepEqual(made.dacl, defaultDaclFor(USER));
          continue;
        }
        const aces = expected.map((flags) =>
          ace(flags & IO ? SID_CREATOR_OWNER : USER, FILE_WRITE_DATA, flags),
        );
        assert.deepEqual(made.dacl?.aces, aces);
      }
    });
  }
  it('passes an ordinary ACE on as one, without INHERIT_ONLY', () => {
    const parent = sd(0, [ace(SID_EVERYONE, 1, OI | CI | IO)]);
    const made = create({ parent, isDirectory: true });
    assert.deepEqual(made.dacl?.aces, [ace(SID_EVERYONE, 1, OI | CI)]);
  });
  it('maps generic rights where they take effect and keeps them in what is passed on', () => {
    const parent = sd(0, [ace(SID_CREATOR_GROUP, GENERIC_READ, OI | CI)]);
    const made = create({ parent, isDirectory: true });
    assert.deepEqual(made.dacl?.aces, [
      ace(GROUP, FILE_GENERIC_READ, 0),
      ace(SID_CREATOR_GROUP, GENERIC_READ, OI | CI | IO),
    ]);
  });
  it('marks what it inherits only below an auto-inherited parent', () => {
    const parent = sd(SE_DACL_AUTO_INHERITED, [ace(SID_EVERYONE, 1, OI)]);
    const made = create({ parent, isDirectory: false });
    assert.deepEqual(made.dacl?.aces, [ace(SID_EVERYONE, 1, ID)]);
    assert.equal(made.control, SE_SELF_RELATIVE | SE_DACL_AUTO_INHERITED);
  });
  it('takes owner and DACL from the creator, and inherits nothing then', () => {
    const parent = sd(0, [ace(SID_EVERYONE, 1, OI)]);
    const creator = { ...sd(SE_DACL_PROTECTED, [ace(SID_CREATOR_OWNER, GENERIC_READ, 0)]) };
    const made = create({ parent, creator: { ...creator, owner: GROUP }, isDirectory: false });
    assert.equal(made.owner, GROUP);
    assert.deepEqual(made.dacl?.aces, [ace(GROUP, FILE_GENERIC_READ, 0)]);
    assert.ok(made.control & SE_DACL_PROTECTED);
  });
  it('keeps a NULL DACL that the creator asked for', () => {
    const creator = { ...sd(0, []), dacl: null };
    assert.equal(create({ parent: undefined, creator, isDirectory: false }).dacl, null);
  });
});

describe('[MS-FSA] 2.1.5.17 Setting of Security Information', () => {
  const current: SecurityDescriptor = { ...sd(0, [ace(SID_EVERYONE, 1, 0)]), owner: USER };
  it('replaces only what the flags name', () => {
    const change = { ...sd(0, [ace(USER, 2, 0)]), owner: GROUP };
    assert.equal(replaceSecurity(current, change, OWNER_SECURITY_INFORMATION).owner, GROUP);
    const changed = replaceSecurity(current, change, DACL_SECURITY_INFORMATION);
    assert.equal(changed.owner, USER);
    assert.deepEqual(changed.dacl, change.dacl);
  });
  it('keeps AUTO_INHERITED only together with AUTO_INHERIT_REQ, and never the latter', () => {
    const both = SE_DACL_AUTO_INHERITED | SE_DACL_AUTO_INHERIT_REQ;
    for (const [sent, kept] of [
      [both, SE_DACL_AUTO_INHERITED],
      [SE_DACL_AUTO_INHERITED, 0],
      [SE_DACL_AUTO_INHERIT_REQ, 0],
      [SE_DACL_PROTECTED, SE_DACL_PROTECTED],
    ] as const) {
      const changed = replaceSecurity(current, sd(sent, []), DACL_SECURITY_INFORMATION);
      assert.equal(changed.control & (both | SE_DACL_PROTECTED), kept);
    }
  });
  it('sets a NULL DACL when the change has none', () => {
    const change = { ...sd(0, []), dacl: undefined };
    assert.equal(replaceSecurity(current, change, DACL_SECURITY_INFORMATION).dacl, null);
  });
});

function create(
  params: Pick<NewDescriptorParams, 'parent' | 'isDirectory'> & { creator?: SecurityDescriptor },
): SecurityDescriptor {
  return createSecurityDescriptor({ creator: undefined, ...params, owner: USER, group: GROUP });
}
function sd(control: number, aces: Ace[]): SecurityDescriptor {
  return {
    control: SE_SELF_RELATIVE | SE_DACL_PRESENT | control,
    owner: undefined,
    group: undefined,
    sacl: undefined,
    dacl: { revision: 2, aces },
  };
}
function ace(sid: string, mask: number, flags: number): Ace {
  return { type: 0, flags, mask, sid };
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AccessToken } from '../dtyp/access-check.ts';
import {
  ACCESS_SYSTEM_SECURITY,
  READ_CONTROL,
  WRITE_DAC,
  WRITE_OWNER,
} from '../dtyp/access-mask.ts';
import { SYSTEM_AUDIT_ACE_TYPE, SYSTEM_MANDATORY_LABEL_ACE_TYPE } from '../dtyp/acl.ts';
import { SE_RESTORE_PRIVILEGE, SE_SECURITY_PRIVILEGE } from '../dtyp/privileges.ts';
import * as sd from '../dtyp/security-descriptor.ts';
import * as nt from '../erref/ntstatus.ts';
import { checkCreatorDescriptor, rightsToQuery, rightsToSet } from './security-rights.ts';

const ME = 'S-1-5-21-1-2-3-1000';
const OTHER = 'S-1-5-21-1-2-3-1001';
const token = (...privileges: string[]): AccessToken => ({
  sids: new Set([ME]),
  privileges: new Set(privileges),
});

describe('[MS-SMB2] 3.3.5.20.3 and 3.3.5.21.3, rights by part', () => {
  const table: readonly (readonly [number, number, number])[] = [
    [sd.OWNER_SECURITY_INFORMATION, READ_CONTROL, WRITE_OWNER],
    [sd.GROUP_SECURITY_INFORMATION, READ_CONTROL, WRITE_OWNER],
    [sd.DACL_SECURITY_INFORMATION, READ_CONTROL, WRITE_DAC],
    [sd.SACL_SECURITY_INFORMATION, ACCESS_SYSTEM_SECURITY, ACCESS_SYSTEM_SECURITY],
    [sd.LABEL_SECURITY_INFORMATION, READ_CONTROL, WRITE_OWNER],
    [sd.ATTRIBUTE_SECURITY_INFORMATION, READ_CONTROL, WRITE_DAC],
    [sd.SCOPE_SECURITY_INFORMATION, READ_CONTROL, ACCESS_SYSTEM_SECURITY],
    [
      sd.BACKUP_SECURITY_INFORMATION,
      READ_CONTROL | ACCESS_SYSTEM_SECURITY,
      WRITE_DAC | WRITE_OWNER | ACCESS_SYSTEM_SECURITY,
    ],
  ];
  for (const [part, query, set] of table) {
    it(`for 0x${part.toString(16)}`, () => {
      assert.equal(rightsToQuery(part), query);
      assert.equal(rightsToSet(part), set);
    });
  }
});

describe('[MS-FSA] 2.1.5.1.1 Creation of a New File, the descriptor given', () => {
  const by = (owner: string | undefined, saclType?: number): sd.SecurityDescriptor => ({
    control: 0,
    owner,
    group: undefined,
    dacl: undefined,
    sacl:
      saclType === undefined
        ? undefined
        : { revision: 2, aces: [{ type: saclType, flags: 0, mask: 1, sid: ME }] },
  });
  it('names an owner that the caller may name', () => {
    assert.equal(checkCreatorDescriptor(token(), undefined), nt.STATUS_SUCCESS);
    assert.equal(checkCreatorDescriptor(token(), by(ME)), nt.STATUS_SUCCESS);
    assert.equal(checkCreatorDescriptor(token(), by(OTHER)), nt.STATUS_INVALID_OWNER);
    const restores = token(SE_RESTORE_PRIVILEGE);
    assert.equal(checkCreatorDescriptor(restores, by(OTHER)), nt.STATUS_SUCCESS);
  });
  it('has audit rules only by SeSecurityPrivilege', () => {
    const audits = by(undefined, SYSTEM_AUDIT_ACE_TYPE);
    assert.equal(checkCreatorDescriptor(token(), audits), nt.STATUS_PRIVILEGE_NOT_HELD);
    const auditor = token(SE_SECURITY_PRIVILEGE);
    assert.equal(checkCreatorDescriptor(auditor, audits), nt.STATUS_SUCCESS);
    const label = by(undefined, SYSTEM_MANDATORY_LABEL_ACE_TYPE);
    assert.equal(checkCreatorDescriptor(token(), label), nt.STATUS_SUCCESS);
  });
});

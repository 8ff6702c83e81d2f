import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type SidAce, SYSTEM_AUDIT_ACE_TYPE, SYSTEM_MANDATORY_LABEL_ACE_TYPE } from './acl.ts';
import { replaceSacl, selectSacl } from './sacl-parts.ts';
import {
  BACKUP_SECURITY_INFORMATION,
  DACL_SECURITY_INFORMATION,
  LABEL_SECURITY_INFORMATION,
  SACL_SECURITY_INFORMATION,
  SCOPE_SECURITY_INFORMATION,
} from './security-descriptor.ts';
import { SID_EVERYONE } from './sid.ts';

const audit = ace(SYSTEM_AUDIT_ACE_TYPE, SID_EVERYONE);
const low = ace(SYSTEM_MANDATORY_LABEL_ACE_TYPE, 'S-1-16-4096');
const high = ace(SYSTEM_MANDATORY_LABEL_ACE_TYPE, 'S-1-16-12288');
const both = { revision: 2, aces: [audit, low] };

describe('[MS-DTYP] 2.4.7 SECURITY_INFORMATION of the SACL', () => {
  it('is read part by part', () => {
    assert.deepEqual(selectSacl(both, SACL_SECURITY_INFORMATION)?.aces, [audit]);
    assert.deepEqual(selectSacl(both, LABEL_SECURITY_INFORMATION)?.aces, [low]);
    assert.equal(selectSacl(both, SCOPE_SECURITY_INFORMATION), undefined);
    assert.equal(selectSacl(both, DACL_SECURITY_INFORMATION), undefined);
    assert.deepEqual(selectSacl(both, BACKUP_SECURITY_INFORMATION), both);
  });
  it('is replaced part by part: what is not named stays', () => {
    const change = { revision: 2, aces: [high] };
    const label = replaceSacl(both, change, LABEL_SECURITY_INFORMATION);
    assert.deepEqual(label?.aces, [high, audit]);
    const cleared = replaceSacl(both, { revision: 2, aces: [] }, SACL_SECURITY_INFORMATION);
    assert.deepEqual(cleared?.aces, [low]);
    assert.deepEqual(replaceSacl(both, change, BACKUP_SECURITY_INFORMATION), change);
    assert.equal(replaceSacl(both, change, DACL_SECURITY_INFORMATION), both);
  });
});

function ace(type: number, sid: string): SidAce {
  return { type, flags: 0, mask: 1, sid };
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ACCESS_ALLOWED_ACE_TYPE,
  ACCESS_DENIED_ACE_TYPE,
  ACCESS_DENIED_CALLBACK_ACE_TYPE,
  ACL_REVISION,
  INHERITED_ACE,
} from './acl.ts';
import { isCanonicalOrder } from './acl-order.ts';
import { SID_EVERYONE } from './sid.ts';

const ace = (type: number, flags = 0) => ({ type, flags, mask: 1, sid: SID_EVERYONE });
const deny = ace(ACCESS_DENIED_ACE_TYPE);
const allow = ace(ACCESS_ALLOWED_ACE_TYPE);
const deniedAbove = ace(ACCESS_DENIED_ACE_TYPE, INHERITED_ACE);
const allowedAbove = ace(ACCESS_ALLOWED_ACE_TYPE, INHERITED_ACE);

describe('[MS-DTYP] 2.4.5 ACL, canonical order', () => {
  for (const [what, aces, isCanonical] of [
    ['no ACE', [], true],
    ['deny before allow', [deny, deny, allow, allow], true],
    ['allow before deny', [allow, deny], false],
    ['allow before a conditional deny', [allow, ace(ACCESS_DENIED_CALLBACK_ACE_TYPE)], false],
    ['explicit before inherited', [allow, deniedAbove, allowedAbove], true],
    ['inherited of two generations', [deniedAbove, allowedAbove, deniedAbove], true],
    ['inherited before explicit', [allowedAbove, deny], false],
  ] as const) {
    it(`is ${isCanonical ? '' : 'not '}that of ${what}`, () => {
      assert.equal(isCanonicalOrder({ revision: ACL_REVISION, aces }), isCanonical);
    });
  }
});

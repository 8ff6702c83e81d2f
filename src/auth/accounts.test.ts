import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Account, createAccountDatabase } from './accounts.ts';
import { ntHash } from './ntlm/nt-hash.ts';

const ada: Account = {
  userName: 'Ada',
  ntHash: ntHash('secret'),
  sid: 'S-1-5-21-1-2-3-1000',
  groupSids: ['S-1-5-32-545'],
  uid: 1000,
  gid: 1000,
  gids: [1000, 27],
  disabled: false,
};

describe('the account database', () => {
  it('finds an account in any spelling and any domain', () => {
    const accounts = createAccountDatabase([ada]);
    assert.equal(accounts.lookup('aDA', 'ANYWHERE'), ada);
    assert.equal(accounts.lookup('bob', ''), undefined);
  });
});

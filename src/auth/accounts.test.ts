import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Account, createAccountDatabase } from './accounts.ts';
import { decodeAccounts, encodeAccounts } from './accounts-codec.ts';
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

describe('the account file', () => {
  it('comes back as it went', () => {
    assert.deepEqual(decodeAccounts(encodeAccounts([ada])), { accounts: [ada] });
  });

  it('is refused with a sentence that names the place', () => {
    const text = (change: object): string =>
      JSON.stringify({
        version: 1,
        accounts: [{ ...JSON.parse(encodeAccounts([ada])).accounts[0], ...change }],
      });
    const errors: readonly [string, RegExp][] = [
      ['', /not a JSON object/],
      ['[]', /not a JSON object/],
      ['{"version":2}', /version/],
      ['{"version":1}', /"accounts"/],
      ['{"version":1,"accounts":[1]}', /account 0: not an object/],
      [text({ userName: '' }), /"userName"/],
      [text({ ntHash: 'xyz' }), /"ntHash"/],
      [text({ sid: 'S-1' }), /"sid"/],
      [text({ groupSids: [1] }), /"groupSids"/],
      [text({ uid: -1 }), /"uid"/],
      [text({ gid: 1.5 }), /"gid"/],
      [text({ gids: 5 }), /"gids"/],
      [text({ disabled: 'no' }), /"disabled"/],
      [encodeAccounts([ada, { ...ada, userName: 'ADA' }]), /twice/],
    ];
    for (const [file, expected] of errors) {
      const decoded = decodeAccounts(file);
      assert.ok('error' in decoded, file);
      assert.match(decoded.error, expected);
    }
  });
});

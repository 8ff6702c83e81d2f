import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { networkOf } from './network-of.ts';

describe('networkOf', () => {
  it('leaves IPv4 as it is', () => {
    for (const address of ['192.0.2.1', '::ffff:192.0.2.1', '']) {
      assert.equal(networkOf(address), address);
    }
  });

  it('is the /64 of an IPv6 address, however it is written', () => {
    const cases = [
      ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
      ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
      ['2001:db8::9', '2001:db8:0:0::/64'],
      ['2001:0db8::1', '2001:db8:0:0::/64'],
      ['::1', '0:0:0:0::/64'],
      ['fe80::1%eth0', 'fe80:0:0:0::/64'],
      ['1::2:3:4:5:6:7', '1:0:2:3::/64'],
    ] as const;
    for (const [address, network] of cases) assert.equal(networkOf(address), network);
  });
});

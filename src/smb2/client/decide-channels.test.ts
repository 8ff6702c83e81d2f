import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type NetworkInterface, RSS_CAPABLE } from '../../fscc/fsctl-network-interfaces.ts';
import { addressesFor, nextAddress } from './decide-channels.ts';

const IPV6 = Uint8Array.from([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
const FAST = 10_000_000_000n;
const SLOW = 1_000_000_000n;

function ipv4(last: number, rest: Partial<NetworkInterface> = {}): NetworkInterface {
  const address = Uint8Array.of(192, 0, 2, last);
  return { ifIndex: last, capability: 0, linkSpeed: FAST, address, ...rest };
}

describe('[MS-SMB2] 3.2.5.14.11 Handling a Network Interfaces Response', () => {
  it('takes the fastest interfaces, those with several receive queues first', () => {
    const interfaces = [
      ipv4(1, { linkSpeed: SLOW, capability: RSS_CAPABLE }),
      ipv4(2),
      ipv4(3, { capability: RSS_CAPABLE }),
    ];
    assert.deepEqual(addressesFor(interfaces, '192.0.2.1'), ['192.0.2.3', '192.0.2.2']);
  });

  it('takes one address of an interface, of the family that is known to work', () => {
    const both = [ipv4(4), ipv4(4, { address: IPV6 })];
    assert.deepEqual(addressesFor(both, '192.0.2.4'), ['192.0.2.4']);
    assert.deepEqual(addressesFor(both, '2001:db8::1'), ['2001:db8::9']);
  });

  it('takes the other family where an interface has no address of that one', () => {
    const interfaces = [ipv4(5, { address: IPV6 }), ipv4(6)];
    assert.deepEqual(addressesFor(interfaces, '192.0.2.6'), ['192.0.2.6', '2001:db8::9']);
  });

  it('finds no address where none was told', () => {
    assert.deepEqual(addressesFor([], '192.0.2.6'), []);
  });
});

describe('the address of the next channel', () => {
  it('is the one with the fewest, the first of several such', () => {
    assert.equal(nextAddress(['a', 'b'], [], 32), 'a');
    assert.equal(nextAddress(['a', 'b'], ['a'], 32), 'b');
    assert.equal(nextAddress(['a', 'b'], ['a', 'b', 'elsewhere'], 32), 'a');
  });

  it('is none when each has what it may have', () => {
    assert.equal(nextAddress(['a', 'b'], ['b', 'a'], 1), undefined);
    assert.equal(nextAddress([], [], 1), undefined);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type NetworkInterface, RSS_CAPABLE } from '../../fscc/fsctl-network-interfaces.ts';
import { addressesFor, idlestOf, nextChannel } from './decide-channels.ts';

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

describe('the next channel', () => {
  const most = { wanted: 4, perAddressMax: 32 };
  const to = (address: string, insteadOf?: string): object => ({ address, insteadOf });

  it('goes to the address with the fewest, the first of several such', () => {
    assert.deepEqual(nextChannel(['a', 'b'], [], most), to('a'));
    assert.deepEqual(nextChannel(['a', 'b'], ['a'], most), to('b'));
    assert.deepEqual(nextChannel(['a', 'b'], ['a', 'b', 'elsewhere'], most), to('a'));
  });

  it('is none when there are enough, or each address has what it may have', () => {
    assert.equal(nextChannel(['a', 'b'], ['b', 'a', 'a', 'b'], most), undefined);
    const one = { wanted: 3, perAddressMax: 1 };
    assert.equal(nextChannel(['a', 'b'], ['a', 'b'], one), undefined);
    assert.equal(nextChannel([], [], most), undefined);
  });

  it('takes the place of one where an address has two more', () => {
    assert.deepEqual(nextChannel(['a', 'b'], ['a', 'a', 'a', 'a'], most), to('b', 'a'));
    assert.deepEqual(nextChannel(['a', 'b'], ['a', 'a', 'a', 'b'], most), to('b', 'a'));
    assert.deepEqual(nextChannel(['b'], ['old', 'old', 'old', 'old'], most), to('b', 'old'));
  });
});

describe('the idlest connection', () => {
  const busy = (requestsUnderWay: number): { requestsUnderWay: number } => ({ requestsUnderWay });

  it('is the one with the fewest requests under way, in turns where there are several', () => {
    const [a, b, c] = [busy(1), busy(0), busy(0)];
    assert.equal(idlestOf([a, b, c], 0), b);
    assert.equal(idlestOf([a, b, c], 2), c);
    assert.equal(idlestOf([], 0), undefined);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type FoundInterface,
  type InterfaceRule,
  parseInterfaceRule,
  selectInterfaces,
} from './interface-rules.ts';

const GIGABIT = 1_000_000_000n;

function found(name: string, address: string, rest: Partial<FoundInterface> = {}): FoundInterface {
  return {
    name,
    address,
    index: 2,
    isLoopback: false,
    isLinkLocal: false,
    rssCapable: false,
    rdmaCapable: false,
    linkSpeedBitsPerSecond: GIGABIT,
    ...rest,
  };
}

const MACHINE: readonly FoundInterface[] = [
  found('lo', '127.0.0.1', { isLoopback: true, index: 1 }),
  found('lo', '::1', { isLoopback: true, index: 1 }),
  found('eth0', '192.0.2.1'),
  found('eth0', '2001:db8::1'),
  found('eth0', 'fe80::1', { isLinkLocal: true }),
  found('eth1', '198.51.100.1', { index: 3, rssCapable: true }),
];

interface Case {
  readonly rules?: readonly string[];
  readonly listen?: readonly string[];
  readonly localAddress?: string;
  readonly countMax?: number;
}

function select({ rules = [], listen, localAddress = '192.0.2.1', countMax = 100 }: Case) {
  return selectInterfaces(MACHINE, { rules: rules.map(rule), listen, localAddress, countMax });
}

function addresses(which: Case): readonly string[] {
  return select(which).map(({ address }) => address);
}

function rule(text: string): InterfaceRule {
  const parsed = parseInterfaceRule(text);
  assert.ok(typeof parsed !== 'string', `${text}: ${parsed}`);
  return parsed;
}

describe('[MS-SMB2] 3.3.5.15.11: interfaces that clients are told', () => {
  it('are every address, of both families, but loopback and link-local ones', () => {
    assert.deepEqual(addresses({}), ['192.0.2.1', '2001:db8::1', '198.51.100.1']);
  });

  it('are loopback, and only that, for clients of this machine', () => {
    for (const localAddress of ['127.0.0.1', '::ffff:127.0.0.2', '::1']) {
      assert.deepEqual(addresses({ localAddress }), ['127.0.0.1', '::1']);
    }
  });

  it('are addresses at which the server listens', () => {
    assert.deepEqual(addresses({ listen: ['192.0.2.1'] }), ['192.0.2.1']);
    assert.deepEqual(addresses({ listen: ['0.0.0.0'] }), ['192.0.2.1', '198.51.100.1']);
    assert.equal(addresses({ listen: ['::'] }).length, 3);
    assert.equal(addresses({ listen: ['files.example'] }).length, 3);
  });

  it('are those that rules name, with what the first fitting one says', () => {
    assert.deepEqual(addresses({ rules: ['eth1'] }), ['198.51.100.1']);
    assert.deepEqual(addresses({ rules: ['2001:db8::1'] }), ['2001:db8::1']);
    assert.equal(addresses({ rules: ['eth*'] }).length, 3);
    assert.deepEqual(select({ rules: ['eth0;speed=25000000000,capability=RSS,if_index=9'] })[0], {
      index: 9,
      rssCapable: true,
      rdmaCapable: false,
      linkSpeedBitsPerSecond: 25n * GIGABIT,
      address: '192.0.2.1',
    });
    assert.equal(select({ rules: ['eth1;capability=none'] })[0]?.rssCapable, false);
  });

  it('end at the limit', () => {
    assert.equal(addresses({ countMax: 2 }).length, 2);
  });
});

describe('interfaces = [...]: rules as people write them', () => {
  it('says what is wrong with one', () => {
    for (const [text, expected] of [
      ['', /name or address/],
      ['eth0;speed=1;x', /one ';'/],
      ['a name', /name or address/],
      ['eth0;speed=fast', /speed=BITS/],
      ['eth0;speed=0', /speed=BITS/],
      ['eth0;if_index=4294967296', /if_index=N/],
      ['eth0;capability=RDMA', /no RDMA transport/],
      ['eth0;colour=red', /expected speed=BITS/],
    ] as const) {
      assert.match(String(parseInterfaceRule(text)), expected, text);
    }
  });
});

import { isIP } from 'node:net';
import type { NetworkInterface } from '../smb2/server/options.ts';

/** An address of this machine, with what the kernel tells of its link. */
export interface FoundInterface extends NetworkInterface {
  readonly name: string;
  readonly isLoopback: boolean;
  /** Good on its own link only: a client would need a scope of its own to use it. */
  readonly isLinkLocal: boolean;
}

/** One entry of the option `interfaces`. */
export interface InterfaceRule {
  /** A name, which may end in `*`, or an address. */
  readonly which: string;
  readonly speedBitsPerSecond: bigint | undefined;
  readonly rssCapable: boolean | undefined;
  readonly index: number | undefined;
}

/** Bits a second that anybody's link has at most. */
const SPEED_MAX = 10n ** 15n;
const INDEX_MAX = 0x7fff_ffff;
const NAME = /^[^\s;,*/]{1,15}\*?$|^\*$/;

/**
 * `eth0;speed=10000000000,capability=RSS,if_index=7`, as Samba's `interfaces` writes it; only the
 * name or address must be told. What is wrong with it, otherwise.
 */
export function parseInterfaceRule(text: string): InterfaceRule | string {
  const [which = '', settings = '', ...rest] = text.split(';').map((part) => part.trim());
  if (rest.length > 0 || (isIP(which) === 0 && !NAME.test(which))) {
    return `expected an interface's name or address, with settings after one ';': '${text}'`;
  }
  let speedBitsPerSecond: bigint | undefined;
  let rssCapable: boolean | undefined;
  let index: number | undefined;
  for (const setting of settings === '' ? [] : settings.split(',')) {
    const [key = '', value = ''] = setting.split('=').map((part) => part.trim());
    const number = /^\d{1,16}$/.test(value) ? BigInt(value) : 0n;
    if (key === 'speed' && number > 0n && number <= SPEED_MAX) speedBitsPerSecond = number;
    else if (key === 'if_index' && number > 0n && number <= INDEX_MAX) index = Number(number);
    else if (key === 'capability' && value === 'RSS') rssCapable = true;
    else if (key === 'capability' && value === 'none') rssCapable = false;
    else if (key === 'capability' && value === 'RDMA') {
      return 'this server has no RDMA transport: expected capability=RSS or none';
    } else {
      return `expected speed=BITS, capability=RSS or none, or if_index=N: '${setting.trim()}'`;
    }
  }
  return { which, speedBitsPerSecond, rssCapable, index };
}

/**
 * [MS-SMB2] 3.3.5.15.11 Handling a Query Network Interface Request: the addresses at which a client
 * may open further channels. Those that the server listens at; those that the rules name, where
 * there are rules; loopback for clients of this machine, and nothing else for them.
 */
export function selectInterfaces(
  found: readonly FoundInterface[],
  options: {
    readonly rules: readonly InterfaceRule[];
    /** Undefined: everywhere. */
    readonly listen: readonly string[] | undefined;
    /** The server's end of the connection that asks. */
    readonly localAddress: string;
    readonly countMax: number;
  },
): readonly NetworkInterface[] {
  const { rules, listen, localAddress, countMax } = options;
  const isLocal = isLoopbackAddress(localAddress);
  const selected: NetworkInterface[] = [];
  for (const one of found) {
    if (selected.length === countMax) break;
    const rule = rules.find(({ which }) => isMeant(which, one));
    if (rules.length > 0 && rule === undefined && !one.isLoopback) continue;
    if (one.isLinkLocal || one.isLoopback !== isLocal) continue;
    if (!listensAt(listen, one.address)) continue;
    selected.push({
      index: rule?.index ?? one.index,
      rssCapable: rule?.rssCapable ?? one.rssCapable,
      rdmaCapable: false,
      linkSpeedBitsPerSecond: rule?.speedBitsPerSecond ?? one.linkSpeedBitsPerSecond,
      address: one.address,
    });
  }
  return selected;
}

function isMeant(which: string, { name, address }: FoundInterface): boolean {
  if (which.endsWith('*')) return name.startsWith(which.slice(0, -1));
  return which === name || which === address;
}

/** A name among `listen` stands for addresses that are not known here: it rules nothing out. */
function listensAt(listen: readonly string[] | undefined, address: string): boolean {
  if (listen === undefined) return true;
  const family = isIP(address);
  return listen.some((host) => {
    if (host === '::' || isIP(host) === 0) return true;
    return host === '0.0.0.0' ? family === 4 : host === address;
  });
}

/** IPv4 addresses of sockets that take both families look like IPv6 ones. */
function isLoopbackAddress(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}

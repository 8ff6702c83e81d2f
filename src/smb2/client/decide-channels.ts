/** To which of a server's addresses further channels go. Pure. */
import { isIP } from 'node:net';
import { type NetworkInterface, RSS_CAPABLE } from '../../fscc/fsctl-network-interfaces.ts';

const IPV4_SIZE = 4;

/**
 * [MS-SMB2] 3.2.5.14.11 Handling a Network Interfaces Response: one address of each of the fastest
 * interfaces, those with several receive queues first. Windows: slower ones carry nothing while a
 * faster one does. `like` is an address that works: others of its family are taken before the rest.
 */
export function addressesFor(
  interfaces: readonly NetworkInterface[],
  like: string,
): readonly string[] {
  let speed = 0n;
  for (const { linkSpeed } of interfaces) if (linkSpeed > speed) speed = linkSpeed;
  const fast = interfaces.filter(({ linkSpeed }) => linkSpeed === speed);
  const rank = (one: NetworkInterface): number =>
    (hasFamilyOf(one.address, like) ? 0 : 2) + ((one.capability & RSS_CAPABLE) === 0 ? 1 : 0);
  const ranked = [...fast].sort((a, b) => rank(a) - rank(b));
  const seen = new Set<number>();
  const addresses: string[] = [];
  for (const { ifIndex, address } of ranked) {
    if (!seen.has(ifIndex)) addresses.push(textOf(address));
    seen.add(ifIndex);
  }
  return addresses;
}

/** A channel to open, and the address one of whose channels it takes the place of. */
export interface NextChannel {
  readonly address: string;
  readonly insteadOf: string | undefined;
}

/**
 * The next channel goes to the address with the fewest, the first of several such. When there are
 * as many as wanted, one moves from an address that has two more: it took what another could not,
 * which answers again. Undefined: there is nothing to do.
 */
export function nextChannel(
  candidates: readonly string[],
  inUse: readonly string[],
  { wanted, perAddressMax }: { readonly wanted: number; readonly perAddressMax: number },
): NextChannel | undefined {
  const counts = new Map(candidates.map((address) => [address, 0]));
  for (const address of inUse) counts.set(address, (counts.get(address) ?? 0) + 1);
  const countOf = (address: string): number => counts.get(address) ?? 0;
  let least: string | undefined;
  for (const address of candidates) {
    if (least === undefined || countOf(address) < countOf(least)) least = address;
  }
  if (least === undefined || countOf(least) >= perAddressMax) return undefined;
  if (inUse.length < wanted) return { address: least, insteadOf: undefined };
  for (const [address, count] of counts) {
    if (count >= countOf(least) + 2) return { address: least, insteadOf: address };
  }
  return undefined;
}

/** The connection with the least to do, the one at `turn` or behind it of several such. */
export function idlestOf<C extends { readonly requestsUnderWay: number }>(
  connections: readonly C[],
  turn: number,
): C | undefined {
  let idlest: C | undefined;
  for (let i = 0; i < connections.length; i++) {
    const connection = connections[(turn + i) % connections.length]!;
    if (idlest === undefined || connection.requestsUnderWay < idlest.requestsUnderWay) {
      idlest = connection;
    }
  }
  return idlest;
}

function hasFamilyOf(address: Uint8Array, like: string): boolean {
  return (address.length === IPV4_SIZE) === (isIP(like) === 4);
}

/** IPv6 addresses in the notation that sockets tell them in, too: `new URL` shortens zeros. */
function textOf(address: Uint8Array): string {
  if (address.length === IPV4_SIZE) return address.join('.');
  const groups: string[] = [];
  for (let i = 0; i < address.length; i += 2) {
    groups.push(((address[i]! << 8) | address[i + 1]!).toString(16));
  }
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

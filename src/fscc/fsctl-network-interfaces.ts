import { LE, pad, put, slice } from '../base/bytes.ts';

/** [MS-SMB2] 2.2.32.5 NETWORK_INTERFACE_INFO Response, Capability. */
export const RSS_CAPABLE = 0x0000_0001;
export const RDMA_CAPABLE = 0x0000_0002;

export interface NetworkInterface {
  readonly ifIndex: number;
  readonly capability: number;
  /** Bits a second. */
  readonly linkSpeed: bigint;
  /** Four bytes of an IPv4 address or sixteen of an IPv6 one, in network order. */
  readonly address: Uint8Array;
}

export const NETWORK_INTERFACE_INFO_SIZE = 152;
const FAMILY_IPV4 = 0x0002;
const FAMILY_IPV6 = 0x0017;

/**
 * Writes the list, 152 bytes an interface, and returns the end offset; the caller made room.
 *
 * [MS-SMB2] 2.2.32.5 NETWORK_INTERFACE_INFO Response
 *
 *    0   4  Next         offset of the next entry, 0 in the last
 *    4   4  IfIndex
 *    8   4  Capability
 *   12   4  Reserved
 *   16   8  LinkSpeed
 *   24 128  SockAddr_Storage
 *           24  2  Family
 *           26  2  Port
 *           28     IPv4: 4 address, 8 reserved; IPv6: 4 flow info, 16 address, 4 scope id
 */
export function encodeNetworkInterfaces(
  view: DataView,
  at: number,
  interfaces: readonly NetworkInterface[],
): number {
  let next = at;
  for (const [i, one] of interfaces.entries()) {
    pad(view, next, next + NETWORK_INTERFACE_INFO_SIZE);
    const isLast = i === interfaces.length - 1;
    view.setUint32(next, isLast ? 0 : NETWORK_INTERFACE_INFO_SIZE, LE);
    view.setUint32(next + 4, one.ifIndex, LE);
    view.setUint32(next + 8, one.capability, LE);
    view.setBigUint64(next + 16, one.linkSpeed, LE);
    const isIpv6 = one.address.length === 16;
    view.setUint16(next + 24, isIpv6 ? FAMILY_IPV6 : FAMILY_IPV4, LE);
    put(view, next + (isIpv6 ? 32 : 28), one.address);
    next += NETWORK_INTERFACE_INFO_SIZE;
  }
  return next;
}

/** The interfaces of an answer, unknown families left out; undefined when the bytes are none. */
export function decodeNetworkInterfaces(
  view: DataView,
  at: number,
  end: number,
): readonly NetworkInterface[] | undefined {
  const interfaces: NetworkInterface[] = [];
  if (at === end) return interfaces;
  for (let entryAt = at; ; ) {
    if (end - entryAt < NETWORK_INTERFACE_INFO_SIZE) return undefined;
    const address = decodeAddress(view, entryAt + 24);
    if (address !== undefined) {
      interfaces.push({
        ifIndex: view.getUint32(entryAt + 4, LE),
        capability: view.getUint32(entryAt + 8, LE),
        linkSpeed: view.getBigUint64(entryAt + 16, LE),
        address,
      });
    }
    const next = view.getUint32(entryAt, LE);
    if (next === 0) return interfaces;
    if (next < NETWORK_INTERFACE_INFO_SIZE || next > end - entryAt) return undefined;
    entryAt += next;
  }
}

function decodeAddress(view: DataView, at: number): Uint8Array | undefined {
  const family = view.getUint16(at, LE);
  if (family === FAMILY_IPV4) return slice(view, at + 4, at + 8).slice();
  if (family === FAMILY_IPV6) return slice(view, at + 8, at + 24).slice();
  return undefined;
}

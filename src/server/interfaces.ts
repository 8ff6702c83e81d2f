import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { NetworkInterface } from '../smb2/server/options.ts';

/** What the kernel does not tell (loopback, Wi-Fi, virtual links) counts as 1 Gbit/s. */
const SPEED_UNKNOWN_MBIT = 1000;

/**
 * This machine's addresses for FSCTL_QUERY_NETWORK_INTERFACE_INFO ([MS-SMB2] 3.3.5.15.11). Link-
 * local addresses are left out: a client could not use them without a scope of its own. Loopback
 * stays, as the only one of a server that listens there.
 */
export function listNetworkInterfaces(): readonly NetworkInterface[] {
  const found: NetworkInterface[] = [];
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    const index = readNumber(`/sys/class/net/${name}/ifindex`) ?? found.length + 1;
    const speedMbit = readNumber(`/sys/class/net/${name}/speed`) ?? SPEED_UNKNOWN_MBIT;
    for (const { address, scopeid } of (addresses ?? []).map(withScope)) {
      if (scopeid !== 0) continue;
      found.push({
        index,
        rssCapable: false,
        rdmaCapable: false,
        linkSpeedBitsPerSecond: BigInt(speedMbit) * 1_000_000n,
        address,
      });
    }
  }
  return found;
}

function withScope(info: { address: string; scopeid?: number }): {
  readonly address: string;
  readonly scopeid: number;
} {
  return { address: info.address, scopeid: info.scopeid ?? 0 };
}

function readNumber(path: string): number | undefined {
  try {
    const value = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return value > 0 ? value : undefined;
  } catch {
    return undefined; // no such file elsewhere than on Linux; speed of a link that is down: EINVAL
  }
}

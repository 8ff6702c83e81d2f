import { readdirSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { NETWORK_INTERFACES_FRESH_MS, NETWORK_INTERFACES_MAX } from '../base/limits.ts';
import type { Clock } from '../env/ports.ts';
import type { NetworkInterface } from '../smb2/server/options.ts';
import { type FoundInterface, type InterfaceRule, selectInterfaces } from './interface-rules.ts';

/** What the kernel does not tell (loopback, Wi-Fi, virtual links) counts as 1 Gbit/s. */
const SPEED_UNKNOWN_MBIT = 1000;

export interface InterfaceListOptions {
  readonly clock: Clock;
  readonly rules: readonly InterfaceRule[];
  /** Undefined: the server listens everywhere. */
  readonly listen: readonly string[] | undefined;
}

/**
 * This machine's addresses for FSCTL_QUERY_NETWORK_INTERFACE_INFO. What the kernel says is looked
 * up again when it is older than NETWORK_INTERFACES_FRESH_MS: interfaces come and go.
 */
export class InterfaceList {
  readonly #options: InterfaceListOptions;
  #found: readonly FoundInterface[] = [];
  #foundMs: number | undefined;

  constructor(options: InterfaceListOptions) {
    this.#options = options;
  }

  /** Those to tell a client whose connection ends at `localAddress`. */
  tell(localAddress: string): readonly NetworkInterface[] {
    const { clock, rules, listen } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#foundMs === undefined || nowMs - this.#foundMs > NETWORK_INTERFACES_FRESH_MS) {
      this.#found = findInterfaces();
      this.#foundMs = nowMs;
    }
    const countMax = NETWORK_INTERFACES_MAX;
    return selectInterfaces(this.#found, { rules, listen, localAddress, countMax });
  }
}

/** Every address of an interface that is up. */
function findInterfaces(): readonly FoundInterface[] {
  const found: FoundInterface[] = [];
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    const folder = `/sys/class/net/${name}`;
    const index = readNumber(`${folder}/ifindex`) ?? found.length + 1;
    const speedMbit = readNumber(`${folder}/speed`) ?? SPEED_UNKNOWN_MBIT;
    for (const { address, internal, scopeid } of addresses ?? []) {
      found.push({
        name,
        index,
        isLoopback: internal,
        isLinkLocal: (scopeid ?? 0) !== 0 || /^(169\.254\.|fe[89ab])/i.test(address),
        // Receive side scaling is what several receive queues are for.
        rssCapable: !internal && countReceiveQueues(`${folder}/queues`) > 1,
        rdmaCapable: false,
        linkSpeedBitsPerSecond: BigInt(speedMbit) * 1_000_000n,
        address,
      });
    }
  }
  return found;
}

function readNumber(path: string): number | undefined {
  try {
    const value = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return value > 0 ? value : undefined;
  } catch {
    return undefined; // no such file elsewhere than on Linux; speed of a link that is down: EINVAL
  }
}

function countReceiveQueues(path: string): number {
  try {
    return readdirSync(path).filter((name) => name.startsWith('rx-')).length;
  } catch {
    return 1; // no such folder elsewhere than on Linux
  }
}

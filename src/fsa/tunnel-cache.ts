import { TUNNEL_ENTRIES_MAX, TUNNEL_TIME_MS } from '../base/limits.ts';
import type { Clock } from '../env/ports.ts';
import { upcase } from '../fscc/upcase.ts';
import { joinPath, lastOf, nameFromDisk, parentOf } from './names.ts';
import { hasShortNameShape, shortNameOf } from './short-names.ts';

/**
 * [MS-FSA] 2.1.1.1 Volume.TunnelCacheList: programs that know 8.3 names only replace a file by
 * removing it and making it anew; for a while the new one then gets the old one's long name.
 */
export class TunnelCache {
  readonly #clock: Clock;
  /** By directory and 8.3 name, oldest first. */
  readonly #entries: Map<string, { readonly path: string; readonly untilMs: number }> = new Map();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A file or directory went from `path`, as on disk. */
  remember(path: string): void {
    const shortName = shortNameOf(nameFromDisk(lastOf(path)));
    if (shortName === '') return;
    const key = joinPath(parentOf(path), shortName);
    this.#entries.delete(key);
    this.#entries.set(key, { path, untilMs: this.#clock.monotonicMs() + TUNNEL_TIME_MS });
    if (this.#entries.size <= TUNNEL_ENTRIES_MAX) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      break;
    }
  }

  /** Where something is to be made that is to be made at `path`, once. */
  take(path: string): string | undefined {
    const name = lastOf(path);
    if (!hasShortNameShape(name)) return undefined;
    const key = joinPath(parentOf(path), upcase(name));
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    return entry !== undefined && this.#clock.monotonicMs() <= entry.untilMs
      ? entry.path
      : undefined;
  }
}

import { SNAPSHOT_IDLE_MS, SNAPSHOT_VOLUMES_MAX, SNAPSHOTS_LISTED_MAX } from '../base/limits.ts';
import { type Task, wait } from '../base/task.ts';
import type { Env, TimerHandle } from '../env/ports.ts';
import { type Errno, failed } from '../vfs/errno.ts';
import { ReadOnlyVfs } from '../vfs/read-only-vfs.ts';
import type { Snapshots } from '../vfs/snapshots.ts';
import type { Vfs } from '../vfs/vfs.ts';
import type { Volume } from './volume.ts';

interface Mounted {
  readonly vfs: ReadOnlyVfs;
  readonly volume: Volume;
  usedMs: number;
}

/**
 * The snapshots of a volume, each a volume of its own that cannot be written to.
 *
 *     (not mounted) --at()--> mounted --sweep(): idle, no open file--> (not mounted)
 *
 * A mounted one holds a descriptor, which would keep its file system from destroying it: so those
 * that nobody uses go after a while.
 */
export class SnapshotVolumes {
  readonly #snapshots: Snapshots;
  readonly #env: Env;
  readonly #mount: (vfs: Vfs, seconds: number) => Volume;
  /** By time, least recently used first. */
  readonly #mounted: Map<number, Mounted> = new Map();
  #sweeping: TimerHandle | undefined;

  constructor(params: {
    readonly snapshots: Snapshots;
    readonly env: Env;
    readonly mount: (vfs: Vfs, seconds: number) => Volume;
  }) {
    this.#snapshots = params.snapshots;
    this.#env = params.env;
    this.#mount = params.mount;
  }

  /** Times in seconds since 1970, newest first. */
  *list(): Task<readonly number[]> {
    const times = yield* wait(this.#snapshots.list());
    if (failed(times)) return [];
    return times.toSorted((a, b) => b - a).slice(0, SNAPSHOTS_LISTED_MAX);
  }

  /** The volume as it was at exactly that time. */
  *at(seconds: number): Task<Volume | Errno> {
    let mounted = this.#mounted.get(seconds);
    if (mounted === undefined) {
      const vfs = yield* wait(this.#snapshots.open(seconds));
      if (failed(vfs)) return vfs;
      mounted = this.#add(vfs, seconds);
    }
    mounted.usedMs = this.#env.clock.monotonicMs();
    this.#mounted.delete(seconds);
    this.#mounted.set(seconds, mounted);
    this.#sweeping ??= this.#env.timers.after(SNAPSHOT_IDLE_MS, () => this.#sweep());
    return mounted.volume;
  }

  close(): void {
    this.#sweeping?.cancel();
    this.#sweeping = undefined;
    for (const seconds of [...this.#mounted.keys()]) this.#remove(seconds);
  }

  #add(opened: Vfs, seconds: number): Mounted {
    // Another task may have been faster while this one waited.
    const other = this.#mounted.get(seconds);
    if (other !== undefined) {
      opened.close();
      return other;
    }
    const vfs = new ReadOnlyVfs(opened);
    const mounted = { vfs, volume: this.#mount(vfs, seconds), usedMs: 0 };
    this.#mounted.set(seconds, mounted);
    for (const [oldest, { vfs }] of this.#mounted) {
      if (this.#mounted.size <= SNAPSHOT_VOLUMES_MAX) break;
      if (oldest !== seconds && vfs.openFiles === 0) this.#remove(oldest);
    }
    return mounted;
  }

  #sweep(): void {
    const beforeMs = this.#env.clock.monotonicMs() - SNAPSHOT_IDLE_MS;
    for (const [seconds, { vfs, usedMs }] of [...this.#mounted]) {
      if (usedMs <= beforeMs && vfs.openFiles === 0) this.#remove(seconds);
    }
    this.#sweeping =
      this.#mounted.size === 0
        ? undefined
        : this.#env.timers.after(SNAPSHOT_IDLE_MS, () => this.#sweep());
  }

  #remove(seconds: number): void {
    const mounted = this.#mounted.get(seconds);
    this.#mounted.delete(seconds);
    mounted?.volume.names.close();
    mounted?.vfs.close();
  }
}

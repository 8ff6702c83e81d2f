import type { MaybePromise } from '../base/task.ts';
import type { Errno } from './errno.ts';
import type { Vfs } from './vfs.ts';

/**
 * The port to what a share looked like before. Implement it beside a `Vfs` that keeps versions;
 * `local/` has one for a folder of snapshots. Times are whole seconds since 1970-01-01 UTC.
 */
export interface Snapshots {
  /** When snapshots were taken, in any order. */
  list(): MaybePromise<readonly number[] | Errno>;
  /** The share's root as it was; ENOENT where there is none of exactly that time. */
  open(seconds: number): MaybePromise<Vfs | Errno>;
}

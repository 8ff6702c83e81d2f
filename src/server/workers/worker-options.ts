import { availableParallelism } from 'node:os';
import { OptionError, type ShareOptions, type SmbServerOptions } from '../options.ts';

/** Ids of sessions tell their process in 6 bits. */
export const WORKERS_MAX = 64;

/** What a worker is given of the server's options: what can be sent to another process. */
export type OptionsOfWorker = Omit<SmbServerOptions, 'log' | 'onEvent' | 'workers'> & {
  readonly stateFolder: string;
};

export function workerCountOf(workers: number | 'auto' | undefined): number {
  const count = workers === 'auto' ? availableParallelism() : (workers ?? 1);
  if (!Number.isInteger(count) || count < 1 || (workers !== 'auto' && count > WORKERS_MAX)) {
    throw new OptionError(`workers: expected 'auto' or a number from 1 to ${WORKERS_MAX}`);
  }
  return Math.min(count, WORKERS_MAX);
}

export function optionsOfWorker(options: SmbServerOptions, stateFolder: string): OptionsOfWorker {
  const { log, onEvent, workers, ...rest } = options;
  return { ...rest, stateFolder };
}

/** Throws `OptionError` where only this process could serve the share. */
export function checkShareOfWorkers(share: ShareOptions): void {
  const { name, vfs, snapshots } = share;
  if (vfs !== undefined || (snapshots !== undefined && 'open' in snapshots)) {
    throw new OptionError(
      `share '${name}': storage of the program's own is served by one process only (workers: 1)`,
    );
  }
}

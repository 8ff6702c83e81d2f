import type { RecordTable } from '../state/record-store.ts';
import type { CancelSignal } from './surface.ts';

/**
 * For a request that waits for others: wakes it when one of the records changes, and when it is
 * cancelled. Ask for `next` first and look at the records then, so that no change is missed.
 */
export class RecordWatch {
  readonly #stops: readonly (() => void)[];
  #wake: () => void = () => {};

  constructor(
    table: Pick<RecordTable<object>, 'watch'>,
    keys: readonly string[],
    cancel?: CancelSignal,
  ) {
    const wake = (): void => this.wake();
    const unwatches = keys.map((key) => table.watch(key, wake));
    this.#stops = cancel === undefined ? unwatches : [...unwatches, cancel.onCancel(wake)];
  }

  /** Resolves at the first thing that happens from now on; one asks at a time. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    this.#wake();
  }

  end(): void {
    for (const stop of this.#stops) stop();
  }
}

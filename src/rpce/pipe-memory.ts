import { isPromise, type MaybePromise } from '../base/task.ts';

/** How much all pipes may hold, which other processes' may be counted in. */
export interface MemoryLimit {
  /** Whether those of this process may hold so many bytes. */
  allows(size: number): MaybePromise<boolean>;
  /** They hold fewer now. */
  fell(size: number): void;
}

/** Bytes that the pipes of a server hold for their clients, all together. */
export class PipeMemory {
  readonly #limit: MemoryLimit;
  #size = 0;

  constructor(limit: MemoryLimit) {
    this.#limit = limit;
  }

  /** One pipe holds so much more, or less; false when there is too much now. */
  change(bytes: number): boolean {
    this.#size += bytes;
    if (bytes > 0) {
      const may = this.#limit.allows(this.#size);
      // What is known later holds for what comes then.
      return isPromise(may) || may;
    }
    this.#limit.fell(this.#size);
    return true;
  }
}

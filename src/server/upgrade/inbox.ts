import type { Timers } from '../../env/ports.ts';

/** Messages that arrived and nobody has asked for yet, and the other way round. */
export class Inbox<T> {
  readonly #arrived: T[] = [];
  #wanted: { readonly take: (message: T) => void; readonly fail: (error: Error) => void }[] = [];
  #ended: Error | undefined;

  put(message: T): void {
    const wanted = this.#wanted.shift();
    if (wanted === undefined) this.#arrived.push(message);
    else wanted.take(message);
  }

  /** Nothing comes any more. */
  end(error: Error): void {
    this.#ended ??= error;
    for (const { fail } of this.#wanted.splice(0)) fail(this.#ended);
  }

  /** The next one. Rejects when nothing comes any more. */
  next(): Promise<T> {
    const first = this.#arrived.shift();
    if (first !== undefined) return Promise.resolve(first);
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((take, fail) => this.#wanted.push({ take, fail }));
  }

  /** The same; rejects with `late`, too, and nothing comes any more then. */
  async within(timers: Timers, timeMs: number, late: string): Promise<T> {
    const timer = timers.after(timeMs, () => this.end(new Error(late)), { keepsAlive: true });
    try {
      return await this.next();
    } finally {
      timer.cancel();
    }
  }
}

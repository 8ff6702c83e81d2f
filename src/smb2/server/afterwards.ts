import type { Task } from '../../base/task.ts';

/**
 * What requests leave to do until their answers are on their way, so that client and server work at
 * the same time. It is done when the turn that sends the answers ends, and before another message
 * is looked at: no request finds it undone.
 */
export class Afterwards {
  readonly #start: (task: Task<void>) => void;
  #tasks: Task<void>[] = [];

  /** `start` runs a task that nobody waits for. */
  constructor(start: (task: Task<void>) => void) {
    this.#start = start;
  }

  add(task: Task<void>): void {
    if (this.#tasks.push(task) === 1) queueMicrotask(() => this.settle());
  }

  /** Does what is left to do. */
  settle(): void {
    if (this.#tasks.length === 0) return;
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) this.#start(task);
  }
}

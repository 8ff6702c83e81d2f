/** Who waits for which record, in this process. */
export class Watchers {
  readonly #byKey = new Map<string, Set<() => void>>();

  /** Calls `changed` after each `wake` of the key, until the returned function is called. */
  add(key: string, changed: () => void): () => void {
    const watcher = (): void => changed();
    const known = this.#byKey.get(key);
    if (known === undefined) this.#byKey.set(key, new Set([watcher]));
    else known.add(watcher);
    return () => {
      const present = this.#byKey.get(key);
      if (present?.delete(watcher) && present.size === 0) this.#byKey.delete(key);
    };
  }

  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  /** Later, so that whoever updates is never entered again; not at all once it stopped watching. */
  wake(key: string): void {
    const watchers = this.#byKey.get(key);
    if (watchers === undefined) return;
    for (const changed of watchers) {
      queueMicrotask(() => {
        if (watchers.has(changed)) changed();
      });
    }
  }
}

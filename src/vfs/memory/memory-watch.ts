import { assert } from '../../base/assert.ts';
import type { DirectoryWatch, NameChange } from '../vfs.ts';

/** Changes that one watch keeps; beyond that its owner has to forget everything. */
const CHANGES_MAX = 1024;

/** Once the directory was removed or moved, the watch tells 'unknown' for ever. */
export class MemoryWatch implements DirectoryWatch {
  readonly #watches: Set<MemoryWatch>;
  #queue: NameChange[] = [];
  #lost = false;
  #ended = false;
  #closed = false;

  constructor(watches: Set<MemoryWatch>) {
    this.#watches = watches;
    watches.add(this);
  }

  changes(): readonly NameChange[] | 'unknown' {
    assert(!this.#closed, 'the watch is closed');
    const changes = this.#lost || this.#ended ? 'unknown' : this.#queue;
    this.#queue = [];
    this.#lost = false;
    return changes;
  }

  changesKnown(): readonly NameChange[] | 'unknown' {
    return this.changes();
  }

  push(change: NameChange): void {
    if (this.#lost || this.#ended) return;
    if (this.#queue.length < CHANGES_MAX) {
      this.#queue.push(change);
      return;
    }
    this.#lost = true;
    this.#queue = [];
  }

  end(): void {
    this.#ended = true;
  }

  close(): void {
    assert(!this.#closed, 'the watch is closed already');
    this.#closed = true;
    this.#watches.delete(this);
  }
}

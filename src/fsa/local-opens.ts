import { assert } from '../base/assert.ts';
import type { LocalOpen } from './local-open.ts';

/**
 * The opens of one volume that this process serves, by file: who has to learn of a rename, and
 * later of a break. Most files have one open, which costs no list.
 */
export class LocalOpens {
  readonly #serverId: string;
  readonly #byFile: Map<string, LocalOpen | LocalOpen[]> = new Map();
  #lastId = 0;
  /** What the last id ends with, and its volume. */
  #idSuffix = '';
  #volumeId: string | undefined;

  constructor(serverId: string) {
    this.#serverId = serverId;
  }

  /** Unique over processes and restarts, as the server's id is. */
  nextId(volumeId: string): string {
    if (volumeId !== this.#volumeId) {
      this.#volumeId = volumeId;
      this.#idSuffix = `/${this.#serverId}/${volumeId}`;
    }
    return ++this.#lastId + this.#idSuffix;
  }

  add(open: LocalOpen): void {
    const known = this.#byFile.get(open.fileKey);
    if (known === undefined) this.#byFile.set(open.fileKey, open);
    else if (Array.isArray(known)) known.push(open);
    else this.#byFile.set(open.fileKey, [known, open]);
  }

  remove(open: LocalOpen): void {
    const known = this.#byFile.get(open.fileKey);
    if (known === open) {
      this.#byFile.delete(open.fileKey);
      return;
    }
    assert(Array.isArray(known), `open ${open.openId} is not registered`);
    const at = known.indexOf(open);
    assert(at >= 0, `open ${open.openId} is not registered`);
    known.splice(at, 1);
    if (known.length === 1) this.#byFile.set(open.fileKey, known[0]!);
  }

  *all(): Iterable<LocalOpen> {
    for (const known of this.#byFile.values()) {
      if (Array.isArray(known)) yield* known;
      else yield known;
    }
  }

  ofFile(fileKey: string): readonly LocalOpen[] {
    const known = this.#byFile.get(fileKey);
    if (known === undefined) return NONE;
    return Array.isArray(known) ? known : [known];
  }
}

const NONE: readonly LocalOpen[] = [];

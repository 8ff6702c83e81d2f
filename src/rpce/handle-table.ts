import { LE, viewOf } from '../base/bytes.ts';

export const CONTEXT_HANDLE_SIZE = 20;
const HANDLES_MAX = 1024;

/**
 * Context handles of one association (C706 14.3.11 and appendix N: 4 bytes of attributes, a
 * UUID). They mean nothing outside of it, so a counter is as good as a secret.
 */
export class HandleTable {
  readonly #values = new Map<number, unknown>();
  #next = 1;

  /** A new handle for `value`; undefined when there are too many. */
  open(value: unknown): Uint8Array | undefined {
    if (this.#values.size >= HANDLES_MAX) return undefined;
    const handle = new Uint8Array(CONTEXT_HANDLE_SIZE);
    viewOf(handle).setUint32(4, this.#next, LE);
    this.#values.set(this.#next++, value);
    return handle;
  }

  /** What a handle stands for; undefined when it is none of ours. */
  find(handle: Uint8Array): unknown {
    const id = idOf(handle);
    return id === undefined ? undefined : this.#values.get(id);
  }

  /** False when the handle was none of ours. */
  close(handle: Uint8Array): boolean {
    const id = idOf(handle);
    return id !== undefined && this.#values.delete(id);
  }

  clear(): void {
    this.#values.clear();
  }
}

function idOf(handle: Uint8Array): number | undefined {
  if (handle.length !== CONTEXT_HANDLE_SIZE) return undefined;
  const rest = handle.some((byte, i) => byte !== 0 && (i < 4 || i >= 8));
  return rest ? undefined : viewOf(handle).getUint32(4, LE);
}

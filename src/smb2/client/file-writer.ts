import { assert } from '../../base/assert.ts';
import type { ClientOpen } from './open.ts';
import { responseOf, type SmbError } from './smb-error.ts';
import { payloadSize, REQUESTS_IN_FLIGHT } from './transfer.ts';

/**
 * Writes a file from a position on, with several WRITEs on their way at a time. An error shows at
 * the next `write`, or at `finish`.
 */
export class FileWriter {
  readonly #open: ClientOpen;
  readonly #path: string;
  readonly #inFlight: Set<Promise<void>> = new Set();
  #position: number;
  #error: SmbError | undefined;

  constructor(open: ClientOpen, { position, path }: { position: number; path: string }) {
    assert(Number.isSafeInteger(position) && position >= 0, `no position to write at: ${position}`);
    this.#open = open;
    this.#position = position;
    this.#path = path;
  }

  /**
   * Sends all of `data`, which must not change until `finish`. Resolves when there is room for the
   * next. Throws `SmbError`.
   */
  async write(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length; ) {
      if (this.#error !== undefined) throw this.#error;
      if (this.#inFlight.size >= REQUESTS_IN_FLIGHT) {
        await Promise.race(this.#inFlight);
        continue;
      }
      const length = Math.min(data.length - at, this.#writeSize());
      this.#send(this.#position, data.subarray(at, at + length));
      this.#position += length;
      at += length;
    }
  }

  /** Waits until everything is written. Throws `SmbError`. */
  async finish(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.race(this.#inFlight);
    if (this.#error !== undefined) throw this.#error;
  }

  #send(offset: number, data: Uint8Array): void {
    const sent = this.#writeAll(offset, data)
      .catch((error: SmbError) => {
        this.#error ??= error;
      })
      .finally(() => this.#inFlight.delete(sent));
    this.#inFlight.add(sent);
  }

  /** A server may write less than it was given; the rest follows. */
  async #writeAll(offset: number, data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length; ) {
      const reply = await this.#open.write({ offset: offset + at, data: data.subarray(at) });
      at += Math.max(1, responseOf(reply, this.#path).count);
    }
  }

  #writeSize(): number {
    const { connection } = this.#open.tree.session;
    return payloadSize(connection, connection.negotiated?.response.maxWriteSize);
  }
}

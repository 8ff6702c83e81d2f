import { assert } from '../../base/assert.ts';
import type { ClientConnection } from './connection.ts';
import type { OpenFile } from './perform.ts';
import { responseOf, type SmbError } from './smb-error.ts';
import { payloadSize, requestsInFlight } from './transfer.ts';

/**
 * Writes a file from a position on, with several WRITEs on their way at a time, over all channels
 * of the session. An error shows at the next `write`, or at `finish`.
 */
export class FileWriter {
  readonly #file: OpenFile;
  readonly #path: string;
  readonly #inFlight: Set<Promise<void>> = new Set();
  #position: number;
  #error: SmbError | undefined;

  constructor(file: OpenFile, { position, path }: { position: number; path: string }) {
    assert(Number.isSafeInteger(position) && position >= 0, `no position to write at: ${position}`);
    this.#file = file;
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
      const { session } = this.#file;
      if (this.#inFlight.size >= requestsInFlight(session)) {
        await Promise.race(this.#inFlight);
        continue;
      }
      const channel = session.idlest;
      const length = Math.min(data.length - at, writeSize(channel));
      this.#send(this.#position, data.subarray(at, at + length), channel);
      this.#position += length;
      at += length;
    }
  }

  /** Waits until everything is written. Throws `SmbError`. */
  async finish(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.race(this.#inFlight);
    if (this.#error !== undefined) throw this.#error;
  }

  #send(offset: number, data: Uint8Array, channel: ClientConnection): void {
    const sent = this.#writeAll(offset, data, channel)
      .catch((error: SmbError) => {
        this.#error ??= error;
      })
      .finally(() => this.#inFlight.delete(sent));
    this.#inFlight.add(sent);
  }

  /** A server may write less than it was given; the rest follows. */
  async #writeAll(offset: number, data: Uint8Array, channel: ClientConnection): Promise<void> {
    for (let at = 0; at < data.length; ) {
      const rest = { offset: offset + at, data: data.subarray(at) };
      const sent = this.#file.perform((open, options) => open.write(rest, options), channel);
      const reply = await sent;
      at += Math.max(1, responseOf(reply, this.#path).count);
    }
  }
}

function writeSize(connection: ClientConnection): number {
  return payloadSize(connection, connection.negotiated?.response.maxWriteSize);
}

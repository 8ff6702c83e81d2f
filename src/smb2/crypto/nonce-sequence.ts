import { viewOf } from '../../base/bytes.ts';
import type { Random } from '../../env/ports.ts';

const COUNTER_SIZE = 8;

/**
 * The nonces of one key ([MS-SMB2] 2.2.41: "a value that is not reused"): a 64-bit counter in the
 * first 8 bytes and a fixed part behind it, both starting at random. 2^64 nonces are different by
 * construction; the random start keeps apart two sequences that ever share a key, as after a
 * session was handed to another process.
 */
export class NonceSequence {
  readonly #next: Uint8Array;
  readonly #view: DataView;
  #low: number;
  #high: number;

  constructor(size: 11 | 12, random: Random) {
    this.#next = Uint8Array.from(random.bytes(size));
    this.#view = viewOf(this.#next);
    this.#low = this.#view.getUint32(0, true);
    this.#high = this.#view.getUint32(4, true);
  }

  /** The next nonce, valid until the next call. */
  next(): Uint8Array {
    this.#low = (this.#low + 1) >>> 0;
    if (this.#low === 0) this.#high = (this.#high + 1) >>> 0;
    this.#view.setUint32(0, this.#low, true);
    this.#view.setUint32(COUNTER_SIZE / 2, this.#high, true);
    return this.#next;
  }
}

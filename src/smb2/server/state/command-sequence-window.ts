import { assert } from '../../../base/assert.ts';

/**
 * [MS-SMB2] 3.3.1.1 Algorithm for Handling Available Message Sequence Numbers by the Server and
 * 3.3.1.2 Algorithm for the Granting of Message Credits.
 *
 * The window is `[low, low + range)`; a bit tells which of its numbers were used. Each number is
 * used once; used ones at the low end leave the window. A range never exceeds `creditsMax`, so a
 * client that leaves a hole gets no further credits until it fills it.
 */
export class CommandSequenceWindow {
  readonly #creditsMax: number;
  readonly #used: Uint8Array;
  #low = 0;
  #range = 1;
  #available = 1;

  constructor(creditsMax: number) {
    this.#creditsMax = creditsMax;
    this.#used = new Uint8Array(creditsMax);
  }

  /** Credits that the client holds. */
  get available(): number {
    return this.#available;
  }

  /**
   * Takes `charge` numbers from `messageId` on out of the window; false (and nothing taken) when
   * one of them is not there: the connection is to be closed ([MS-SMB2] 3.3.5.2.3).
   */
  claim(messageId: bigint, charge: number): boolean {
    const first = Number(messageId);
    const size = this.#creditsMax;
    if (first < this.#low || first + charge > this.#low + this.#range) return false;
    for (let i = 0; i < charge; i++) if (this.#used[(first + i) % size] !== 0) return false;
    for (let i = 0; i < charge; i++) this.#used[(first + i) % size] = 1;
    this.#available -= charge;
    while (this.#range > 0 && this.#used[this.#low % size] !== 0) {
      this.#used[this.#low % size] = 0;
      this.#low++;
      this.#range--;
    }
    return true;
  }

  /** Adds up to `count` numbers and returns how many were added: the credits to grant. */
  grant(count: number): number {
    assert(count >= 0, 'a grant is not negative');
    const granted = Math.min(count, this.#creditsMax - this.#range);
    this.#range += granted;
    this.#available += granted;
    return granted;
  }
}

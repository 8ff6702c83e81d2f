import { assert } from '../../base/assert.ts';

/** Message ids are used up one by one, so the window is a start and a length. */
const FIRST_MESSAGE_ID = 0n;
const CREDIT_REQUEST_MAX = 0xffff;

/**
 * The sequence numbers that a connection may use: [MS-SMB2] 3.2.1.2 SequenceWindow, 3.2.4.1.2
 * Requesting Credits from the Server and 3.2.4.1.3 Associating the Message with a MessageId.
 *
 * Ids are always taken in order, so `available` ids from `next` on describe the whole window.
 */
export class CreditWindow {
  /** Credits that the client tries to hold. */
  readonly target: number;
  #next: bigint = FIRST_MESSAGE_ID;
  #available = 1;
  #inFlight = 0;

  constructor(target: number) {
    this.target = target;
  }

  get next(): bigint {
    return this.#next;
  }

  get available(): number {
    return this.#available;
  }

  /** The largest CreditCharge that can ever be sent without asking for more first. */
  get chargeMax(): number {
    return Math.max(1, this.#available + this.#inFlight);
  }

  /** Takes `charge` ids and returns the first; undefined while there are too few. */
  take(charge: number): bigint | undefined {
    assert(charge >= 1, `a request takes at least one credit, not ${charge}`);
    if (charge > this.#available) return undefined;
    const first = this.#next;
    this.#next += BigInt(charge);
    this.#available -= charge;
    this.#inFlight += charge;
    return first;
  }

  /** CreditResponse of any response. */
  grant(credits: number): void {
    this.#available += credits;
  }

  /** The final response to a request of that charge came. */
  completed(charge: number): void {
    this.#inFlight -= charge;
  }

  /** CreditRequest for a request of that charge, once it was taken. */
  request(charge: number): number {
    const missing = this.target - this.#available;
    return Math.min(CREDIT_REQUEST_MAX, Math.max(charge, missing));
  }
}

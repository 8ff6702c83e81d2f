/**
 * [MS-SMB2] 3.2.1.6 Open.OperationBuckets: what tells a LOCK that is sent again from a new one. A
 * bucket holds one request at a time, and gives the next one another number.
 */
const BUCKETS = 64;
const NUMBERS = 16;

export interface LockSequence {
  /** 1 to 64. */
  readonly lockSequenceIndex: number;
  readonly lockSequenceNumber: number;
}

export class LockSequences {
  readonly #numbers = new Uint8Array(BUCKETS);
  readonly #busy = new Uint8Array(BUCKETS);

  /** [MS-SMB2] 3.2.4.19 Application Requests Locking; undefined while all buckets are in use. */
  take(): LockSequence | undefined {
    const free = this.#busy.indexOf(0);
    if (free < 0) return undefined;
    this.#busy[free] = 1;
    return { lockSequenceIndex: free + 1, lockSequenceNumber: this.#numbers[free]! };
  }

  /** The request has its answer. */
  release({ lockSequenceIndex }: LockSequence): void {
    const index = lockSequenceIndex - 1;
    this.#busy[index] = 0;
    this.#numbers[index] = (this.#numbers[index]! + 1) % NUMBERS;
  }
}

import type { Identified } from './intake.ts';

/** Connections that wait for a worker: more are refused. */
const WAITING_MAX = 4096;
/** Workers that end with a connection on its way to them, until it is given up: it may be why. */
const TRIES_MAX = 3;

/**
 * Connections on their way to workers. Each stays open here until its worker has it, so that it
 * goes to another one when that worker ends before; and those that come while no worker serves, or
 * before the opens of their clients have been given to one, wait.
 */
export class HandOvers {
  readonly #send: (identified: Identified) => boolean;
  /** By the supervisor's number of the connection. */
  readonly #onTheWay = new Map<number, { readonly slot: number; readonly what: Identified }>();
  readonly #tries = new WeakMap<Identified, number>();
  #waiting: Identified[] = [];

  /** `send` sends it to a worker, and calls `sent` before; false: it waits for one. */
  constructor(send: (identified: Identified) => boolean) {
    this.#send = send;
  }

  /** False: no more may wait for a worker that is to come. */
  get hasRoom(): boolean {
    return this.#onTheWay.size + this.#waiting.length < WAITING_MAX;
  }

  /** Connections that no worker is named for: all, and from this address. */
  waiting(address: string): { readonly all: number; readonly fromAddress: number } {
    let fromAddress = 0;
    for (const one of this.#waiting) if (one.address === address) fromAddress++;
    return { all: this.#waiting.length, fromAddress };
  }

  /** False: there are too many. */
  begin(identified: Identified): boolean {
    if (this.#send(identified)) return true;
    if (!this.hasRoom) return false;
    this.#waiting.push(identified);
    return true;
  }

  sent(id: number, slot: number, what: Identified): void {
    this.#onTheWay.set(id, { slot, what });
  }

  /** The worker has it: this process's end of it goes. */
  taken(id: number): void {
    this.#onTheWay.get(id)?.what.socket.destroy();
    this.#onTheWay.delete(id);
  }

  /** Those on their way to a worker that is gone go to another one. */
  workerWent(slot: number): void {
    const lost = this.to(slot);
    for (const [id] of lost) this.#onTheWay.delete(id);
    for (const [, what] of lost) {
      const tries = (this.#tries.get(what) ?? 0) + 1;
      this.#tries.set(what, tries);
      if (tries >= TRIES_MAX || !this.begin(what)) what.socket.destroy();
    }
  }

  /** Those that wait try again. */
  workerCame(): void {
    for (const identified of this.#waiting.splice(0)) {
      if (!identified.socket.destroyed) this.begin(identified);
    }
  }

  /** Those on their way to this worker, by id. */
  to(slot: number): readonly (readonly [id: number, what: Identified])[] {
    return [...this.#onTheWay].flatMap(([id, one]) =>
      one.slot === slot ? [[id, one.what] as const] : [],
    );
  }

  close(): void {
    for (const { what } of this.#onTheWay.values()) what.socket.destroy();
    for (const { socket } of this.#waiting) socket.destroy();
    this.#onTheWay.clear();
    this.#waiting = [];
  }
}

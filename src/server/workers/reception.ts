import type { Socket } from 'node:net';
import type { Limits } from '../../base/limits.ts';
import type { Env, TimerHandle } from '../../env/ports.ts';
import type { Guid } from '../../smb2/wire/guid.ts';
import { ClientRouter } from './client-router.ts';
import { HandOvers } from './hand-overs.ts';
import type { Identified } from './intake.ts';
import type { HandedOver } from './worker-messages.ts';

const CLIENTS_MAX = 100_000;
/** So long connections wait for a worker that starts; then the others get them. */
const COMING_MS = 5_000;

/** Sends to a worker's process; tells `failed` where that is about to be gone. */
type Give = (message: HandedOver, socket: Socket, failed: (error: Error) => void) => void;

/** Where connections go once it is known whose they are: which worker, and the way to it. */
export class Reception {
  readonly #env: Env;
  readonly #router: ClientRouter;
  readonly #handOvers: HandOvers;
  /** The ways to workers that serve. */
  readonly #ways = new Map<number, Give>();
  readonly #coming = new Map<number, TimerHandle>();

  constructor(options: { readonly env: Env; readonly limits: Limits }) {
    this.#env = options.env;
    this.#router = new ClientRouter({
      rememberedMs: options.limits.durableTimeoutMaxMs,
      clientsMax: CLIENTS_MAX,
    });
    this.#handOvers = new HandOvers((identified) => this.#handOver(identified));
  }

  /** Connections: all, and from this address. */
  counts(address: string): { readonly all: number; readonly fromAddress: number } {
    const waiting = this.#handOvers.waiting(address);
    return {
      all: this.#router.size + waiting.all,
      fromAddress: this.#router.fromAddress(address) + waiting.fromAddress,
    };
  }

  take(identified: Identified): void {
    if (this.#handOvers.begin(identified)) return;
    const { address, socket } = identified;
    this.#env.log.warn({ address }, 'connection refused: no worker serves');
    socket.destroy();
  }

  workerCame(slot: number, give: Give): void {
    this.#noLongerComing(slot);
    this.#ways.set(slot, give);
    this.#router.workerCame(slot, this.#nowMs);
    for (const [id, what] of this.#handOvers.to(slot)) this.#give(id, slot, what);
    this.#handOvers.workerCame();
  }

  /** `comesBack`: another one starts in its place, at once. */
  workerWent(slot: number, { comesBack }: { readonly comesBack: boolean }): void {
    this.#noLongerComing(slot);
    this.#ways.delete(slot);
    this.#router.workerWent(slot);
    if (comesBack) {
      this.#router.workerComes(slot);
      const giveUp = (): void => this.workerWent(slot, { comesBack: false });
      this.#coming.set(slot, this.#env.timers.after(COMING_MS, giveUp));
    }
    this.#handOvers.workerWent(slot);
  }

  /** Connections of a worker. */
  loadOf(slot: number): number {
    return this.#router.loadOf(slot);
  }

  /** The opens of workers that went are with others now: clients find them there. */
  recovered(placed: ReadonlyMap<Guid, number>): void {
    this.#router.placed(placed, this.#nowMs);
    this.#handOvers.workerCame();
  }

  /** It answered, and was so busy since it had last: 0 … 1. */
  heard(slot: number, busy: number): void {
    this.#router.heard(slot, busy, this.#nowMs);
  }

  /** The worker has it. */
  taken(id: number): void {
    this.#handOvers.taken(id);
  }

  closed(id: number): void {
    this.#router.closed(id, this.#nowMs);
  }

  close(): void {
    for (const slot of [...this.#coming.keys()]) this.#noLongerComing(slot);
    this.#handOvers.close();
  }

  get #nowMs(): number {
    return this.#env.clock.monotonicMs();
  }

  #noLongerComing(slot: number): void {
    this.#coming.get(slot)?.cancel();
    this.#coming.delete(slot);
  }

  #handOver(identified: Identified): boolean {
    const { guid, address } = identified;
    const mayWait = this.#handOvers.hasRoom;
    const placed = this.#router.route(guid, address, this.#nowMs, { mayWait });
    if (placed === undefined) return false;
    this.#handOvers.sent(placed.id, placed.slot, identified);
    this.#give(placed.id, placed.slot, identified);
    return true;
  }

  /** Where the worker is to come it waits. */
  #give(id: number, slot: number, identified: Identified): void {
    const { socket, early, isSmb1Answered, waitedMs, address } = identified;
    const message: HandedOver = { kind: 'connection', id, early, isSmb1Answered, waitedMs };
    this.#ways.get(slot)?.(message, socket, (error) => {
      // It stays here until the worker has it; this one is about to be gone.
      this.#env.log.warn({ address, slot, error: error.message }, 'not handed over');
    });
  }
}

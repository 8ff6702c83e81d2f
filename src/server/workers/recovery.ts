/**
 * What workers that are gone leave behind: one worker sweeps it, then each client's opens that may
 * come back go to one worker, to which the client is led. The supervisor itself changes no record.
 *
 *     settled --T0 workerWent()--> needed --T1 a round went well--> settled
 *                                  |   ^
 *                                  +---+ T2 no worker serves, one went meanwhile, or it failed
 */
import type { Env } from '../../env/ports.ts';
import type { BusCalls } from '../../messaging/calls.ts';
import { broadcast, type MessageBus } from '../../messaging/message-bus.ts';
import type { DurableRecord } from '../../smb2/server/state/durable-record.ts';
import { leftDurable } from '../../smb2/server/sweep-durable.ts';
import type { Guid } from '../../smb2/wire/guid.ts';
import type { RecordStore } from '../../state/record-store.ts';
import type { Reception } from './reception.ts';
import { SWEEP, SWEPT, TAKE_OVER } from './worker-messages.ts';

/** Workers that went, to be looked for again: a sweep that missed something is made good for. */
const GONE_MAX = 64;
/** Opens that one message names. */
const OPENS_PER_CALL = 256;
const RETRY_MS = 200;
/** Nothing is asked of a worker that has been silent for so much longer than others. */
const SILENT_MS = 3_000;
const ROUNDS_MAX = 10;

export interface RecoveryOptions {
  readonly env: Env;
  readonly store: RecordStore;
  readonly bus: MessageBus;
  readonly calls: BusCalls;
  readonly reception: Pick<Reception, 'loadOf' | 'recovered'>;
  readonly serving: () => readonly ServingWorker[];
}

export interface ServingWorker {
  readonly slot: number;
  readonly serverId: string;
  /** When it last answered; milliseconds, monotonic. */
  readonly heardMs: number;
}

export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #gone: string[] = [];
  readonly #placed = new Map<Guid, string>();
  /** Times that there was something to do, and how many of them are done with. */
  #asked = 0;
  #settled = 0;
  #running: Promise<void> | undefined;
  #isStopping = false;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  get isPending(): boolean {
    return this.#settled < this.#asked || this.#running !== undefined;
  }

  /** T0. */
  workerWent(serverId: string): void {
    this.#gone.push(serverId);
    if (this.#gone.length > GONE_MAX) this.#gone.shift();
    void this.begin();
  }

  /** T0: there are opens that belong to no process. */
  begin(): Promise<void> {
    this.#asked++;
    return this.run();
  }

  /** Ends when nothing is to be done, or no worker is there to do it. Never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  stop(): void {
    this.#isStopping = true;
  }

  async #run(): Promise<void> {
    const { env, bus, reception, serving } = this.#options;
    for (let failures = 0; this.#settled < this.#asked && !this.#isStopping; ) {
      if (serving().length === 0) return;
      const asked = this.#asked;
      const isDone = await this.#round();
      if (isDone || ++failures === ROUNDS_MAX) this.#settled = asked;
      else await new Promise<void>((resolve) => env.timers.after(RETRY_MS, resolve));
      if (failures === ROUNDS_MAX) env.log.error({ failures }, 'opens of lost workers are left');
    }
    const slots = new Map(serving().map(({ serverId, slot }) => [serverId, slot]));
    const placed = new Map<Guid, number>();
    for (const [guid, serverId] of this.#placed) {
      const slot = slots.get(serverId);
      if (slot !== undefined) placed.set(guid, slot);
    }
    this.#placed.clear();
    broadcast(bus, SWEPT, {});
    reception.recovered(placed);
  }

  /** False: it has to be done again. */
  async #round(): Promise<boolean> {
    const { store, calls, env } = this.#options;
    const gone = [...this.#gone];
    try {
      const sweeper = leastOf(this.#loads());
      if (sweeper === undefined) return false;
      if ((await calls.ask(sweeper.serverId, SWEEP, { gone })) !== true) return false;
      const plan = planTakeOver(await leftDurable(store), this.#loads());
      for (const { clientGuid, serverId } of plan) this.#placed.set(clientGuid, serverId);
      const takers = [...new Set(plan.map(({ serverId }) => serverId))];
      const done = await Promise.all(takers.map((taker) => this.#giveTo(taker, plan)));
      return !done.includes(false);
    } catch (error) {
      env.log.error({ error: String(error) }, 'opens of lost workers');
      return false;
    }
  }

  #loads(): readonly LoadedWorker[] {
    const { serving, reception } = this.#options;
    const workers = serving();
    const newestMs = Math.max(...workers.map(({ heardMs }) => heardMs));
    return workers
      .filter(({ heardMs }) => newestMs - heardMs <= SILENT_MS)
      .map(({ serverId, slot }) => ({ serverId, load: reception.loadOf(slot) }));
  }

  async #giveTo(taker: string, plan: readonly Placed[]): Promise<boolean> {
    const own = plan.filter(({ serverId }) => serverId === taker);
    const all = own.map(({ persistentId }) => persistentId);
    for (let at = 0; at < all.length; at += OPENS_PER_CALL) {
      const persistentIds = all.slice(at, at + OPENS_PER_CALL);
      const isDone = await this.#options.calls.ask(taker, TAKE_OVER, { persistentIds });
      if (isDone !== true) return false;
    }
    return true;
  }
}

interface LoadedWorker {
  readonly serverId: string;
  /** Connections. */
  readonly load: number;
}

/** Which worker takes an open. */
interface Placed {
  readonly persistentId: bigint;
  readonly clientGuid: Guid;
  readonly serverId: string;
}

/** All opens of a client go to one worker, the clients to those that have least to do. Pure. */
export function planTakeOver(
  left: readonly Pick<DurableRecord, 'persistentId' | 'clientGuid'>[],
  serving: readonly LoadedWorker[],
): readonly Placed[] {
  const loads = serving.map((worker) => ({ ...worker }));
  const byClient = new Map<Guid, string>();
  return left.flatMap(({ persistentId, clientGuid }): readonly Placed[] => {
    let serverId = byClient.get(clientGuid);
    if (serverId === undefined) {
      const worker = leastOf(loads);
      if (worker === undefined) return [];
      worker.load++;
      serverId = worker.serverId;
      byClient.set(clientGuid, serverId);
    }
    return [{ persistentId, clientGuid, serverId }];
  });
}

function leastOf<T extends { readonly load: number }>(workers: readonly T[]): T | undefined {
  return workers.reduce<T | undefined>(
    (least, one) => (least === undefined || one.load < least.load ? one : least),
    undefined,
  );
}

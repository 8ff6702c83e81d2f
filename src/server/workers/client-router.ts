import type { Guid } from '../../smb2/wire/guid.ts';
import { decidePlacement } from './decide-placement.ts';

interface Client {
  readonly slot: number;
  connections: number;
  /** Since when it has none; milliseconds, monotonic. */
  idleSinceMs: number;
}

interface Connection {
  readonly slot: number;
  readonly address: string;
  readonly guid: Guid | undefined;
}

interface Worker {
  isComing: boolean;
  connections: number;
  busy: number | undefined;
  heardMs: number;
  lastGiven: number;
}

/** A worker that has not answered for this long is given no new clients, while others answer. */
const SILENT_MS = 3_000;

/**
 * Which worker serves which client. All connections of a client go to one worker, which has its
 * leases and sessions; also those that it makes a while after it lost the last one, for its durable
 * opens. Everybody else goes where `decidePlacement` says.
 */
export class ClientRouter {
  readonly #rememberedMs: number;
  readonly #clientsMax: number;
  /** Clients that have connections, and those that had; the latter as they became idle. */
  readonly #clients = new Map<Guid, Client>();
  readonly #idle = new Map<Guid, Client>();
  /** Their worker is gone, and where their opens go is not known yet. */
  readonly #lost = new Set<Guid>();
  readonly #connections = new Map<number, Connection>();
  readonly #workers = new Map<number, Worker>();
  readonly #byAddress = new Map<string, number>();
  #lastConnection = 0;

  constructor(options: { readonly rememberedMs: number; readonly clientsMax: number }) {
    this.#rememberedMs = options.rememberedMs;
    this.#clientsMax = options.clientsMax;
  }

  get size(): number {
    return this.#connections.size;
  }

  /** Clients that it knows. */
  get clientCount(): number {
    return this.#clients.size + this.#idle.size;
  }

  loadOf(slot: number): number {
    return this.#workers.get(slot)?.connections ?? 0;
  }

  fromAddress(address: string): number {
    return this.#byAddress.get(address) ?? 0;
  }

  /** It will serve soon: connections are placed with it that can wait so long. */
  workerComes(slot: number): void {
    this.#workers.set(slot, {
      isComing: true,
      connections: 0,
      busy: undefined,
      heardMs: 0,
      lastGiven: 0,
    });
  }

  workerCame(slot: number, nowMs: number): void {
    if (!this.#workers.has(slot)) this.workerComes(slot);
    const worker = this.#workers.get(slot);
    if (worker === undefined) return;
    worker.isComing = false;
    worker.heardMs = nowMs;
  }

  /** With all its connections. Its clients wait until their opens have been placed. */
  workerWent(slot: number): void {
    const hasServed = this.#workers.get(slot)?.isComing === false;
    this.#workers.delete(slot);
    for (const [id, connection] of this.#connections) {
      if (connection.slot === slot) this.#forget(id, connection);
    }
    for (const clients of [this.#clients, this.#idle]) {
      for (const [guid, client] of clients) {
        if (client.slot !== slot) continue;
        clients.delete(guid);
        if (hasServed) this.#lost.add(guid);
      }
    }
  }

  /**
   * Where opens of clients are now whose worker went; who has none goes to any worker. One that has
   * taken opens over may not have come yet.
   */
  placed(slots: ReadonlyMap<Guid, number>, nowMs: number): void {
    this.#lost.clear();
    for (const [guid, slot] of slots) {
      if (this.#known(guid) !== undefined) continue;
      if (!this.#workers.has(slot)) this.workerComes(slot);
      this.#makeRoom();
      this.#idle.set(guid, { slot, connections: 0, idleSinceMs: nowMs });
    }
  }

  /** It answered, and was so busy since it had last: 0 … 1. */
  heard(slot: number, busy: number, nowMs: number): void {
    const worker = this.#workers.get(slot);
    if (worker === undefined) return;
    worker.heardMs = nowMs;
    worker.busy = ((worker.busy ?? busy) + busy) / 2;
  }

  /**
   * Enters a connection; undefined: no worker serves, or comes where the connection can wait, or
   * its client's opens have not been placed.
   */
  route(
    guid: Guid | undefined,
    address: string,
    nowMs: number,
    options: { readonly mayWait: boolean } = { mayWait: true },
  ): { readonly id: number; readonly slot: number } | undefined {
    this.#forgetIdle(nowMs);
    if (guid !== undefined && this.#lost.has(guid)) return undefined;
    const known = guid === undefined ? undefined : this.#known(guid);
    const slot = known?.slot ?? this.#place(nowMs, options.mayWait);
    const worker = slot === undefined ? undefined : this.#workers.get(slot);
    if (slot === undefined || worker === undefined) return undefined;
    if (worker.isComing && !options.mayWait) return undefined;
    const id = ++this.#lastConnection;
    this.#connections.set(id, { slot, address, guid });
    worker.connections++;
    worker.lastGiven = id;
    this.#byAddress.set(address, this.fromAddress(address) + 1);
    if (guid !== undefined) this.#connected(guid, slot);
    return { id, slot };
  }

  closed(id: number, nowMs: number): void {
    const connection = this.#connections.get(id);
    if (connection === undefined) return;
    this.#forget(id, connection);
    const { slot, guid } = connection;
    const worker = this.#workers.get(slot);
    if (worker !== undefined) worker.connections--;
    const client = guid === undefined ? undefined : this.#clients.get(guid);
    if (client === undefined || guid === undefined || --client.connections > 0) return;
    client.idleSinceMs = nowMs;
    this.#clients.delete(guid);
    this.#idle.set(guid, client);
  }

  #known(guid: Guid): Client | undefined {
    return this.#clients.get(guid) ?? this.#idle.get(guid);
  }

  #place(nowMs: number, mayWait: boolean): number | undefined {
    const candidates = [...this.#workers]
      .filter(([, { isComing }]) => mayWait || !isComing)
      .map(([slot, worker]) => {
        const isSilent = !worker.isComing && nowMs - worker.heardMs > SILENT_MS;
        return { slot, isSilent, ...worker };
      });
    return decidePlacement(candidates);
  }

  #connected(guid: Guid, slot: number): void {
    const client = this.#known(guid) ?? { slot, connections: 0, idleSinceMs: 0 };
    if (client.connections === 0) {
      if (!this.#idle.delete(guid)) this.#makeRoom();
      this.#clients.set(guid, client);
    }
    client.connections++;
  }

  /** The client that has been idle longest gives way; who is connected does not. */
  #makeRoom(): void {
    if (this.clientCount < this.#clientsMax) return;
    for (const guid of this.#idle.keys()) {
      this.#idle.delete(guid);
      return;
    }
  }

  #forgetIdle(nowMs: number): void {
    for (const [guid, { idleSinceMs }] of this.#idle) {
      if (nowMs - idleSinceMs <= this.#rememberedMs) return;
      this.#idle.delete(guid);
    }
  }

  #forget(id: number, { address }: Connection): void {
    this.#connections.delete(id);
    const left = this.fromAddress(address) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }
}

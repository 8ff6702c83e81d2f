import type { Guid } from '../../smb2/wire/guid.ts';

interface Client {
  readonly slot: number;
  connections: number;
  /** Since when it has none; milliseconds, monotonic. */
  idleSinceMs: number;
}

interface Connection {
  readonly slot: number;
  readonly address: string;
  guid: Guid | undefined;
}

/**
 * Which worker serves which client. All connections of a client go to one worker, which has its
 * leases and sessions; also those that it makes a while after it lost the last one, for its durable
 * opens. Everybody else goes to the worker with the fewest connections.
 */
export class ClientRouter {
  readonly #rememberedMs: number;
  readonly #clientsMax: number;
  readonly #clients = new Map<Guid, Client>();
  readonly #connections = new Map<number, Connection>();
  /** Connections of each worker that serves. */
  readonly #loads = new Map<number, number>();
  readonly #byAddress = new Map<string, number>();
  #lastConnection = 0;

  constructor(options: { readonly rememberedMs: number; readonly clientsMax: number }) {
    this.#rememberedMs = options.rememberedMs;
    this.#clientsMax = options.clientsMax;
  }

  get size(): number {
    return this.#connections.size;
  }

  loadOf(slot: number): number {
    return this.#loads.get(slot) ?? 0;
  }

  fromAddress(address: string): number {
    return this.#byAddress.get(address) ?? 0;
  }

  workerCame(slot: number): void {
    this.#loads.set(slot, 0);
  }

  /** With all its connections, and its clients' opens. */
  workerWent(slot: number): void {
    this.#loads.delete(slot);
    for (const [id, connection] of this.#connections) {
      if (connection.slot === slot) this.#forget(id, connection);
    }
    for (const [guid, client] of this.#clients)
      if (client.slot === slot) this.#clients.delete(guid);
  }

  /** Enters a connection; undefined: no worker serves. */
  route(
    guid: Guid | undefined,
    address: string,
    nowMs: number,
  ): { readonly id: number; readonly slot: number } | undefined {
    const slot = this.#slotOf(guid, nowMs);
    if (slot === undefined) return undefined;
    const id = ++this.#lastConnection;
    const connection: Connection = { slot, address, guid: undefined };
    this.#connections.set(id, connection);
    this.#loads.set(slot, this.loadOf(slot) + 1);
    this.#byAddress.set(address, this.fromAddress(address) + 1);
    if (guid !== undefined) this.#belongs(connection, guid);
    return { id, slot };
  }

  closed(id: number, nowMs: number): void {
    const connection = this.#connections.get(id);
    if (connection === undefined) return;
    this.#forget(id, connection);
    const { slot, guid } = connection;
    this.#loads.set(slot, this.loadOf(slot) - 1);
    const client = guid === undefined ? undefined : this.#clients.get(guid);
    if (client === undefined || guid === undefined || --client.connections > 0) return;
    client.idleSinceMs = nowMs;
    // Idle clients stand in the order in which they became idle, behind those that are not.
    this.#clients.delete(guid);
    this.#clients.set(guid, client);
  }

  #slotOf(guid: Guid | undefined, nowMs: number): number | undefined {
    const client = guid === undefined ? undefined : this.#clients.get(guid);
    if (guid !== undefined && client !== undefined) {
      const isRecent = nowMs - client.idleSinceMs <= this.#rememberedMs;
      if (client.connections > 0 || isRecent) return client.slot;
      this.#clients.delete(guid);
    }
    let least: number | undefined;
    for (const [slot, load] of this.#loads) {
      if (least === undefined || load < this.loadOf(least)) least = slot;
    }
    return least;
  }

  #belongs(connection: Connection, guid: Guid): void {
    connection.guid = guid;
    const client = this.#clients.get(guid);
    if (client !== undefined) client.connections++;
    else {
      this.#makeRoom();
      this.#clients.set(guid, { slot: connection.slot, connections: 1, idleSinceMs: 0 });
    }
  }

  /** The client that has been idle longest gives way; who is connected does not. */
  #makeRoom(): void {
    if (this.#clients.size < this.#clientsMax) return;
    for (const [guid, { connections }] of this.#clients) {
      if (connections > 0) continue;
      this.#clients.delete(guid);
      return;
    }
  }

  #forget(id: number, { address }: Connection): void {
    this.#connections.delete(id);
    const left = this.fromAddress(address) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }
}

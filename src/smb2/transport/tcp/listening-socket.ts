import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Log } from '../../../env/ports.ts';

/** Connections that the kernel, or this, keeps until somebody takes them. */
const BACKLOG = 1024;

/** Where to listen. */
export interface ListenAt {
  readonly host: string;
  /** 0 takes a free one; `port` tells which. */
  readonly port: number;
  /**
   * What `ListeningSocket.handle` gave in another process, and a message to this one carried: the
   * address is bound already, and connections wait in its queue.
   */
  readonly inherited?: object | undefined;
  readonly log: Log;
}

interface Closable {
  close(): void;
}

type Handled = Server & { readonly _handle: object | null };

/**
 * A bound address.
 *
 *     bound --T0 open()--> open --T1 close()--> closed
 *
 * bound: connections wait; those on an inherited address in the kernel, for the process that has it
 * as well may take them still. open: they come, paused, in order.
 */
export class ListeningSocket {
  /** As it was asked for. */
  readonly host: string;
  readonly port: number;
  readonly #server: Server;
  readonly #inherited: object | undefined;
  #waiting: Socket[] | undefined = [];
  #connected: (socket: Socket) => void;

  /** Rejects with the system's error (`EADDRINUSE`, `EACCES` …). */
  static async bind({ host, port, inherited, log }: ListenAt): Promise<ListeningSocket> {
    const server = createServer({ pauseOnConnect: true });
    if (inherited === undefined) await listening(server, { host, port, backlog: BACKLOG });
    const socket = new ListeningSocket({ host, port, inherited, server });
    server.on('error', (error) => log.error({ error: error.message }, 'listener'));
    return socket;
  }

  private constructor(from: {
    readonly host: string;
    readonly port: number;
    readonly inherited: object | undefined;
    readonly server: Server;
  }) {
    const { host, inherited, server } = from;
    this.host = host;
    this.#server = server;
    this.#inherited = inherited;
    this.port = (server.address() as AddressInfo | null)?.port ?? from.port;
    this.#connected = (socket) => this.#waiting?.push(socket);
    server.on('connection', (socket) => this.#connected(socket));
  }

  /** T0. */
  async open(connected: (socket: Socket) => void): Promise<void> {
    this.#connected = connected;
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const socket of waiting) connected(socket);
    if (this.#inherited !== undefined) await listening(this.#server, this.#inherited);
  }

  /** Where it listens; undefined while it does not. */
  get address(): string | undefined {
    return (this.#server.address() as AddressInfo | null)?.address;
  }

  /** For another process of the same server: see `ListenAt.inherited`. */
  get handle(): object | undefined {
    return (this.#server as Handled)._handle ?? this.#inherited;
  }

  /** T1. Connections that stand go on until their owner closes them; ends when they have. */
  async close(): Promise<void> {
    for (const socket of this.#waiting ?? []) socket.destroy();
    this.#waiting = undefined;
    if (!this.#server.listening) (this.#inherited as Closable | undefined)?.close();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function listening(server: Server, at: object): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

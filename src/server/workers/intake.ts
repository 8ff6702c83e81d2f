import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Limits } from '../../base/limits.ts';
import { networkOf } from '../../base/network-of.ts';
import type { Env } from '../../env/ports.ts';
import { adoptSocket } from '../../smb2/transport/tcp/tcp-transport.ts';
import type { Guid } from '../../smb2/wire/guid.ts';
import { IDENTIFYING_SIZE, identifyClient } from './identify-client.ts';

const BACKLOG = 1024;

/** A connection whose client is known, or does not say who it is; nothing more is read of it. */
export interface Identified {
  readonly socket: Socket;
  readonly guid: Guid | undefined;
  /** What has been read. */
  readonly early: Uint8Array;
  readonly address: string;
}

export interface IntakeOptions {
  readonly limits: Limits;
  readonly env: Env;
  /** Connections that are handed over already: all, and from this address. */
  readonly counts: (address: string) => { readonly all: number; readonly fromAddress: number };
  readonly handOver: (identified: Identified) => void;
}

/**
 * Listens, and reads of each connection as little as tells whose it is: two hundred
 * bytes at the most, the rest stays in the kernel until its worker reads it.
 */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #servers: Server[] = [];
  /** Sockets of which the client is not known yet, by address. */
  readonly #unknown = new Map<Socket, string>();

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  get address(): AddressInfo | undefined {
    return this.#servers[0]?.address() as AddressInfo | undefined;
  }

  /** Rejects with the system's error (`EADDRINUSE`, `EACCES` …). */
  async listen(host: string, port: number): Promise<void> {
    const server = createServer({ pauseOnConnect: true }, (socket) => this.#connected(socket));
    const { log } = this.#options.env;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, backlog: BACKLOG }, () => {
        server.removeListener('error', reject);
        server.on('error', (error) => log.error({ error: error.message }, 'listener'));
        resolve();
      });
    });
    this.#servers.push(server);
  }

  close(): void {
    for (const server of this.#servers.splice(0)) server.close();
    for (const socket of [...this.#unknown.keys()]) socket.destroy();
  }

  #connected(connected: Socket): void {
    const address = networkOf(connected.remoteAddress ?? '');
    if (!this.#mayCome(address)) {
      connected.destroy();
      return;
    }
    const early = new Uint8Array(2 * IDENTIFYING_SIZE);
    let filled = 0;
    const socket = adoptSocket(connected, {
      buffer: () => early.subarray(filled),
      callback: (count) => {
        filled += count;
        const bytes = early.subarray(0, filled);
        const client = identifyClient(bytes);
        if (client === 'more') return true;
        const guid = client === 'nobody' ? undefined : client.guid;
        // Once this returned: reading stops with the false.
        Promise.resolve().then(() => known({ socket, guid, early: bytes, address }));
        return false;
      },
    });
    this.#unknown.set(socket, address);
    const { timers, log } = this.#options.env;
    const timer = timers.after(this.#options.limits.unauthenticatedTimeMs, () => socket.destroy());
    const ended = (): void => {
      timer.cancel();
      this.#unknown.delete(socket);
    };
    const known = (identified: Identified): void => {
      ended();
      if (!socket.destroyed) this.#options.handOver(identified);
    };
    socket.on('close', ended);
    socket.on('end', () => socket.destroy());
    socket.on('error', (error) => log.debug({ address, error: error.message }, 'lost'));
    socket.resume();
  }

  #mayCome(address: string): boolean {
    const { limits, env, counts } = this.#options;
    const handedOver = counts(address);
    let fromAddress = handedOver.fromAddress;
    for (const one of this.#unknown.values()) if (one === address) fromAddress++;
    const all = handedOver.all + this.#unknown.size;
    const isWithin =
      all < limits.connectionsMax &&
      fromAddress < limits.connectionsPerAddressMax &&
      this.#unknown.size < UNIDENTIFIED_MAX;
    if (!isWithin) {
      const unidentified = this.#unknown.size;
      env.log.warn({ address, connections: all, fromAddress, unidentified }, 'connection refused');
    }
    return isWithin;
  }
}

/** Connections that have not said whose they are: each may take `unauthenticatedTimeMs`. */
const UNIDENTIFIED_MAX = 1024;

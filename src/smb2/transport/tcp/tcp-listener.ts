import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Limits } from '../../../base/limits.ts';
import { networkOf } from '../../../base/network-of.ts';
import type { Log, Timers } from '../../../env/ports.ts';
import type { TransportAcceptor } from '../transport.ts';
import { TcpTransport } from './tcp-transport.ts';

export interface TcpListenerOptions {
  readonly host: string;
  /** 0 takes a free one; `TcpListener.port` tells which. */
  readonly port: number;
  readonly accept: TransportAcceptor;
  readonly limits: Limits;
  readonly timers: Timers;
  readonly log: Log;
}

/** Bytes of the listen queue. */
const BACKLOG = 1024;

/** A bound port; connections over the limits are refused before a byte of them is read. */
export class TcpListener {
  readonly #server: Server;
  readonly #options: TcpListenerOptions;
  #connections = 0;
  readonly #byAddress: Map<string, number> = new Map();

  constructor(server: Server, options: TcpListenerOptions) {
    this.#server = server;
    this.#options = options;
    server.on('connection', (socket) => this.#connected(socket));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return (this.#server.address() as AddressInfo).address;
  }

  /** Stops listening; connections that stand go on until their owner closes them. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #connected(socket: Socket): void {
    const { limits, log, accept, timers } = this.#options;
    const address = networkOf(socket.remoteAddress ?? '');
    const fromAddress = this.#byAddress.get(address) ?? 0;
    if (
      this.#connections >= limits.connectionsMax ||
      fromAddress >= limits.connectionsPerAddressMax
    ) {
      log.warn({ address, connections: this.#connections, fromAddress }, 'connection refused');
      socket.destroy();
      return;
    }
    this.#connections++;
    this.#byAddress.set(address, fromAddress + 1);
    const transport = new TcpTransport(socket, {
      timers,
      messageSizeMax: limits.unauthenticatedMessageSize,
      messageTimeMs: limits.messageTimeMs,
    });
    const listener = accept(transport);
    transport.start({
      message: (bytes) => listener.message(bytes),
      writable: () => listener.writable(),
      closed: (reason) => {
        this.#connections--;
        const left = this.#byAddress.get(address)! - 1;
        if (left === 0) this.#byAddress.delete(address);
        else this.#byAddress.set(address, left);
        listener.closed(reason);
      },
    });
  }
}

/** Rejects with the system's error (`EADDRINUSE`, `EACCES` …) when the port cannot be had. */
export async function listenTcp(options: TcpListenerOptions): Promise<TcpListener> {
  const server = createServer({ pauseOnConnect: true });
  const listener = new TcpListener(server, options);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port, backlog: BACKLOG }, () => {
      server.removeListener('error', reject);
      server.on('error', (error) => options.log.error({ error: error.message }, 'listener'));
      resolve();
    });
  });
  return listener;
}

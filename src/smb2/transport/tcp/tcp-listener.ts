import type { Socket } from 'node:net';
import type { Limits } from '../../../base/limits.ts';
import { networkOf } from '../../../base/network-of.ts';
import type { Log, Timers } from '../../../env/ports.ts';
import type { ListeningPort, TransportAcceptor } from '../transport.ts';
import { type ListenAt, ListeningSocket } from './listening-socket.ts';
import { TcpTransport } from './tcp-transport.ts';

export interface TcpListenerOptions extends ListenAt {
  readonly accept: TransportAcceptor;
  readonly limits: Limits;
  readonly timers: Timers;
  readonly log: Log;
}

/** A bound port; connections over the limits are refused before a byte of them is read. */
export class TcpListener implements ListeningPort {
  readonly socket: ListeningSocket;
  readonly #options: TcpListenerOptions;
  #connections = 0;
  readonly #byAddress: Map<string, number> = new Map();

  constructor(socket: ListeningSocket, options: TcpListenerOptions) {
    this.socket = socket;
    this.#options = options;
  }

  /** Connections come from now on. */
  open(): Promise<void> {
    return this.socket.open((connected) => this.#connected(connected));
  }

  get port(): number {
    return this.socket.port;
  }

  get address(): string | undefined {
    return this.socket.address;
  }

  close(): Promise<void> {
    return this.socket.close();
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
export async function bindTcp(options: TcpListenerOptions): Promise<TcpListener> {
  return new TcpListener(await ListeningSocket.bind(options), options);
}

/** The same, with connections coming at once. */
export async function listenTcp(options: TcpListenerOptions): Promise<TcpListener> {
  const listener = await bindTcp(options);
  await listener.open();
  return listener;
}

import { Socket } from 'node:net';
import type { Timers } from '../../../env/ports.ts';
import type { Transport, TransportListener } from '../transport.ts';
import { TcpTransport } from './tcp-transport.ts';

export interface TcpConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly timers: Timers;
  /** Milliseconds until the connection must stand. */
  readonly timeoutMs: number;
  /** Bytes of the largest message accepted. */
  readonly messageSizeMax: number;
  /** Milliseconds that a started message may take to arrive whole. */
  readonly messageTimeMs: number;
}

/**
 * [MS-SMB2] 3.2.4.2.1 Connecting to the Target Server, over direct TCP. Rejects with the system's
 * error (`ECONNREFUSED`, `EHOSTUNREACH` …), or with `ETIMEDOUT` when `timeoutMs` passed first.
 */
export async function connectTcp(
  options: TcpConnectOptions,
  listener: TransportListener,
): Promise<Transport> {
  const socket = await connected(options);
  const { timers, messageSizeMax, messageTimeMs } = options;
  const transport = new TcpTransport(socket, { timers, messageSizeMax, messageTimeMs });
  transport.start(listener);
  return transport;
}

/** A socket whose first byte has not been read: `TcpTransport` receives all of them. */
function connected({ host, port, timers, timeoutMs }: TcpConnectOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = new Socket();
    const timer = timers.after(timeoutMs, () => {
      const error = new Error(`no connection to ${host}:${port} within ${timeoutMs} ms`);
      socket.destroy(Object.assign(error, { code: 'ETIMEDOUT' }));
    });
    const failed = (error: Error): void => {
      timer.cancel();
      reject(error);
    };
    socket.once('error', failed);
    socket.pause();
    socket.connect({ host, port }, () => {
      timer.cancel();
      socket.removeListener('error', failed);
      resolve(socket);
    });
  });
}

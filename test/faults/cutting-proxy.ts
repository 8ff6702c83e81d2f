import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Where the bytes are counted. */
export type Direction = 'to-server' | 'to-client';

/** In the frame, in a header, in a body, in a payload and in the middle of many. */
export const CUTS: readonly (readonly [Direction, number])[] = [
  ['to-server', 1],
  ['to-server', 150],
  ['to-server', 9_000],
  ['to-server', 400_000],
  ['to-server', 800_000],
  ['to-client', 1],
  ['to-client', 150],
  ['to-client', 9_000],
  ['to-client', 100_000],
  ['to-client', 700_000],
];

/** A way to a server that breaks where the test says: at a byte of what goes over it. */
export class CuttingProxy {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #isStalled = false;
  #cut: { direction: Direction; left: number } | undefined;
  /** Connections that were taken so far. */
  taken = 0;
  /** Those that were cut. */
  cuts = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens at `host` on the port that the server has at 127.0.0.1. */
  static async start(host: string, port: number): Promise<CuttingProxy> {
    const server = createServer({ pauseOnConnect: true });
    const proxy = new CuttingProxy(server);
    server.on('connection', (socket) => proxy.#take(socket, port));
    server.listen(port, host);
    await once(server, 'listening');
    return proxy;
  }

  /** After so many bytes from now on in one direction, both ends see the connection break. */
  cutAfter(direction: Direction, bytes: number): void {
    this.#cut = { direction, left: bytes };
  }

  /** Breaks every connection now. */
  cutNow(): void {
    for (const pair of this.#pairs) this.#end(pair);
  }

  /** From now on swallows everything, on old and new connections; both ends see nothing of it. */
  stall(): void {
    this.#isStalled = true;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  async stop(): Promise<void> {
    this.cutNow();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #take(client: Socket, port: number): void {
    this.taken++;
    const server = connect({ host: '127.0.0.1', port });
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => this.#close(pair));
    }
    client.on('data', (bytes) => this.#pass('to-server', bytes, pair));
    server.on('data', (bytes) => this.#pass('to-client', bytes, pair));
    client.resume();
  }

  #pass(direction: Direction, bytes: Buffer, pair: readonly [Socket, Socket]): void {
    if (this.#isStalled) return;
    const to = pair[direction === 'to-server' ? 1 : 0];
    const cut = this.#cut;
    if (cut?.direction !== direction) {
      to.write(bytes);
      return;
    }
    if (bytes.length < cut.left) {
      cut.left -= bytes.length;
      to.write(bytes);
      return;
    }
    this.#cut = undefined;
    to.write(bytes.subarray(0, cut.left), () => this.#end(pair));
  }

  #end(pair: readonly [Socket, Socket]): void {
    this.cuts++;
    this.#close(pair);
  }

  #close(pair: readonly [Socket, Socket]): void {
    this.#pairs.delete(pair);
    for (const socket of pair) socket.destroy();
  }
}

import { assert } from '../../src/base/assert.ts';
import type {
  Transport,
  TransportAcceptor,
  TransportListener,
} from '../../src/smb2/transport/transport.ts';

const ADDRESS = '127.0.0.1';
const MESSAGE_SIZE_MAX = 0xff_ffff;

/**
 * Connections without sockets. Messages on one connection stay in order; which connection's comes
 * next is drawn, so that a seed tells how concurrent requests meet.
 */
export class MemoryNetwork {
  readonly #draw: (sides: number) => number;
  /** Ends that have something to be delivered. */
  readonly #ready: End[] = [];
  #isRunning = false;

  /** `draw` answers a number from 0 up to `sides`, exclusive. */
  constructor(draw: (sides: number) => number) {
    this.#draw = draw;
  }

  /** The client's end of a new connection. */
  connect(listener: TransportListener, accept: TransportAcceptor): Transport {
    const client = new End(this);
    const server = new End(this);
    client.join(server, listener);
    server.join(client, accept(server));
    return client;
  }

  ready(end: End): void {
    if (this.#ready.includes(end)) return;
    this.#ready.push(end);
    if (this.#isRunning) return;
    this.#isRunning = true;
    void Promise.resolve().then(() => this.#run());
  }

  /** One delivery; who waits for it goes on before the next one. */
  #run(): void {
    const at = this.#draw(this.#ready.length);
    const end = this.#ready[at];
    assert(end !== undefined, 'something is ready');
    this.#ready.splice(at, 1);
    end.deliver();
    if (end.hasMore) this.ready(end);
    this.#isRunning = this.#ready.length > 0;
    if (this.#isRunning) void Promise.resolve().then(() => this.#run());
  }
}

class End implements Transport {
  readonly remoteAddress: string = ADDRESS;
  readonly localAddress: string = ADDRESS;
  readonly headroom = 0;
  readonly sendSizeMax: number = MESSAGE_SIZE_MAX;
  readonly #network: MemoryNetwork;
  readonly #arrived: Uint8Array[] = [];
  #peer: End | undefined;
  #listener: TransportListener | undefined;
  #state: 'standing' | 'ending' | 'closed' = 'standing';
  #isPaused = false;
  sentBytes = 0;

  constructor(network: MemoryNetwork) {
    this.#network = network;
  }

  join(peer: End, listener: TransportListener): void {
    this.#peer = peer;
    this.#listener = listener;
  }

  get queuedBytes(): number {
    return 0;
  }

  unconfirmedBytes(): number {
    return 0;
  }

  send(chunks: readonly Uint8Array[]): void {
    const { length } = chunks;
    const message = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
    for (let i = 0, at = 0; i < length; at += chunks[i++]!.length) message.set(chunks[i]!, at);
    this.sentBytes += message.length;
    if (this.#state === 'standing') this.#peer?.arrive(message);
  }

  arrive(message: Uint8Array): void {
    if (this.#state !== 'standing') return;
    this.#arrived.push(message);
    if (!this.#isPaused) this.#network.ready(this);
  }

  get hasMore(): boolean {
    return this.#state === 'ending' || (this.#arrived.length > 0 && !this.#isPaused);
  }

  /** The next message, or the end. */
  deliver(): void {
    const message = this.#isPaused ? undefined : this.#arrived.shift();
    if (message !== undefined) this.#listener?.message(message);
    else if (this.#state === 'ending') {
      this.#state = 'closed';
      this.#listener?.closed('closed');
    }
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#arrived.length > 0) this.#network.ready(this);
  }

  setMessageSizeMax(): void {}

  close(options: { readonly abort: boolean }): void {
    this.end({ abort: true });
    this.#peer?.end(options);
  }

  /** What has arrived is still read, unless `abort`. */
  end({ abort }: { readonly abort: boolean }): void {
    if (this.#state !== 'standing') return;
    this.#state = 'ending';
    this.#isPaused = false;
    if (abort) this.#arrived.length = 0;
    this.#network.ready(this);
  }
}

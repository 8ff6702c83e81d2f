import { BUS_QUEUE_SIZE_MAX } from '../../base/limits.ts';
import type { MaybePromise } from '../../base/task.ts';
import type { Log } from '../../env/ports.ts';
import { encodeFrame, type Frame, FrameCutter } from '../frames.ts';
import { Handlers } from '../handlers.ts';
import type { MessageBus, MessageHandler, MessageType, PeerListener } from '../message-bus.ts';

/** Several servers in one process, as tests and simulations have them: all on one hub. */
export class LocalHub {
  readonly #ends = new Map<string, LocalBus>();
  readonly #queueSizeMax: number;

  constructor(options: { readonly queueSizeMax?: number } = {}) {
    this.#queueSizeMax = options.queueSizeMax ?? BUS_QUEUE_SIZE_MAX;
  }

  /** A new end; all others are its peers. */
  join(serverId: string, log: Log): LocalBus {
    const end = new LocalBus({ serverId, hub: this, queueSizeMax: this.#queueSizeMax, log });
    for (const other of this.#ends.values()) other.meet(end);
    for (const other of this.#ends.values()) end.meet(other);
    this.#ends.set(serverId, end);
    return end;
  }

  leave(end: LocalBus): void {
    this.#ends.delete(end.serverId);
    for (const other of this.#ends.values()) other.lose(end.serverId);
  }
}

/** Messages on their way to one peer. */
interface Line {
  readonly peer: LocalBus;
  queued: number;
  waiters: ((isThere: boolean) => void)[];
}

class LocalBus implements MessageBus {
  readonly serverId: string;
  readonly #hub: LocalHub;
  readonly #queueSizeMax: number;
  readonly #handlers: Handlers;
  readonly #lines = new Map<string, Line>();
  #isClosed = false;

  constructor(options: {
    readonly serverId: string;
    readonly hub: LocalHub;
    readonly queueSizeMax: number;
    readonly log: Log;
  }) {
    this.serverId = options.serverId;
    this.#hub = options.hub;
    this.#queueSizeMax = options.queueSizeMax;
    this.#handlers = new Handlers(options.log);
  }

  send<T>(to: string, type: MessageType<T>, body: T): boolean {
    const line = this.#lines.get(to);
    const frame = encodeFrame(type.name, type.shape.toJson(body));
    if (line === undefined || frame === undefined) return false;
    line.queued += frame.length;
    if (line.queued > this.#queueSizeMax) {
      line.peer.lose(this.serverId);
      this.lose(to);
      return false;
    }
    void Promise.resolve().then(() => this.#deliver(line, frame));
    return true;
  }

  handle<T>(type: MessageType<T>, handler: MessageHandler<T>): void {
    this.#handlers.add(type, handler);
  }

  drained(to: string): MaybePromise<boolean> {
    const line = this.#lines.get(to);
    if (line === undefined) return false;
    if (line.queued < this.#queueSizeMax / 2) return true;
    return new Promise((resolve) => line.waiters.push(resolve));
  }

  peers(): readonly string[] {
    return [...this.#lines.keys()];
  }

  watchPeers(listener: PeerListener): void {
    this.#handlers.watch(listener);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { waiters } of this.#lines.values()) for (const tell of waiters) tell(false);
    this.#lines.clear();
    this.#hub.leave(this);
  }

  meet(peer: LocalBus): void {
    this.#lines.set(peer.serverId, { peer, queued: 0, waiters: [] });
    void Promise.resolve().then(() => {
      if (this.#lines.get(peer.serverId)?.peer === peer) this.#handlers.joined(peer.serverId);
    });
  }

  lose(serverId: string): void {
    const line = this.#lines.get(serverId);
    if (line === undefined) return;
    this.#lines.delete(serverId);
    for (const tell of line.waiters) tell(false);
    void Promise.resolve().then(() => this.#handlers.left(serverId));
  }

  #deliver(line: Line, frame: Uint8Array): void {
    line.queued -= frame.length;
    if (line.queued < this.#queueSizeMax / 2) {
      for (const tell of line.waiters.splice(0)) tell(true);
    }
    // What was on its way when its sender ended arrives; to an end that has closed nothing does.
    if (!line.peer.#isClosed) new FrameCutter((one) => line.peer.#take(one, this)).push(frame);
  }

  #take({ name, json }: Frame, from: LocalBus): void {
    this.#handlers.dispatch(name, json, from.serverId);
  }
}

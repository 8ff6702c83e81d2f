import { assert } from '../base/assert.ts';
import type { Log } from '../env/ports.ts';
import type { MessageHandler, MessageType, PeerListener } from './message-bus.ts';
import { INVALID } from './shape.ts';

interface Entry {
  readonly type: MessageType<unknown>;
  readonly handler: MessageHandler<unknown>;
}

/** What one end of a bus does with what arrives: the part that all backends share. */
export class Handlers {
  readonly #log: Log;
  readonly #byName = new Map<string, Entry>();
  readonly #listeners: PeerListener[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  add<T>(type: MessageType<T>, handler: MessageHandler<T>): void {
    assert(!this.#byName.has(type.name), `message ${type.name} has two handlers`);
    this.#byName.set(type.name, { type, handler } as Entry);
  }

  watch(listener: PeerListener): void {
    this.#listeners.push(listener);
  }

  /** Checks and delivers; a bug in a handler is logged and costs that message alone. */
  dispatch(name: string, json: unknown, from: string): void {
    const entry = this.#byName.get(name);
    if (entry === undefined) return;
    const body = entry.type.shape.fromJson(json);
    if (body === INVALID) {
      this.#log.error({ name, from }, 'a message of another shape was dropped');
      return;
    }
    this.#guard(name, () => entry.handler(body, from));
  }

  joined(serverId: string): void {
    for (const one of this.#listeners) this.#guard('joined', () => one.joined(serverId));
  }

  left(serverId: string): void {
    for (const one of this.#listeners) this.#guard('left', () => one.left(serverId));
  }

  #guard(name: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      const text = error instanceof Error ? error.stack : String(error);
      this.#log.error({ name, error: text }, 'a message failed by a bug');
    }
  }
}

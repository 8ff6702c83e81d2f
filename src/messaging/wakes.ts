import type { MessageBus, MessageType } from './message-bus.ts';
import { struct, text } from './shape.ts';

interface Wake {
  readonly topic: string;
}

const WAKE: MessageType<Wake> = { name: 'wake', shape: struct<Wake>({ topic: text }) };

/** `WakeBus` of the record stores: who waits for a record of another process's change. */
export class BusWakes {
  readonly serverId: string;
  readonly #bus: MessageBus;
  readonly #listeners: ((topic: string) => void)[] = [];

  constructor(bus: MessageBus) {
    this.serverId = bus.serverId;
    this.#bus = bus;
    bus.handle(WAKE, ({ topic }) => {
      for (const woken of this.#listeners) woken(topic);
    });
  }

  wake(serverId: string, topic: string): void {
    this.#bus.send(serverId, WAKE, { topic });
  }

  listen(woken: (topic: string) => void): void {
    this.#listeners.push(woken);
  }
}

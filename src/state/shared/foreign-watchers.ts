import type { RecordTable, WakeBus } from '../record-store.ts';
import { Watchers } from '../watchers.ts';

/** Server ids of the processes that wait for a record. */
export type WatcherList = readonly string[];

/**
 * Watchers of all processes: of this one in memory, of the others as a list of server ids at each
 * topic. A process enters itself before it looks at the record, and the list is read after the
 * record was changed, so that no change after its look is missed. A dead process's entry costs a
 * wake-up that nobody hears.
 */
export class ForeignWatchers {
  readonly #local = new Watchers();
  readonly #lists: RecordTable<WatcherList>;
  readonly #bus: WakeBus | undefined;

  constructor(lists: RecordTable<WatcherList>, bus: WakeBus | undefined) {
    this.#lists = lists;
    this.#bus = bus;
    bus?.listen((topic) => this.#local.wake(topic));
  }

  add(topic: string, changed: () => void): () => void {
    const isFirst = !this.#local.has(topic);
    const remove = this.#local.add(topic, changed);
    if (isFirst) this.#enlist(topic);
    return () => {
      remove();
      if (!this.#local.has(topic)) this.#delist(topic);
    };
  }

  /** After the change stands. */
  wake(topic: string): void {
    this.#local.wake(topic);
    const bus = this.#bus;
    if (bus === undefined) return;
    const others = this.#lists.get(topic) as WatcherList | undefined;
    for (const serverId of others ?? NOBODY) {
      if (serverId !== bus.serverId) bus.wake(serverId, topic);
    }
  }

  #enlist(topic: string): void {
    const bus = this.#bus;
    if (bus === undefined) return;
    this.#lists.update(topic, (list = NOBODY) => ({
      next: list.includes(bus.serverId) ? 'keep' : [...list, bus.serverId],
      result: undefined,
    }));
  }

  #delist(topic: string): void {
    const bus = this.#bus;
    if (bus === undefined) return;
    this.#lists.update(topic, (list = NOBODY) => {
      const rest = list.filter((id) => id !== bus.serverId);
      return { next: rest.length === 0 ? undefined : rest, result: undefined };
    });
  }
}

const NOBODY: WatcherList = [];

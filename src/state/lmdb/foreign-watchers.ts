import type { Database } from 'lmdb';
import type { WakeBus } from '../record-store.ts';
import { Watchers } from '../watchers.ts';

/** What separates a table's name from a key in a topic; no table has it in its name. */
const SEPARATOR = '/';

/**
 * Watchers of all processes: of this one in memory, of the others as a list of server ids at each
 * topic. A process enters itself before it looks at the record, so that no change after its look is
 * missed, and a dead process's entry costs a wake-up that nobody hears.
 */
export class ForeignWatchers {
  readonly #local = new Watchers();
  readonly #lists: Database<readonly string[], string>;
  readonly #bus: WakeBus | undefined;

  constructor(lists: Database<readonly string[], string>, bus: WakeBus | undefined) {
    this.#lists = lists;
    this.#bus = bus;
    bus?.listen((topic) => this.#local.wake(topic));
  }

  add(table: string, key: string, changed: () => void): () => void {
    const topic = table + SEPARATOR + key;
    const isFirst = !this.#local.has(topic);
    const remove = this.#local.add(topic, changed);
    if (isFirst) this.#enlist(topic);
    return () => {
      remove();
      if (!this.#local.has(topic)) this.#delist(topic);
    };
  }

  /** Inside a transaction: the other processes that wait for the record. */
  othersOf(table: string, key: string): readonly string[] {
    if (this.#bus === undefined) return NOBODY;
    const list = this.#lists.get(table + SEPARATOR + key);
    return list === undefined ? NOBODY : list;
  }

  /** After the change stands. */
  wake(table: string, key: string, others: readonly string[]): void {
    const topic = table + SEPARATOR + key;
    this.#local.wake(topic);
    for (const serverId of others) {
      if (serverId !== this.#bus?.serverId) this.#bus?.wake(serverId, topic);
    }
  }

  #enlist(topic: string): void {
    const bus = this.#bus;
    if (bus === undefined) return;
    this.#lists.transactionSync(() => {
      const list = this.#lists.get(topic) ?? NOBODY;
      if (!list.includes(bus.serverId)) this.#lists.putSync(topic, [...list, bus.serverId]);
    });
  }

  #delist(topic: string): void {
    const bus = this.#bus;
    if (bus === undefined) return;
    this.#lists.transactionSync(() => {
      const rest = (this.#lists.get(topic) ?? NOBODY).filter((id) => id !== bus.serverId);
      if (rest.length === 0) this.#lists.removeSync(topic);
      else this.#lists.putSync(topic, rest);
    });
  }
}

const NOBODY: readonly string[] = [];

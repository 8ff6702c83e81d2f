import { assert } from '../base/assert.ts';
import { isPromise, type MaybePromise } from '../base/task.ts';
import type { RecordStore, RecordTable } from '../state/record-store.ts';

/** Opens of directories that belong to a lease, by the server process that has them. */
interface LeasedDirectories {
  readonly opens: Readonly<Record<string, number>>;
}

const TABLE_VERSION = 1;
/** The table has one record. It is about all volumes, for two of them may show one folder. */
const KEY = 'all';

function leasedTable(store: RecordStore): RecordTable<LeasedDirectories> {
  return store.table<LeasedDirectories>('directory-lease', TABLE_VERSION);
}

/**
 * Whether any directory is leased at all, over all processes. While none is, a change of a child
 * costs one look at this record; else it has to find its directory.
 */
export class DirectoryLeases {
  readonly #serverId: string;
  readonly #table: RecordTable<LeasedDirectories>;

  constructor(store: RecordStore, serverId: string) {
    this.#serverId = serverId;
    this.#table = leasedTable(store);
  }

  /** Undefined: none. */
  get(): MaybePromise<object | undefined> {
    return this.#table.get(KEY);
  }

  /** Whether another process has any. */
  get areElsewhere(): boolean {
    const record = this.#table.get(KEY);
    if (isPromise(record)) return true;
    return Object.keys(record?.opens ?? {}).some((serverId) => serverId !== this.#serverId);
  }

  /** Before an open may be granted a lease of a directory, so that no change misses it. */
  add(): MaybePromise<void> {
    return this.#table.update(KEY, (current) => {
      const opens = { ...current?.opens };
      opens[this.#serverId] = (opens[this.#serverId] ?? 0) + 1;
      return { next: { opens }, result: undefined };
    });
  }

  /** After such an open has gone, or got nothing. */
  remove(): MaybePromise<void> {
    return this.#table.update(KEY, (current) => {
      const opens = { ...current?.opens };
      const own = opens[this.#serverId] ?? 0;
      assert(own > 0, 'more opens of leased directories went than came');
      if (own > 1) opens[this.#serverId] = own - 1;
      else delete opens[this.#serverId];
      const next = Object.keys(opens).length === 0 ? undefined : { opens };
      return { next, result: undefined };
    });
  }
}

/** A process is gone, and its opens with it. */
export async function sweepDirectoryLeases(store: RecordStore, serverId: string): Promise<void> {
  await leasedTable(store).update(KEY, (current) => {
    const { [serverId]: gone, ...opens } = current?.opens ?? {};
    if (gone === undefined) return { next: 'keep', result: undefined };
    return { next: Object.keys(opens).length === 0 ? undefined : { opens }, result: undefined };
  });
}

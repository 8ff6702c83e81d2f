import { isPromise } from '../base/task.ts';
import type { NtStatus } from '../erref/ntstatus.ts';
import type { RecordStore, RecordTable } from '../state/record-store.ts';
import type { NotifyEvent, OtherWatchers } from './notify-list.ts';
import type { VolumePeers } from './volume-peers.ts';

/** The processes of which a client watches a directory of the volume. */
interface WatchingProcesses {
  readonly serverIds: readonly string[];
}

const TABLE_VERSION = 1;

function watchingTable(store: RecordStore): RecordTable<WatchingProcesses> {
  return store.table<WatchingProcesses>('watching', TABLE_VERSION);
}

/**
 * Watchers in other processes, by volume. The record is changed before a watch is answered, so that
 * no change after it is missed; while nobody watches, a change costs one look at it.
 */
export class WatchingProcessesOf implements OtherWatchers {
  readonly #volumeId: string;
  readonly #serverId: string;
  readonly #peers: VolumePeers;
  readonly #table: RecordTable<WatchingProcesses>;

  constructor(options: {
    readonly volumeId: string;
    readonly serverId: string;
    readonly peers: VolumePeers;
    readonly store: RecordStore;
  }) {
    this.#volumeId = options.volumeId;
    this.#serverId = options.serverId;
    this.#peers = options.peers;
    this.#table = watchingTable(options.store);
  }

  get areThere(): boolean {
    const record = this.#table.get(this.#volumeId);
    if (isPromise(record)) return true;
    return record?.serverIds.some((serverId) => serverId !== this.#serverId) === true;
  }

  began(): void {
    const serverId = this.#serverId;
    void this.#table.update(this.#volumeId, (current) => {
      const serverIds = [...without(current, serverId), serverId];
      return { next: { serverIds }, result: undefined };
    });
  }

  ended(): void {
    void this.#table.update(this.#volumeId, (current) => removed(current, this.#serverId));
  }

  report(events: readonly NotifyEvent[]): void {
    this.#peers.tell(this.#volumeId, { kind: 'events', events });
  }

  endAll(directory: string, status: NtStatus): void {
    this.#peers.tell(this.#volumeId, { kind: 'watch-ends', directory, status });
  }

  moved(from: string, to: string): void {
    this.#peers.tell(this.#volumeId, { kind: 'moved', from, to });
  }
}

/** A process is gone, and with it who watched there. */
export async function sweepWatching(store: RecordStore, serverId: string): Promise<void> {
  const table = watchingTable(store);
  for (const [key] of await table.scan('')) {
    await table.update(key, (current) => removed(current, serverId));
  }
}

function removed(
  current: WatchingProcesses | undefined,
  serverId: string,
): { readonly next: WatchingProcesses | undefined; readonly result: undefined } {
  const serverIds = without(current, serverId);
  return { next: serverIds.length === 0 ? undefined : { serverIds }, result: undefined };
}

function without(current: WatchingProcesses | undefined, serverId: string): readonly string[] {
  return (current?.serverIds ?? []).filter((one) => one !== serverId);
}

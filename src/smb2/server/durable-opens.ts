import { assert } from '../../base/assert.ts';
import { isPromise, type MaybePromise, run, type Task, wait } from '../../base/task.ts';
import type { Env, TimerHandle } from '../../env/ports.ts';
import { Turns } from '../../env/turns.ts';
import type { LocalOpen } from '../../fsa/local-open.ts';
import { keptOpen, persistOpen } from '../../fsa/persist.ts';
import { RecordWatch } from '../../fsa/record-watch.ts';
import type { RecordTable, Update } from '../../state/record-store.ts';
import type { SharedLimit } from '../../state/shared-limit.ts';
import type { Guid } from '../wire/guid.ts';
import { replayKeyOf } from './create-replays.ts';
import { limitOfAll } from './limit-of-all.ts';
import type { Smb2ServerOptions } from './options.ts';
import type { Smb2Server } from './server.ts';
import { DURABLE_RECORD_VERSION, type DurableRecord, durableKey } from './state/durable-record.ts';
import type { Open } from './state/open.ts';

/** Milliseconds; what a process left is with another one long before, if there is one. */
const RECOVERY_TIME_MS = 10_000;

/**
 * [MS-SMB2] 3.3.1.5 GlobalOpenTable, those of its opens that may come back: their records in the
 * store, the opens that this process has, and the scavenger's timers (3.3.2.2 Durable
 * Open Scavenger Timer, 3.3.2.4 Resilient Open Scavenger Timer).
 */
export class DurableOpens {
  readonly #env: Env;
  readonly #table: RecordTable<DurableRecord>;
  readonly #opens = new Map<bigint, Open>();
  readonly #scavengers = new Map<Open, TimerHandle>();
  /** By client and CreateGuid. */
  readonly #persistent = new Map<string, Open>();
  /** Calls whose time has come. */
  readonly #overdue: (() => void)[] = [];
  readonly #disconnectedLimit: SharedLimit;
  readonly #persistentLimit: SharedLimit;

  constructor(options: Pick<Smb2ServerOptions, 'env' | 'limits' | 'serverId' | 'store' | 'peers'>) {
    this.#env = options.env;
    this.#disconnectedLimit = limitOfAll(options, 'disconnectedOpensMax');
    this.#persistentLimit = limitOfAll(options, 'persistentOpensMax');
    this.#table = options.store.table<DurableRecord>('durable', DURABLE_RECORD_VERSION);
  }

  /** How many outlive the server. */
  get persistentCount(): number {
    return this.#persistent.size;
  }

  /** Whether the server, with all its processes, may have one more that outlives it. */
  mayPersist(): MaybePromise<boolean> {
    return this.#persistentLimit.allows(this.#persistent.size + 1);
  }

  /** Those that outlive the server; a copy. */
  persistent(): readonly Open[] {
    return [...this.#persistent.values()];
  }

  /** All of this process; a copy. */
  all(): readonly Open[] {
    return [...this.#opens.values()];
  }

  /** How many nobody is connected to. */
  get disconnectedCount(): number {
    return this.#scavengers.size;
  }

  /** Whether one more may wait for its client, of all that those of the server are. */
  mayAwait(): MaybePromise<boolean> {
    return this.#disconnectedLimit.allows(this.#scavengers.size + 1);
  }

  /** Those that nobody is connected to; a copy. */
  disconnected(): readonly Open[] {
    return [...this.#scavengers.keys()];
  }

  /** The open with this persistent id, when it is one of this process. */
  find(persistentId: bigint): Open | undefined {
    return this.#opens.get(persistentId);
  }

  /** The open that this client made with this CreateGuid, if it outlives the server. */
  findPersistent(clientGuid: Guid, createGuid: Guid): Open | undefined {
    return this.#persistent.get(replayKeyOf(clientGuid, createGuid));
  }

  /** The record as the store has it. */
  *recordOf(persistentId: bigint): Task<DurableRecord | undefined> {
    return yield* wait(this.#table.get(durableKey(persistentId)));
  }

  /** The record once another process has the open, or none, or after a while: see `Recovery`. */
  *movedOn({ persistentId, serverId }: DurableRecord): Task<DurableRecord | undefined> {
    const key = durableKey(persistentId);
    const watch = new RecordWatch(this.#table, [key]);
    const late = this.#env.timers.after(RECOVERY_TIME_MS, () => watch.wake());
    try {
      const changed = watch.next();
      const found = yield* wait(this.#table.get(key));
      if (found?.serverId !== serverId) return found;
      yield* wait(changed);
      return yield* wait(this.#table.get(key));
    } finally {
      watch.end();
      late.cancel();
    }
  }

  /** Enters, or changes, the record of an open. */
  *put(open: Open, record: DurableRecord): Task<void> {
    assert(open.state !== 'closed', 'a closed open is no longer durable');
    const { durable: known } = open;
    if (known?.kind === 'persistent' && known.clientGuid !== record.clientGuid) {
      this.#persistent.delete(replayKeyOf(known.clientGuid, known.createGuid));
    }
    open.durable = record;
    this.#opens.set(record.persistentId, open);
    yield* wait(this.#table.update(durableKey(record.persistentId), () => replaced(record)));
    if (record.kind !== 'persistent' || open.localOpen === undefined) return;
    this.#addPersistent(open, record);
    const storing = run(persistOpen(open.localOpen, record, { isAway: record.away !== undefined }));
    // Who goes away waits for nothing, and the next of its opens must not wait either.
    if (isPromise(storing) && record.away === undefined) yield* wait(storing);
  }

  /**
   * Makes a new open one that outlives the server: it stands in the store when this ends. False:
   * the store does not take it.
   */
  *persist(open: Open, record: DurableRecord): Task<boolean> {
    if (open.localOpen === undefined) return false;
    if (!(yield* persistOpen(open.localOpen, record, { isAway: false }))) return false;
    // Its session may have gone while the store was written.
    if (open.state !== 'connected') return false;
    yield* this.restore(open, record);
    return true;
  }

  /** An open of a server that has ended is one of this server now, and stands in the store. */
  *restore(open: Open, record: DurableRecord): Task<void> {
    open.durable = record;
    this.#opens.set(record.persistentId, open);
    if (record.kind === 'persistent') this.#addPersistent(open, record);
    yield* wait(this.#table.update(durableKey(record.persistentId), () => replaced(record)));
  }

  #addPersistent(open: Open, { clientGuid, createGuid }: DurableRecord): void {
    this.#persistent.set(replayKeyOf(clientGuid, createGuid), open);
    this.#persistentLimit.rose(this.#persistent.size);
  }

  /**
   * Its client is gone: `overdue` is called unless it comes back within `timeoutMs`. Many fall due
   * at once, those of one connection, so they take turns.
   */
  await(open: Open, timeoutMs: number, overdue: () => void): void {
    this.stopAwaiting(open);
    const timer = this.#env.timers.after(timeoutMs, () => {
      this.#overdue.push(() => {
        if (this.#scavengers.get(open) === timer) overdue();
      });
      if (this.#overdue.length === 1) void run(this.#scavenge());
    });
    this.#scavengers.set(open, timer);
    this.#disconnectedLimit.rose(this.#scavengers.size);
  }

  *#scavenge(): Task<void> {
    const turns = new Turns(this.#env);
    for (let done = 0; done < this.#overdue.length; ) {
      this.#overdue[done++]!();
      // The timers of those that were lost with it have yet to fire.
      if (done === this.#overdue.length) yield* wait(this.#env.timers.turn());
      else yield* turns.next();
    }
    this.#overdue.length = 0;
  }

  /** It came back, or closed. */
  stopAwaiting(open: Open): void {
    const timer = this.#scavengers.get(open);
    if (timer === undefined) return;
    timer.cancel();
    this.#scavengers.delete(open);
    this.#disconnectedLimit.fell(this.#scavengers.size);
  }

  /** Another process has the open now, and its record. */
  leave(open: Open): void {
    const { durable } = open;
    if (durable === undefined) return;
    open.durable = undefined;
    this.stopAwaiting(open);
    this.#opens.delete(durable.persistentId);
    if (durable.kind !== 'persistent') return;
    this.#persistent.delete(replayKeyOf(durable.clientGuid, durable.createGuid));
    this.#persistentLimit.fell(this.#persistent.size);
  }

  /** The record goes, if it is this process's still: nobody can have the open any more. */
  *forget(persistentId: bigint, serverId: string): Task<void> {
    yield* wait(
      this.#table.update(durableKey(persistentId), (current) =>
        current?.serverId === serverId ? REMOVED : KEPT,
      ),
    );
  }

  /** The open closed, or is not durable any more. */
  *remove(open: Open): Task<void> {
    const { durable } = open;
    if (durable === undefined) return;
    this.leave(open);
    yield* wait(this.#table.update(durableKey(durable.persistentId), () => REMOVED));
  }
}

const REMOVED = { next: undefined, result: undefined } as const;
const KEPT = { next: 'keep', result: undefined } as const;

function replaced<R>(record: R): Update<R, undefined> {
  return { next: record, result: undefined };
}

/** The record of an open that becomes durable or resilient; undefined where it cannot be. */
export function makeDurableRecord(
  open: Open,
  durable: Pick<DurableRecord, 'serverId' | 'kind' | 'createGuid' | 'timeoutMs'>,
): DurableRecord | undefined {
  const { localOpen, session, treeConnect, fileId } = open;
  if (localOpen === undefined || session.identity === undefined) return undefined;
  const { lease } = localOpen.oplock ?? {};
  const { serverId, kind, createGuid, timeoutMs } = durable;
  // Field by field: spread here, and all that follows added to a copy, costs 10 us an open.
  return {
    serverId,
    kind,
    createGuid,
    timeoutMs,
    persistentId: fileId.persistent,
    clientGuid: session.clientGuid,
    userSid: session.identity.userSid,
    userName: session.identity.userName,
    shareName: treeConnect.share.name.toLowerCase(),
    fileKey: localOpen.fileKey,
    openId: localOpen.openId,
    lease: lease && { leaseKey: lease.leaseKey, version: lease.version },
    appInstance: open.appInstance,
    streamName: localOpen.streamName,
    createOptions: localOpen.createOptions,
    createAction: open.createAction,
    away: undefined,
  };
}

/** With what another process makes the open from, where there are others. */
export function* withKept(
  { options }: Smb2Server,
  localOpen: LocalOpen,
  record: DurableRecord,
): Task<DurableRecord> {
  if (options.peers === undefined || record.kind === 'persistent') return record;
  return { ...record, kept: yield* keptOpen(localOpen) };
}

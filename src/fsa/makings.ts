/**
 * Files and folders that are being made: they have their names, and not yet the security descriptor
 * that is to be theirs. No other request of the process comes in between; one of another process
 * waits.
 *
 *     maker:   T0 is entered -> makes it -> stores the descriptor -> T1 is taken out
 *     others:  find the file -> look here -> read the descriptor
 *
 * Who finds the file does so after T0. So if its maker does not stand here any more, T1 was before
 * that look, and what is read after it is what was stored.
 *
 * Which file a maker makes is not told by a name, for a link, another case or another share of the
 * folder may lead to it as well; but none is meant that was born before its directory changed last.
 */
import { isPromise, type MaybePromise, type Task, wait } from '../base/task.ts';
import { nsOfFileTime } from '../dtyp/file-time.ts';
import type { Env } from '../env/ports.ts';
import type { RecordStore, RecordTable, Update } from '../state/record-store.ts';
import { EAGAIN, type Errno } from '../vfs/errno.ts';
import type { FileStat } from '../vfs/vfs.ts';
import { RecordWatch } from './record-watch.ts';

export interface Making {
  readonly id: string;
  readonly serverId: string;
  /** No file that was born before is meant. */
  readonly sinceNs: bigint;
}

/** Undefined where nobody makes anything. */
export interface MakingsRecord {
  readonly makings: readonly Making[];
}

/** Whose status can be asked for again. */
interface StatSource {
  stat(): MaybePromise<FileStat | Errno>;
}

const TABLE_VERSION = 1;
/** The table has one record. It is about all volumes, for two of them may show one folder. */
const KEY = 'all';
/** Milliseconds; a maker takes far less, or its process is silent for long and is replaced. */
const MAKING_TIME_MS = 30_000;
/** More than one tick of a file system's clock. */
const CLOCK_STEP_NS = 1_000_000_000n;

function makingsTable(store: RecordStore): RecordTable<MakingsRecord> {
  return store.table<MakingsRecord>('making', TABLE_VERSION);
}

/** Of a volume that several processes serve. */
export class Makings {
  readonly #serverId: string;
  readonly #env: Pick<Env, 'clock' | 'timers'>;
  readonly #table: RecordTable<MakingsRecord>;
  /** This volume's own ones. */
  readonly #own = new Set<Making>();
  readonly #prefix: string;
  #lastId = 0;

  constructor(options: {
    readonly volumeId: string;
    readonly serverId: string;
    readonly env: Pick<Env, 'clock' | 'timers'>;
    readonly store: RecordStore;
  }) {
    this.#prefix = `${options.serverId}/${options.volumeId}/`;
    this.#serverId = options.serverId;
    this.#env = options.env;
    this.#table = makingsTable(options.store);
  }

  /** Whether anything is being made at all: what there is to ask on a hot path. */
  get areGoing(): boolean {
    const record = this.#table.get(KEY);
    return isPromise(record) || record !== undefined;
  }

  /**
   * Does `task`, which makes something; whoever finds it meanwhile waits. `earlier` is about the
   * directory, or anything in the same store. Costs two updates of a record.
   */
  *during<T>(earlier: Pick<FileStat, 'changeTimeNs'>, task: Task<T>): Task<T> {
    this.#lastId++;
    const making: Making = {
      id: `${this.#prefix}${this.#lastId}`,
      serverId: this.#serverId,
      sinceNs: sinceOf(earlier, nsOfFileTime(this.#env.clock.fileTime())),
    };
    this.#own.add(making);
    try {
      yield* wait(this.#enterOwn());
      return yield* task;
    } finally {
      this.#own.delete(making);
      yield* wait(this.#enterOwn());
    }
  }

  /**
   * What the file of `stat` is like once nobody makes it any more. EAGAIN: that took too long. To
   * be asked after the file was found and before its descriptor is read.
   */
  *settled(source: StatSource, stat: FileStat): Task<FileStat | Errno> {
    const awaited = makersOf(yield* wait(this.#table.get(KEY)), stat);
    if (awaited.size === 0) return stat;
    const isOver = yield* this.#waitFor(awaited);
    return isOver ? yield* wait(source.stat()) : EAGAIN;
  }

  *#waitFor(ids: ReadonlySet<string>): Task<boolean> {
    const watch = new RecordWatch(this.#table, [KEY]);
    let isLate = false;
    const late = this.#env.timers.after(MAKING_TIME_MS, () => {
      isLate = true;
      watch.wake();
    });
    try {
      for (;;) {
        const changed = watch.next();
        const record = yield* wait(this.#table.get(KEY));
        if (record?.makings.some(({ id }) => ids.has(id)) !== true) return true;
        if (isLate) return false;
        yield* wait(changed);
      }
    } finally {
      watch.end();
      late.cancel();
    }
  }

  /** All of them anew, so that one that could not be taken out goes with the next. */
  #enterOwn(): MaybePromise<void> {
    const own = [...this.#own];
    return this.#table.update(KEY, (current) => decideOwn(current, this.#prefix, own));
  }
}

/** The record with these makings of a volume's, in place of those it had. Pure. */
export function decideOwn(
  current: MakingsRecord | undefined,
  prefix: string,
  own: readonly Making[],
): Update<MakingsRecord, undefined> {
  const others = current?.makings.filter(({ id }) => !id.startsWith(prefix)) ?? [];
  const makings = [...others, ...own];
  return { next: makings.length === 0 ? undefined : { makings }, result: undefined };
}

/** Ids of those that may be making the file. Pure. */
export function makersOf(
  record: MakingsRecord | undefined,
  { birthTimeNs }: Pick<FileStat, 'birthTimeNs'>,
): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const { id, sinceNs } of record?.makings ?? []) {
    if (birthTimeNs === undefined || birthTimeNs >= sinceNs) ids.add(id);
  }
  return ids;
}

/**
 * What is made from now on is born, by the clock of its store, no earlier than anything in there
 * has changed. A time yet to come tells that this clock was set back, or is not ours. Pure.
 */
export function sinceOf({ changeTimeNs }: Pick<FileStat, 'changeTimeNs'>, nowNs: bigint): bigint {
  return changeTimeNs > nowNs ? nowNs - CLOCK_STEP_NS : changeTimeNs;
}

/** A process is gone, and what it made stays as it is. */
export async function sweepMakings(store: RecordStore, serverId: string): Promise<void> {
  await makingsTable(store).update(KEY, (current) => {
    const makings = current?.makings.filter((making) => making.serverId !== serverId) ?? [];
    if (makings.length === (current?.makings.length ?? 0)) {
      return { next: 'keep', result: undefined };
    }
    return { next: makings.length === 0 ? undefined : { makings }, result: undefined };
  });
}

/**
 * A limit on what the processes of a server have together. Each holds a portion of it in a record
 * that all share, and takes and gives back portions as its own count goes up and down, so that the
 * record is seldom touched. No more are let in than the limit; a process may be refused while each
 * of the others has two portions to spare. A small limit's portions are of one.
 */
import { assert } from '../base/assert.ts';
import { isPromise, type MaybePromise } from '../base/task.ts';
import type { RecordStore, RecordTable, Update } from './record-store.ts';

/** What each process may have, by its server id; undefined: none has any. */
export interface HeldRecord {
  readonly held: Readonly<Record<string, number>>;
}

/** A portion is the limit divided by this. */
const PORTIONS = 256;
const TABLE_VERSION = 1;

function heldTable(store: RecordStore): RecordTable<HeldRecord> {
  return store.table<HeldRecord>('limit', TABLE_VERSION);
}

export interface SharedLimitOptions {
  readonly name: string;
  readonly max: number;
  readonly serverId: string;
  /** That of all processes; undefined: this one is alone. */
  readonly store: RecordStore | undefined;
}

export class SharedLimit {
  readonly #name: string;
  readonly #max: number;
  readonly #serverId: string;
  readonly #table: RecordTable<HeldRecord> | undefined;
  /** Less one: what is taken beside what is needed. */
  readonly #spare: number;
  #held = 0;

  constructor({ name, max, serverId, store }: SharedLimitOptions) {
    this.#name = name;
    this.#max = max;
    this.#serverId = serverId;
    this.#table = store && heldTable(store);
    this.#spare = Math.max(0, Math.floor(max / PORTIONS) - 1);
  }

  /** Whether there may be so many in this process. To be asked before there are. */
  allows(count: number): MaybePromise<boolean> {
    if (this.#table === undefined) return count <= this.#max;
    if (count <= this.#held) return true;
    const held = this.#hold(this.#table, count);
    return isPromise(held) ? held.then((now) => count <= now) : count <= held;
  }

  /** There are so many in this process, be it that they were let in or taken over. */
  rose(count: number): void {
    void this.allows(count);
  }

  /** There are fewer in this process, `count`: others may have the rest. */
  fell(count: number): void {
    if (this.#table === undefined || this.#held - count <= 2 * this.#spare) return;
    void this.#hold(this.#table, count);
  }

  #hold(table: RecordTable<HeldRecord>, count: number): MaybePromise<number> {
    assert(count >= 0, `${this.#name}: more went than came`);
    const share = { serverId: this.#serverId, wanted: count + this.#spare, max: this.#max };
    const held = table.update(this.#name, (current) => decideHeld(current, share));
    if (isPromise(held)) return held.then((now) => this.#keep(now));
    return this.#keep(held);
  }

  #keep(held: number): number {
    this.#held = held;
    return held;
  }
}

/** The record after a process asked to hold `wanted` of `max`, and what it holds then. Pure. */
export function decideHeld(
  current: HeldRecord | undefined,
  share: { readonly serverId: string; readonly wanted: number; readonly max: number },
): Update<HeldRecord, number> {
  const { [share.serverId]: before = 0, ...others } = current?.held ?? {};
  const taken = Object.values(others).reduce((sum, held) => sum + held, 0);
  const own = Math.max(0, Math.min(share.wanted, share.max - taken));
  if (own === before) return { next: 'keep', result: own };
  return { next: recordOf(own === 0 ? others : { ...others, [share.serverId]: own }), result: own };
}

function recordOf(held: HeldRecord['held']): HeldRecord | undefined {
  return Object.keys(held).length === 0 ? undefined : { held };
}

/** Processes are gone, and what they held with them. */
export async function sweepLimits(store: RecordStore, gone: ReadonlySet<string>): Promise<void> {
  const table = heldTable(store);
  for (const [name] of await table.scan('')) {
    await table.update(name, (current) => {
      const entries = Object.entries(current?.held ?? {});
      const left = entries.filter(([serverId]) => !gone.has(serverId));
      if (left.length === entries.length) return { next: 'keep', result: undefined };
      return { next: recordOf(Object.fromEntries(left)), result: undefined };
    });
  }
}

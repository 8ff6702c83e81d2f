import { Packr } from 'msgpackr';
import { assert } from '../../base/assert.ts';
import type { StoredTable, Update } from '../record-store.ts';
import type { ForeignWatchers } from './foreign-watchers.ts';
import { ABSENT, CHANGED, type SharedRecords } from './shared-records.ts';

/** Records that are kept decoded: one that nobody changed is not decoded again. */
const KNOWN_MAX = 4_096;
/** What separates a table's name from a key; no table has it in its name. */
export const SEPARATOR = '/';

const packr = new Packr();

interface Known<R> {
  readonly generation: number;
  readonly record: R | undefined;
}

export class SharedTable<R extends object> implements StoredTable<R> {
  readonly name: string;
  readonly #records: SharedRecords;
  readonly #watchers: ForeignWatchers | undefined;
  readonly #known = new Map<string, Known<R>>();
  #deciding = false;
  #copied: Buffer = NOTHING;

  /** Without watchers nobody is told of changes. */
  constructor(name: string, records: SharedRecords, watchers: ForeignWatchers | undefined) {
    this.name = name;
    this.#records = records;
    this.#watchers = watchers;
  }

  get(key: string): R | undefined {
    return this.#look(key).record;
  }

  update<T>(key: string, decide: (current: R | undefined) => Update<R, T>): T {
    assert(!this.#deciding, `an update of ${this.name} is not pure: it updates ${key}`);
    for (;;) {
      const { generation, record } = this.#look(key);
      const { next, result } = this.#decide(decide, record);
      if (next === 'keep' || (next === undefined && generation === ABSENT)) return result;
      if (this.#put(key, generation, next)) return result;
    }
  }

  replace(key: string, next: R | undefined): void {
    if (next === undefined && this.#look(key).generation === ABSENT) return;
    this.#put(key, undefined, next);
  }

  replaceSoon(key: string, next: R | undefined): void {
    this.replace(key, next);
  }

  watch(key: string, changed: () => void): () => void {
    assert(this.#watchers !== undefined, `${this.name} is not watched`);
    return this.#watchers.add(this.name + SEPARATOR + key, changed);
  }

  scan(prefix: string): Iterable<readonly [key: string, record: R]> {
    const start = this.name + SEPARATOR;
    return this.#records
      .scan(start + prefix)
      .map(([name, value]) => [name.slice(start.length), packr.unpack(value) as R] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1));
  }

  #decide<T>(decide: (current: R | undefined) => Update<R, T>, record: R | undefined) {
    this.#deciding = true;
    try {
      return decide(record);
    } finally {
      this.#deciding = false;
    }
  }

  #look(key: string): Known<R> {
    const known = this.#known.get(key);
    const generation = this.#records.look(
      this.name + SEPARATOR + key,
      known?.generation ?? ABSENT,
      this.#copy,
    );
    if (generation === ABSENT) {
      if (known !== undefined) this.#known.delete(key);
      return NONE;
    }
    if (known?.generation === generation) return known;
    const found = { generation, record: packr.unpack(this.#copied) as R };
    this.#copied = NOTHING;
    this.#remember(key, found);
    return found;
  }

  /** False: another process was faster. */
  #put(key: string, expected: number | undefined, next: R | undefined): boolean {
    const name = this.name + SEPARATOR + key;
    const value = next === undefined ? undefined : packr.pack(next);
    const generation = this.#records.put(name, expected, value);
    if (generation === CHANGED) return false;
    if (next === undefined) this.#known.delete(key);
    else this.#remember(key, { generation, record: next });
    this.#watchers?.wake(name);
    return true;
  }

  #remember(key: string, found: Known<R>): void {
    if (this.#known.size >= KNOWN_MAX && !this.#known.has(key)) {
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest);
        break;
      }
    }
    this.#known.set(key, found);
  }

  readonly #copy = (value: Buffer): void => {
    this.#copied = Buffer.from(value);
  };
}

const NOTHING = Buffer.alloc(0);
const NONE = { generation: ABSENT, record: undefined };

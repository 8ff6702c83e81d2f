import { assert } from '../../base/assert.ts';
import type { StoredTable, Update } from '../record-store.ts';
import type { ForeignWatchers } from './foreign-watchers.ts';
import { bytesOf, type PackedRecord, packRecord, unpackRecord } from './packed-record.ts';
import { ABSENT, CHANGED, type SharedRecords } from './shared-records.ts';

/** Records that are kept decoded: one that nobody changed is not decoded again. */
const KNOWN_MAX = 4_096;
/** What separates a table's name from a key; no table has it in its name. */
export const SEPARATOR = '/';

interface Known<R> {
  /** With the table's: what the store calls it. */
  readonly name: string;
  readonly generation: number;
  readonly packed: PackedRecord<R>;
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
    return this.#look(key)?.packed.record;
  }

  update<T>(key: string, decide: (current: R | undefined) => Update<R, T>): T {
    assert(!this.#deciding, `an update of ${this.name} is not pure: it updates ${key}`);
    for (;;) {
      const known = this.#look(key);
      const { next, result } = this.#decide(decide, known?.packed.record);
      if (next === 'keep' || (next === undefined && known === undefined)) return result;
      if (this.#put(key, known, next)) return result;
    }
  }

  replace(key: string, next: R | undefined): void {
    if (next === undefined && this.#look(key) === undefined) return;
    this.#put(key, 'whatever', next);
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
      .map(
        ([name, value]) =>
          [name.slice(start.length), unpackRecord<R>(value, undefined).record] as const,
      )
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

  #look(key: string): Known<R> | undefined {
    const known = this.#known.get(key);
    const name = known?.name ?? this.name + SEPARATOR + key;
    const generation = this.#records.look(name, known?.generation ?? ABSENT, this.#copy);
    if (generation === ABSENT) {
      if (known !== undefined) this.#known.delete(key);
      return undefined;
    }
    if (known?.generation === generation) return known;
    const packed = unpackRecord(this.#copied, known?.packed);
    this.#copied = NOTHING;
    const found = { name, generation, packed };
    this.#remember(key, found);
    return found;
  }

  /** False: another process was faster. */
  #put(key: string, expected: Known<R> | undefined | 'whatever', next: R | undefined): boolean {
    const known = expected === 'whatever' ? undefined : expected;
    const name = known?.name ?? this.name + SEPARATOR + key;
    const packed = next && packRecord(next, known?.packed);
    const before = expected === 'whatever' ? undefined : (known?.generation ?? ABSENT);
    const generation = this.#records.put(name, before, packed && bytesOf(packed));
    if (generation === CHANGED) return false;
    if (packed === undefined) this.#known.delete(key);
    else this.#remember(key, { name, generation, packed });
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

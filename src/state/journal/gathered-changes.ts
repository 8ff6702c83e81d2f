import { RecordEncoder } from './encode-record.ts';
import {
  ENTRY_NONE,
  ENTRY_RECORD,
  ENTRY_TABLE,
  ENTRY_WHOLE,
  FRAME_HEADER_SIZE,
} from './journal-format.ts';

/** A table as the journal sees it. */
export interface JournaledTable {
  readonly name: string;
  version: number;
  readonly records: Map<string, object>;
}

interface Change {
  readonly table: JournaledTable;
  readonly key: string;
  readonly before: object | undefined;
}

/** Who waits for one frame. */
export interface Waiting {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Changes that are made in memory, and the entries that say so in the next frame. */
export class GatheredChanges {
  readonly #encoder = new RecordEncoder(FRAME_HEADER_SIZE);
  #changes: Change[] = [];
  #waiting: Waiting | undefined;
  /** Tables that the segment knows, by their number there. */
  readonly #known = new Map<JournaledTable, number>();
  #knownCount = 0;

  /** Bytes of entries. */
  get size(): number {
    return this.#encoder.length;
  }

  get hasChanges(): boolean {
    return this.#changes.length > 0;
  }

  /** Throws where the record is no plain data. */
  add(table: JournaledTable, key: string, next: object | undefined): void {
    this.#encode(table, key, next);
    this.#changes.push({ table, key, before: table.records.get(key) });
    enter(table, key, next);
  }

  /** Of all that is gathered now. */
  outcome(): Promise<void> {
    this.#waiting ??= waitingFor();
    return this.#waiting.promise;
  }

  /** A record as it stands. */
  addCopy(table: JournaledTable, key: string): void {
    this.#encode(table, key, table.records.get(key));
  }

  addWhole(): void {
    this.#encoder.uint8(ENTRY_WHOLE);
  }

  /** The entries, with room for a frame's header in front and its padding; until the next call. */
  frame(): Uint8Array {
    return this.#encoder.padded();
  }

  /** They are written, or will be with what is copied; who waits for them. */
  take(): Waiting | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#encoder.cut(0);
    this.#changes = [];
    return waiting;
  }

  /** Takes them back, last first. */
  refuse(error: unknown): void {
    const refused = this.#changes;
    const waiting = this.take();
    this.forgetSegment();
    for (const { table, key, before } of refused.toReversed()) enter(table, key, before);
    waiting?.reject(error);
  }

  /** What the segment was told of tables and shapes is told again: it may not know. */
  forgetSegment(): void {
    this.#known.clear();
    this.#knownCount = 0;
    this.#encoder.forgetShapes();
  }

  /** The same, of a table whose version is another one. */
  forgetTable(table: JournaledTable): void {
    this.#known.delete(table);
  }

  #encode(table: JournaledTable, key: string, record: object | undefined): void {
    const encoder = this.#encoder;
    const { length } = encoder;
    try {
      const number = this.#known.get(table) ?? this.#introduce(table);
      encoder.uint8(record === undefined ? ENTRY_NONE : ENTRY_RECORD);
      encoder.count(number);
      encoder.value(key);
      if (record !== undefined) encoder.value(record);
    } catch (error) {
      encoder.cut(length);
      this.forgetSegment();
      throw error;
    }
  }

  #introduce(table: JournaledTable): number {
    const number = ++this.#knownCount;
    this.#known.set(table, number);
    this.#encoder.uint8(ENTRY_TABLE);
    this.#encoder.count(number);
    this.#encoder.value(table.name);
    this.#encoder.count(table.version);
    return number;
  }
}

function waitingFor(): Waiting {
  let resolve!: () => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<void>((resolved, rejected) => {
    resolve = resolved;
    reject = rejected;
  });
  return { promise, resolve, reject };
}

function enter(table: JournaledTable, key: string, record: object | undefined): void {
  if (record === undefined) table.records.delete(key);
  else table.records.set(key, record);
}

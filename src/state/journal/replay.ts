/**
 * What a journal says: the records as they stood when it was written last.
 *
 * Frames count up, over all segments. A frame that is not as it was written ends the log: the
 * server, or the machine, ended while it was being written, and nobody was told of it. Unless a
 * later frame says that the disk had it: then it was damaged since, and so it is refused.
 */

import { RecordDecoder, type Shapes } from './decode-record.ts';
import type { JournalDisk, JournalFile } from './disk.ts';
import {
  ENTRY_NONE,
  ENTRY_RECORD,
  ENTRY_TABLE,
  ENTRY_WHOLE,
  HEADER_SIZE,
  segmentName,
  segmentNumber,
} from './journal-format.ts';
import { type Frame, SegmentReader } from './segment-reader.ts';

/** A journal is not as it was written. Nothing was changed. */
export class JournalDamageError extends Error {}

export interface ReplayedTable {
  version: number;
  readonly records: Map<string, object>;
}

export interface Replayed {
  readonly tables: Map<string, ReplayedTable>;
  /** Where it goes on; undefined: there is no journal yet. */
  readonly last: LastSegment | undefined;
  /** Of the last frame; 0: there is none. */
  readonly sequence: number;
  /** Segments with what stands, in order; the last of them is `last`. */
  readonly segments: readonly number[];
  /** Files of which nothing stands any more. */
  readonly spent: readonly number[];
}

interface LastSegment {
  readonly number: number;
  readonly file: JournalFile;
  /** Behind the last frame. */
  readonly end: number;
  readonly salt: number;
}

/** Reads all of it. Throws `JournalDamageError`, or the system's error. */
export function replay(disk: JournalDisk): Replayed {
  const numbers = disk
    .list()
    .map(segmentNumber)
    .filter((number) => number !== undefined)
    .sort((a, b) => a - b);
  const files = new Map<number, JournalFile>();
  try {
    for (const number of numbers) files.set(number, disk.open(segmentName(number)));
    const replayed = new Replay(disk.folder, files).read();
    for (const [number, file] of files) if (number !== replayed.last?.number) file.close();
    return replayed;
  } catch (error) {
    for (const file of files.values()) file.close();
    throw error;
  }
}

class Replay {
  readonly #folder: string;
  readonly #files: ReadonlyMap<number, JournalFile>;
  readonly #tables = new Map<string, ReplayedTable>();
  #sequence = 0;
  /** Of the segment that is read. */
  #byId = new Map<number, ReplayedTable>();
  #shapes: Shapes = new Map();
  /** Records that this segment has, of those that stand. */
  #own = new Map<ReplayedTable, Set<string>>();
  #isWhole = false;

  constructor(folder: string, files: ReadonlyMap<number, JournalFile>) {
    this.#folder = folder;
    this.#files = files;
  }

  read(): Replayed {
    const all = [...this.#files].map(([number, file]) => new SegmentReader(file, number));
    const whole = all.filter((reader) => this.#hasHeader(reader));
    const readers = whole.slice(this.#lastWhole(whole));
    let segments: SegmentReader[] = [];
    let end = HEADER_SIZE;
    for (const [index, reader] of readers.entries()) {
      const first = reader.frameAt(HEADER_SIZE)?.sequence;
      if (index > 0 && first !== this.#sequence + 1) break;
      if (index === 0 && first !== undefined) this.#sequence = first - 1;
      end = this.#readFrames(reader);
      if (index === 0 && reader.number !== 1 && !this.#isWhole) this.#damaged(reader, end);
      segments = [...segments, reader];
    }
    this.#refuseIfKnown(readers.slice(segments.length - 1), end);
    return this.#replayed(segments, end);
  }

  #replayed(segments: readonly SegmentReader[], end: number): Replayed {
    const numbers = segments.map(({ number }) => number);
    const reader = segments.at(-1);
    const file = reader && this.#files.get(reader.number);
    const header = reader?.header;
    const last = file && typeof header === 'object' ? { ...header, file, end } : undefined;
    const spent = [...this.#files.keys()].filter((number) => !numbers.includes(number));
    return { tables: this.#tables, last, sequence: this.#sequence, segments: numbers, spent };
  }

  #hasHeader(reader: SegmentReader): boolean {
    const { header } = reader;
    if (header === 'other') {
      throw new JournalDamageError(
        `${this.#nameOf(reader)} was written by another version of semba`,
      );
    }
    if (header === undefined && !reader.isUnfinished) this.#damaged(reader, 0);
    return header !== undefined;
  }

  /** Index of the last one with which all before it are spent; 0 where there is none. */
  #lastWhole(readers: readonly SegmentReader[]): number {
    if (readers.length < 2) return 0;
    const last = readers.findLastIndex((reader) => {
      const alone = new Replay(this.#folder, new Map());
      alone.#sequence = (reader.frameAt(HEADER_SIZE)?.sequence ?? 1) - 1;
      alone.#readFrames(reader);
      return alone.#isWhole;
    });
    return Math.max(0, last);
  }

  /** Where they end. */
  #readFrames(reader: SegmentReader): number {
    this.#byId = new Map();
    this.#shapes = new Map();
    this.#own = new Map();
    this.#isWhole = false;
    let at = HEADER_SIZE;
    for (;;) {
      const frame = reader.frameAt(at);
      if (frame === undefined || frame.sequence !== this.#sequence + 1) return at;
      this.#sequence = frame.sequence;
      if (!this.#apply(frame)) this.#damaged(reader, at);
      at = frame.end;
    }
  }

  /** Throws if a frame says that the disk had the one that should be at `end` of the first. */
  #refuseIfKnown(readers: readonly SegmentReader[], end: number): void {
    const missing = this.#sequence + 1;
    for (const [index, reader] of readers.entries()) {
      let frame = reader.nextFrame(index === 0 ? end : HEADER_SIZE);
      while (frame !== undefined) {
        if (frame.synced >= missing) this.#damaged(readers[0]!, end);
        frame = reader.nextFrame(frame.end);
      }
    }
  }

  #damaged(reader: SegmentReader, at: number): never {
    throw new JournalDamageError(
      `${this.#nameOf(reader)} is damaged at byte ${at}: what was written there is not there`,
    );
  }

  #nameOf({ number }: SegmentReader): string {
    return `${this.#folder}/${segmentName(number)}`;
  }

  /** False: the entries mean nothing. */
  #apply({ entries }: Frame): boolean {
    const decoder = new RecordDecoder(entries, this.#shapes);
    while (!decoder.isAtEnd) {
      const kind = decoder.uint8();
      if (kind === ENTRY_WHOLE) this.#dropOthers();
      else if (kind === ENTRY_TABLE) this.#beginTable(decoder);
      else if (kind !== ENTRY_RECORD && kind !== ENTRY_NONE) return false;
      else if (!this.#applyRecord(decoder, kind)) return false;
    }
    return !decoder.failed;
  }

  #beginTable(decoder: RecordDecoder): void {
    const id = decoder.count();
    const name = decoder.string();
    const version = decoder.count();
    const table = this.#tables.get(name) ?? { version, records: new Map<string, object>() };
    table.version = version;
    this.#tables.set(name, table);
    this.#byId.set(id, table);
  }

  #applyRecord(decoder: RecordDecoder, kind: number): boolean {
    const table = this.#byId.get(decoder.count());
    const key = decoder.string();
    if (table === undefined) return false;
    if (kind === ENTRY_NONE) {
      table.records.delete(key);
      return true;
    }
    const record = decoder.value();
    if (typeof record !== 'object' || record === null) return false;
    table.records.set(key, record);
    const own = this.#own.get(table);
    if (own === undefined) this.#own.set(table, new Set([key]));
    else own.add(key);
    return true;
  }

  #dropOthers(): void {
    this.#isWhole = true;
    for (const table of this.#tables.values()) {
      const own = this.#own.get(table);
      for (const key of table.records.keys()) if (own?.has(key) !== true) table.records.delete(key);
    }
  }
}

/**
 * Changes of records, in the order in which they were made: many go to the disk together, and while
 * they do the next ones gather.
 *
 *     gathered --#write()--> written --#sync()--> on the disk: promises resolve
 *
 * gathered: in memory. written: the kernel has it, so it survives this process. When a segment has
 * grown to twice of what stands, another one follows, to which all that stands is copied between
 * the changes, a slice with each sync; then those before it go:
 *
 *     settled --T0 #grow()--> naming --T1 #begin()--> copying --T2 #finish()--> settled
 *
 * naming: there is a new file, and its name is on its way to the disk. copying: changes go to the
 * new segment; what stands is in all of them together. A sync that fails tells nothing of what the
 * disk has, and the next one would not fail (the kernel forgets): then T0 and T1 follow with the
 * next change, and no promise resolves before T2.
 */
import { assert } from '../../base/assert.ts';
import type { TimerHandle, Timers } from '../../env/ports.ts';
import type { JournalDisk } from './disk.ts';
import { GatheredChanges, type JournaledTable, type Waiting } from './gathered-changes.ts';
import { segmentName } from './journal-format.ts';
import type { Replayed } from './replay.ts';
import { Segment } from './segment.ts';
import { Standing } from './standing.ts';

/** Milliseconds until the disk has what nobody waits for. */
const SOON_MS = 50;

export interface JournalOptions {
  readonly timers: Timers;
  /** Bytes up to which a segment is not worth another one. */
  readonly segmentSizeMin: number;
}

export class Journal {
  readonly #disk: JournalDisk;
  readonly #timers: Timers;
  readonly #tables: JournaledTable[] = [];
  readonly #gathered = new GatheredChanges();
  #segment: Segment;
  /** Of the last frame that was written, and of the last that the disk has. */
  #sequence: number;
  #synced: number;
  /** For what is written. */
  #waiting: Waiting[] = [];
  #isScheduled = false;
  #syncing: Promise<void> | undefined;
  /** For what is written and nobody waits for. */
  #soon: TimerHandle | undefined;
  /** Something was written since the last sync began. */
  #isDirty = false;
  /** A frame says that the disk has all. */
  #isSealed = true;
  #isClosed = false;
  #growAt: number;
  readonly #segmentSizeMin: number;
  #naming: Promise<void> | undefined;
  #named: Segment | undefined;
  /** What is still to be copied. */
  #copying: Standing | undefined;
  /** The frame with which all is copied. */
  #wholeAt: number | undefined;
  /** Numbers of segments before this one, and the one of them that is open. */
  #former: number[];
  #last: Segment | undefined;
  /** Its sync failed. */
  #distrusted: Segment | undefined;

  /** Goes on where the journal ended. Throws the system's error. */
  constructor(disk: JournalDisk, replayed: Replayed, options: JournalOptions) {
    const { last, sequence, segments, spent } = replayed;
    const { timers, segmentSizeMin } = options;
    this.#timers = timers;
    this.#disk = disk;
    this.#segmentSizeMin = segmentSizeMin;
    this.#growAt = segmentSizeMin;
    this.#sequence = sequence;
    this.#synced = sequence;
    if (last === undefined) {
      this.#segment = Segment.create(disk, 1);
      disk.syncNow();
    } else {
      this.#segment = new Segment(last.file, last);
    }
    this.#segment.syncNow();
    this.#former = segments.filter((number) => number !== last?.number);
    if (this.#former.length > 0) this.#copying = new Standing(this.#tables);
    for (const number of spent) {
      if (number !== this.#segment.number) disk.remove(segmentName(number));
    }
    this.#isSealed = last === undefined;
    this.#seal();
  }

  /** Its records are in the journal already, or there are none. */
  add(table: JournaledTable): void {
    this.#tables.push(table);
  }

  /**
   * Puts a record, or removes it: at once in memory. Resolves when the disk has it; rejects when it
   * may not have it.
   */
  change(table: JournaledTable, key: string, next: object | undefined): Promise<void> {
    this.#gather(table, key, next);
    this.#schedule();
    return this.#gathered.outcome();
  }

  /** The same for who does not wait: it survives this process, and the disk has it soon. Throws. */
  changeSoon(table: JournaledTable, key: string, next: object | undefined): void {
    this.#gather(table, key, next);
    this.#writeNow();
  }

  /** All records of a table, as another version has them: all of them or none. Throws. */
  changeLayout(
    table: JournaledTable,
    version: number,
    records: ReadonlyMap<string, object | undefined>,
  ): void {
    this.#writeNow();
    const { version: old } = table;
    table.version = version;
    this.#gathered.forgetTable(table);
    try {
      for (const [key, next] of records) this.#gather(table, key, next);
      this.#writeNow();
    } catch (error) {
      table.version = old;
      throw error;
    }
  }

  /** Ends when all is on the disk, or failed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#soon?.cancel();
    this.#copying = undefined;
    for (;;) {
      if (this.#gathered.hasChanges || this.#isDirty) this.#schedule();
      const busy = this.#syncing ?? this.#naming;
      if (busy === undefined && !this.#isScheduled) break;
      await busy;
    }
    const error = new Error('it was closed before all was on the disk');
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    this.#named?.close();
    this.#last?.close();
    this.#segment.close();
  }

  #gather(table: JournaledTable, key: string, next: object | undefined): void {
    assert(!this.#isClosed, 'a closed journal is not written');
    this.#gathered.add(table, key, next);
  }

  #schedule(): void {
    if (this.#isScheduled || this.#syncing !== undefined) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (this.#syncing === undefined) this.#turn();
    });
  }

  /** Nothing is being synced. */
  #turn(): void {
    if (this.#named !== undefined) this.#begin(this.#named);
    if (this.#distrusted === this.#segment) {
      if (this.#gathered.hasChanges) this.#grow();
      return;
    }
    this.#write();
    if (this.#copying !== undefined) this.#copySlice(this.#copying);
    else if (this.#segment.end > this.#growAt && this.#wholeAt === undefined) this.#grow();
    if (!this.#isDirty) this.#seal();
    else if (this.#isAwaited) this.#sync();
    else this.#soon ??= this.#timers.after(SOON_MS, () => this.#syncSoon());
  }

  get #isAwaited(): boolean {
    const isCopying = this.#copying !== undefined || this.#wholeAt !== undefined;
    return this.#waiting.length > 0 || isCopying || this.#isClosed;
  }

  #syncSoon(): void {
    this.#soon = undefined;
    if (this.#isDirty && this.#syncing === undefined) this.#sync();
  }

  /** Throws where there is no room for it; then it is as if nothing had been gathered. */
  #writeNow(): void {
    if (this.#distrusted === this.#segment) {
      const error = new Error(`${this.#disk.folder}: what was written last is not on the disk`);
      this.#gathered.refuse(error);
      this.#schedule();
      throw error;
    }
    const error = this.#write();
    if (error !== undefined) throw error;
    this.#schedule();
  }

  /** What is gathered, as one frame; why not. */
  #write(): Error | undefined {
    if (this.#gathered.size === 0) return undefined;
    try {
      this.#writeFrame();
    } catch (error) {
      this.#gathered.refuse(error);
      return error as Error;
    }
    this.#isDirty = true;
    this.#isSealed = false;
    this.#await(this.#gathered.take());
    return undefined;
  }

  #await(waiting: Waiting | undefined): void {
    if (waiting !== undefined) this.#waiting.push(waiting);
  }

  #writeFrame(): void {
    const header = {
      length: this.#gathered.size,
      sequence: this.#sequence + 1,
      synced: this.#synced,
    };
    this.#segment.write(this.#gathered.frame(), header);
    this.#sequence++;
  }

  /**
   * Tells the next start, though not on the disk itself, that the disk has all: without it the last
   * frame, once damaged, could not be told from one that was never finished.
   */
  #seal(): void {
    if (this.#isSealed) return;
    this.#isSealed = true;
    try {
      this.#writeFrame();
    } catch {
      // It is written with the next frame.
      this.#isSealed = false;
    }
  }

  #sync(): void {
    const upTo = this.#sequence;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#isDirty = false;
    this.#soon?.cancel();
    this.#soon = undefined;
    const last = this.#last;
    const segment = this.#segment;
    const syncs = last === undefined ? segment.sync() : Promise.all([last.sync(), segment.sync()]);
    this.#syncing = syncs.then(
      () => {
        if (last !== undefined && this.#last === last) {
          this.#last = undefined;
          last.close();
        }
        this.#syncDone(upTo, waiting);
      },
      (error: unknown) => this.#syncFailed(error, waiting),
    );
  }

  #syncDone(upTo: number, waiting: Waiting[]): void {
    this.#syncing = undefined;
    const isWhole = this.#wholeAt !== undefined && upTo >= this.#wholeAt;
    if (this.#distrusted !== undefined && !isWhole) {
      this.#waiting = [...waiting, ...this.#waiting];
    } else {
      this.#synced = upTo;
      for (const { resolve } of waiting) resolve();
    }
    if (isWhole) this.#finish();
    this.#turn();
  }

  #syncFailed(error: unknown, waiting: Waiting[]): void {
    this.#syncing = undefined;
    this.#distrust();
    for (const { reject } of [...waiting, ...this.#waiting.splice(0)]) reject(error);
    this.#turn();
  }

  #distrust(): void {
    this.#distrusted = this.#segment;
    this.#isDirty = false;
    this.#copying = undefined;
    this.#wholeAt = undefined;
    this.#last?.close();
    this.#last = undefined;
  }

  /** T0. */
  #grow(): void {
    if (this.#naming !== undefined) return;
    if (this.#isClosed) {
      this.#growFailed(new Error('the journal is being closed'));
      return;
    }
    let next: Segment;
    try {
      next = Segment.create(this.#disk, this.#segment.number + 1);
    } catch (error) {
      this.#growFailed(error);
      return;
    }
    this.#naming = Promise.all([next.sync(), this.#disk.sync()]).then(
      () => {
        this.#naming = undefined;
        this.#named = next;
        this.#schedule();
      },
      (error: unknown) => {
        this.#naming = undefined;
        next.close();
        this.#growFailed(error);
      },
    );
  }

  #growFailed(error: unknown): void {
    this.#growAt = this.#segment.end + this.#segmentSizeMin;
    if (this.#distrusted === this.#segment) this.#gathered.refuse(error);
  }

  /** T1. */
  #begin(next: Segment): void {
    this.#named = undefined;
    const old = this.#segment;
    const isTrusted = this.#distrusted !== old;
    // The shapes in it are those of this segment.
    if (isTrusted) this.#write();
    this.#segment = next;
    this.#former.push(old.number);
    if (isTrusted) this.#last = old;
    else old.close();
    // All that stands in memory is copied, and so is what could not be written.
    this.#await(this.#gathered.take());
    this.#gathered.forgetSegment();
    this.#copying = new Standing(this.#tables);
    this.#wholeAt = undefined;
  }

  #copySlice(copying: Standing): void {
    const isWhole = copying.copySlice(this.#gathered);
    const error = this.#write();
    if (error !== undefined) this.#copyFailed(error);
    else if (isWhole) {
      this.#copying = undefined;
      this.#wholeAt = this.#sequence;
    }
  }

  /** It is tried again when as much has been written as makes another segment. */
  #copyFailed(error: unknown): void {
    this.#copying = undefined;
    this.#growAt = this.#segment.end + this.#segmentSizeMin;
    if (this.#distrusted === undefined) return;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    this.#distrust();
  }

  /** T2. */
  #finish(): void {
    this.#wholeAt = undefined;
    this.#distrusted = undefined;
    this.#growAt = Math.max(2 * this.#segment.end, this.#segmentSizeMin);
    const former = this.#former;
    this.#former = [];
    for (const number of former) {
      try {
        this.#disk.remove(segmentName(number));
      } catch {
        // It goes with those that come after it.
        this.#former.push(number);
      }
    }
  }
}

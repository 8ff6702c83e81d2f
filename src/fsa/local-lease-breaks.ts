/**
 * What local processes do in directories that clients lease breaks the leases, as what other
 * clients do there does.
 *
 * The store's change feed does not say whose a change was. So what the server does itself is noted
 * here (`note`), and an event that no note explains is somebody else's. Events wait a moment
 * (`PENDING_MS`): an operation that suspended between doing and noting has noted it by then.
 *
 *     feed --T0 wake--> pending --T1 time passed: noted, or of a write under way--> dropped
 *                              \--T2 neither--> the directory's leases break
 *
 * With that a directory is no longer watched, until somebody leases it again. One that cannot be
 * watched is not leased.
 */
import { LOCAL_NOTES_MAX } from '../base/limits.ts';
import { isPromise, type MaybePromise, run, type Task, wait } from '../base/task.ts';
import { type FileTime, fileTimeOfMs, fileTimeOfNs } from '../dtyp/file-time.ts';
import type { Env, TimerHandle } from '../env/ports.ts';
import { failed } from '../vfs/errno.ts';
import type { ChangeFeed, EntryChange, Vfs } from '../vfs/vfs.ts';
import { fileKeyOf } from './file-record.ts';
import type { LocalOpens } from './local-opens.ts';
import { isStreamsFolder, joinPath } from './names.ts';
import { STORE_CREDENTIALS } from './stream-store.ts';

const PENDING_MS = 20;
/** The notes of other processes take longer. */
const PENDING_SHARED_MS = 200;
/** A name that came after it went, or the reverse: events of both may still be on their way. */
const BOTH_MS = 200;
/** The clock of the file system's times is a tick behind, and a note comes after its deed. */
const LATER: FileTime = fileTimeOfMs(50) - fileTimeOfMs(0);

export interface LocalLeaseBreaksParams {
  readonly vfs: Vfs;
  readonly env: Env;
  readonly streamsFolder: string;
  /** Directories that are watched at the most. */
  readonly directoriesMax: number;
  readonly opens: LocalOpens;
  readonly breakLeases: (fileKey: string) => Task<void>;
  readonly others: OtherLeaseholders | undefined;
}

/** Other processes of the server: what they do is nothing that local processes do, either. */
export interface OtherLeaseholders {
  readonly areThere: boolean;
  /** Tells those that have leased directories. */
  noted(path: string, deed: Deed): void;
  /** Whether a client of theirs has the file open. */
  haveOpen(fileKey: string): MaybePromise<boolean>;
}

/** What the server did under a name: on the monotonic clock, -1 for never. */
interface Note {
  readonly addedMs: number;
  readonly removedMs: number;
  readonly at: FileTime;
}

interface Leased {
  readonly fileKey: string;
  /** When it was leased; its opens know better. */
  readonly path: string;
  /** The feed's; undefined after its leases broke. */
  number: number | undefined;
  opens: number;
}

interface Pending {
  readonly leased: Leased;
  readonly change: EntryChange;
}

export type Deed = 'added' | 'removed' | 'modified';

export class LocalLeaseBreaks {
  readonly #params: LocalLeaseBreaksParams;
  #feed: ChangeFeed | undefined;
  readonly #byKey = new Map<string, Leased>();
  readonly #byNumber = new Map<number, Leased>();
  /** By path, the oldest first. */
  readonly #notes = new Map<string, Note>();
  #pending: Pending[] = [];
  #timer: TimerHandle | undefined;
  #isWarned = false;

  constructor(params: LocalLeaseBreaksParams) {
    this.#params = params;
  }

  /** Before an open may be granted a lease of the directory; false: it cannot be watched. */
  begin(fileKey: string, path: string): boolean {
    const known = this.#byKey.get(fileKey);
    const leased = known ?? { fileKey, path, number: undefined, opens: 0 };
    if (leased.number === undefined && !this.#watch(leased, path)) return false;
    leased.opens++;
    this.#byKey.set(fileKey, leased);
    return true;
  }

  /** After such an open has gone, or got nothing. */
  end(fileKey: string): void {
    const leased = this.#byKey.get(fileKey);
    if (leased === undefined || --leased.opens > 0) return;
    this.#unwatch(leased);
    this.#byKey.delete(fileKey);
    if (this.#byKey.size === 0) this.close();
  }

  /** The server did this itself. One look where nothing is leased. */
  note(path: string, deed: Deed): void {
    const { others } = this.#params;
    if (others?.areThere === true) others.noted(path, deed);
    this.noteHere(path, deed);
  }

  /** Only in this process: another one did it. */
  noteHere(path: string, deed: Deed): void {
    if (this.#byKey.size === 0) return;
    const { clock } = this.#params.env;
    const nowMs = clock.monotonicMs();
    const before = this.#notes.get(path);
    const still = (thenMs = -1): number => (nowMs - thenMs <= BOTH_MS ? thenMs : -1);
    const at = clock.fileTime();
    this.#notes.delete(path);
    if (deed === 'added') {
      this.#notes.set(path, { addedMs: nowMs, removedMs: still(before?.removedMs), at });
    } else if (deed === 'removed') {
      this.#notes.set(path, { addedMs: still(before?.addedMs), removedMs: nowMs, at });
    } else {
      const { addedMs, removedMs } = before ?? { addedMs: -1, removedMs: -1 };
      this.#notes.set(path, { addedMs, removedMs, at });
    }
    if (this.#notes.size <= LOCAL_NOTES_MAX) return;
    const [oldest] = this.#notes.keys();
    if (oldest !== undefined) this.#notes.delete(oldest);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#feed?.close();
    this.#feed = undefined;
    for (const leased of this.#byNumber.values()) leased.number = undefined;
    this.#byNumber.clear();
    this.#notes.clear();
    this.#pending = [];
  }

  #watch(leased: Leased, path: string): boolean {
    const isFull = this.#byNumber.size >= this.#params.directoriesMax;
    const feed = isFull ? undefined : this.#open();
    const number = feed?.watch(path);
    // Another directory has this number only where the path led to it meanwhile.
    if (number === undefined || this.#byNumber.has(number)) {
      if (number === undefined && !this.#isWarned) {
        this.#params.env.log.warn({ path }, 'not watched: clients may not cache this folder');
        this.#isWarned = true;
      }
      return false;
    }
    leased.number = number;
    this.#byNumber.set(number, leased);
    return true;
  }

  #unwatch(leased: Leased): void {
    if (leased.number === undefined) return;
    this.#feed?.unwatch(leased.number);
    this.#byNumber.delete(leased.number);
    leased.number = undefined;
  }

  #open(): ChangeFeed | undefined {
    if (this.#feed !== undefined) return this.#feed;
    this.#feed = this.#params.vfs.openChangeFeed?.(() => this.#wake());
    this.#feed?.arm();
    return this.#feed;
  }

  /** T0. */
  #wake(): void {
    this.#take();
    this.#wait();
  }

  #wait(): void {
    const { others, env } = this.#params;
    const pendingMs = others === undefined ? PENDING_MS : PENDING_SHARED_MS;
    this.#timer ??= env.timers.after(pendingMs, () => this.#due());
  }

  #take(): void {
    const changes = this.#feed?.take();
    if (changes === undefined) return;
    if (changes === 'unknown') {
      const all = [...this.#byNumber.values()];
      this.#drive(this.#breakAll(all));
      return;
    }
    for (const change of changes) {
      const leased = this.#byNumber.get(change.directory);
      if (leased === undefined || isStreamsFolder(change.name, this.#params)) continue;
      this.#pending.push({ leased, change });
    }
  }

  #due(): void {
    this.#timer = undefined;
    const pending = this.#pending;
    this.#pending = [];
    this.#drive(this.#decide(pending));
    this.#feed?.arm();
    // What came while nothing was armed waits for its moment too.
    this.#take();
    if (this.#pending.length > 0) this.#wait();
  }

  *#decide(pending: readonly Pending[]): Task<void> {
    const foreign = new Set<Leased>();
    const seen = new Set<string>();
    for (const { leased, change } of pending) {
      if (leased.number === undefined || foreign.has(leased)) continue;
      const path = joinPath(this.#pathOf(leased), change.name);
      const once = `${change.kind}/${path}`;
      if (seen.has(once)) continue;
      seen.add(once);
      if (!(yield* this.#isOwn(path, change.kind))) foreign.add(leased);
    }
    yield* this.#breakAll([...foreign]);
  }

  /** T2. */
  *#breakAll(all: readonly Leased[]): Task<void> {
    for (const leased of all) {
      this.#unwatch(leased);
      yield* this.#params.breakLeases(leased.fileKey);
    }
  }

  #pathOf({ fileKey, path }: Leased): string {
    return this.#params.opens.ofFile(fileKey)[0]?.path ?? path;
  }

  *#isOwn(path: string, kind: EntryChange['kind']): Task<boolean> {
    const note = this.#notes.get(path);
    if (kind === 'added' || kind === 'moved-here') return (note?.addedMs ?? -1) >= 0;
    if (kind === 'removed' || kind === 'moved-away') return (note?.removedMs ?? -1) >= 0;
    const { vfs, opens, others } = this.#params;
    const stat = yield* wait(vfs.stat(STORE_CREDENTIALS, path, { noFollow: true }));
    if (failed(stat)) return note !== undefined;
    if (note !== undefined && fileTimeOfNs(stat.changeTimeNs) <= note.at + LATER) return true;
    const fileKey = fileKeyOf(stat);
    if (opens.ofFile(fileKey).some((open) => open.contentChanged)) return true;
    return others !== undefined && (yield* wait(others.haveOpen(fileKey)));
  }

  #drive(task: Task<void>): void {
    const { log } = this.#params.env;
    const failure = (error: unknown): void => log.error({ error: String(error) }, 'local changes');
    const done = run(task);
    if (isPromise(done)) done.catch(failure);
  }
}

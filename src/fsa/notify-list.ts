import { assert } from '../base/assert.ts';
import { align } from '../base/bytes.ts';
import { isPromise, type MaybePromise } from '../base/task.ts';
import {
  type NtStatus,
  STATUS_NOTIFY_CLEANUP,
  STATUS_NOTIFY_ENUM_DIR,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import {
  FILE_NOTIFY_CHANGE_DIR_NAME,
  FILE_NOTIFY_CHANGE_FILE_NAME,
} from '../fscc/notify-filter.ts';
import {
  FILE_ACTION_MODIFIED,
  FILE_ACTION_MODIFIED_STREAM,
  NOTIFY_HEADER_SIZE,
  type NotifyChange,
} from '../fscc/notify-information.ts';
import { parentOf, pathFromDisk } from './names.ts';

/**
 * [MS-FSA] 2.1.1.1 Volume.ChangeNotifyList: the directories of one volume that somebody watches.
 *
 * An entry (2.1.1.8) belongs to one open of a directory and lasts as long: it begins with the first
 * CHANGE_NOTIFY on that open, and this one's filter and recursion hold for all that follow
 * (smbtorture smb2.notify.mask-change). It collects events (2.1.1.9) also while no request waits.
 *
 *     idle --T0 append()--> holding --T1 take()--> idle
 *       \--T2 enqueue()--> awaited --T3 append()--> answering --T1 take()--> awaited | idle
 *
 * idle: no events, no requests. holding: events, no requests; the next request takes them at once.
 * awaited: requests wait, the oldest first. answering: the oldest was woken and takes what there is
 * when it runs, so everything that happens until then goes into one answer. Events that exceed the
 * entry's buffer are dropped as a whole and `overflowed` is set instead. T4 end() takes one request
 * out of 'awaited'; T5 remove() ends all of them and the entry.
 *
 * One event costs a look-up for each directory above the file, however many others are watched.
 */
export class ChangeNotifyList<Owner> {
  readonly #byOwner: Map<Owner, ChangeNotifyEntry> = new Map();
  /** By path on disk below the volume's root. */
  readonly #byDirectory: Map<string, ChangeNotifyEntry[]> = new Map();
  readonly #budget: Budget;
  readonly #entrySize: number;
  #observer: WatchObserver | undefined;
  #others: OtherWatchers | undefined;

  /** `entrySize` and `totalSize`: bytes of events that one entry, and all together, may hold. */
  constructor(limits: { readonly entrySize: number; readonly totalSize: number }) {
    this.#entrySize = limits.entrySize;
    this.#budget = { left: limits.totalSize };
  }

  /** Who sees to changes that others than clients make. */
  observe(observer: WatchObserver): void {
    this.#observer = observer;
  }

  /** Other processes have clients that watch, too. */
  share(others: OtherWatchers): void {
    this.#others = others;
  }

  /** Nobody watches anything: nothing needs to be told. */
  get isEmpty(): boolean {
    return this.#byOwner.size === 0 && this.#others?.areThere !== true;
  }

  entryOf(owner: Owner): ChangeNotifyEntry | undefined {
    return this.#byOwner.get(owner);
  }

  /** Begins to watch; `bufferSize` is what the first request has room for. */
  add(owner: Owner, watch: Watch, bufferSize: number): ChangeNotifyEntry {
    assert(!this.#byOwner.has(owner), `${watch.directory} is watched through this open already`);
    const capacity = Math.min(bufferSize, this.#entrySize);
    const entry = new ChangeNotifyEntry(watch, capacity, this.#budget);
    if (this.#byOwner.size === 0) this.#others?.began();
    this.#byOwner.set(owner, entry);
    this.#enter(entry);
    this.#observer?.began(watch);
    return entry;
  }

  /** T5: the open closes; its requests end with STATUS_NOTIFY_CLEANUP. */
  remove(owner: Owner): void {
    const entry = this.#byOwner.get(owner);
    if (entry === undefined) return;
    this.#byOwner.delete(owner);
    if (this.#byOwner.size === 0) this.#others?.ended();
    this.#leave(entry);
    this.#observer?.ended(entry);
    entry.isOver = true;
    entry.endAll(STATUS_NOTIFY_CLEANUP);
    entry.clear();
  }

  /** Ends all requests that wait for changes in a directory. */
  endAll(directory: string, status: NtStatus): void {
    this.endAllHere(directory, status);
    if (this.#others?.areThere === true) this.#others.endAll(directory, status);
  }

  /** Only those of this process: another one did it. */
  endAllHere(directory: string, status: NtStatus): void {
    for (const entry of this.#byDirectory.get(directory) ?? NONE) entry.endAll(status);
  }

  /** A directory has another name: it, and what is below, is watched there. */
  moved(from: string, to: string): void {
    this.movedHere(from, to);
    if (this.#others?.areThere === true) this.#others.moved(from, to);
  }

  /** Only in this process: another one did it. */
  movedHere(from: string, to: string): void {
    this.#observer?.moved(from, to);
    for (const directory of [...this.#byDirectory.keys()]) {
      if (directory !== from && !directory.startsWith(`${from}/`)) continue;
      const entries = this.#byDirectory.get(directory) ?? NONE;
      this.#byDirectory.delete(directory);
      for (const entry of entries) {
        entry.directory = to + directory.slice(from.length);
        this.#enter(entry);
      }
    }
  }

  /**
   * [MS-FSA] 2.1.4.1 Algorithm for Reporting a Change Notification for a Directory or View Index:
   * tells everybody who watches the file's directory, or with WatchTree one above it. Watchers of
   * the file itself hear nothing (Windows; smbtorture smb2.notify.basedir). Events of one call come
   * in one answer to who waits for them.
   */
  report(...events: readonly NotifyEvent[]): void {
    this.reportHere(events);
    if (this.#others?.areThere === true) this.#others.report(events);
  }

  /** Only to those of this process: another one did it. */
  reportHere(events: readonly NotifyEvent[]): void {
    for (const event of events) {
      this.#observer?.settle(event);
      this.tell(event);
    }
  }

  /** As `report`, of what the server did not do itself. */
  tell(event: NotifyEvent): void {
    const { path } = event;
    if (path === '') return;
    let directory = parentOf(path);
    this.#tell(event, directory, false);
    while (directory !== '') {
      directory = parentOf(directory);
      this.#tell(event, directory, true);
    }
  }

  /** Something happened that nobody can tell: all have to look for themselves. */
  loseAll(): void {
    for (const entry of this.#byOwner.values()) entry.lose();
  }

  #tell(event: NotifyEvent, directory: string, isBelow: boolean): void {
    const entries = this.#byDirectory.get(directory);
    if (entries === undefined) return;
    let name: string | undefined;
    for (const entry of entries) {
      if (isBelow && !entry.watchTree) continue;
      if ((entry.completionFilter & event.filter) === 0) continue;
      if ((entry.completionFilter & event.unless) !== 0) continue;
      name ??= nameOf(event, directory);
      if (isBelow) entry.appendBelow(parentOf(event.path), event.action, name);
      else entry.append(event.action, name);
    }
  }

  #enter(entry: ChangeNotifyEntry): void {
    const others = this.#byDirectory.get(entry.directory);
    if (others === undefined) this.#byDirectory.set(entry.directory, [entry]);
    else others.push(entry);
  }

  #leave(entry: ChangeNotifyEntry): void {
    const entries = this.#byDirectory.get(entry.directory);
    const at = entries?.indexOf(entry) ?? -1;
    assert(entries !== undefined && at >= 0, `${entry.directory} is not watched`);
    if (entries.length === 1) this.#byDirectory.delete(entry.directory);
    else entries.splice(at, 1);
  }
}

export interface Watch {
  readonly directory: string;
  readonly watchTree: boolean;
  readonly completionFilter: number;
  /** Whether whoever watches may know what happens in a directory below; default: all. */
  readonly mayList?: (directory: string) => MaybePromise<boolean>;
}

/** Follows which directories are watched, and comes before each event that is reported. */
export interface WatchObserver {
  began(watch: Watch): void;
  ended(watch: Watch): void;
  moved(from: string, to: string): void;
  settle(event: NotifyEvent): void;
}

/** Those who watch the same volume in other processes. */
export interface OtherWatchers {
  readonly areThere: boolean;
  /** This process has the first of its own, or no more. */
  began(): void;
  ended(): void;
  report(events: readonly NotifyEvent[]): void;
  endAll(directory: string, status: NtStatus): void;
  moved(from: string, to: string): void;
}

export interface NotifyEvent {
  readonly action: number;
  /** Tells whoever wants one of these and none of `unless`. */
  readonly filter: number;
  readonly unless: number;
  /** Of the file, on disk below the volume's root. */
  readonly path: string;
  /** '' unless the event is a named stream's. */
  readonly streamName: string;
}

/** What a request takes: changes of `size` bytes as FILE_NOTIFY_INFORMATION. */
export interface Taken {
  readonly status: NtStatus;
  readonly changes: readonly NotifyChange[];
  readonly size: number;
}

/** A request that waits; `end` is called once, with STATUS_SUCCESS when it shall `take`. */
export interface Waiter {
  end(status: NtStatus): void;
}

/** Bytes of events that all entries of a volume may still hold. */
interface Budget {
  left: number;
}

/** [MS-FSA] 2.1.1.8 Per ChangeNotifyEntry. */
export class ChangeNotifyEntry {
  directory: string;
  readonly watchTree: boolean;
  readonly completionFilter: number;
  readonly #mayList: Watch['mayList'];
  readonly #capacity: number;
  readonly #budget: Budget;
  /** Its open closed: nothing is held for it any more. */
  isOver = false;
  #events: NotifyChange[] = [];
  #size = 0;
  #overflowed = false;
  #waiters: Waiter[] = [];
  #isAnswering = false;

  constructor(watch: Watch, capacity: number, budget: Budget) {
    this.directory = watch.directory;
    this.watchTree = watch.watchTree;
    this.completionFilter = watch.completionFilter;
    this.#mayList = watch.mayList;
    this.#capacity = capacity;
    this.#budget = budget;
  }

  /** Whether a request that comes now is answered at once. */
  get isHolding(): boolean {
    if (this.#isAnswering || this.#waiters.length > 0) return false;
    return this.#overflowed || this.#events.length > 0;
  }

  /** T0, T3. */
  append(action: number, name: string): void {
    if (!this.#overflowed && !this.#isRepeated(action, name)) this.#hold({ action, name });
    this.#wakeOldest();
  }

  /** What happens in a directory further below, unless the watcher may not know. */
  appendBelow(directory: string, action: number, name: string): void {
    const may = this.#mayList?.(directory) ?? true;
    if (!isPromise(may)) {
      if (may) this.append(action, name);
      return;
    }
    void may.then((is) => {
      if (is && !this.isOver) this.append(action, name);
    });
  }

  /** Events are missing: the next request is told so. */
  lose(): void {
    this.clear();
    this.#overflowed = true;
    this.#wakeOldest();
  }

  #wakeOldest(): void {
    if (this.#isAnswering) return;
    const oldest = this.#waiters.shift();
    if (oldest === undefined) return;
    this.#isAnswering = true;
    oldest.end(STATUS_SUCCESS);
  }

  /**
   * T1. STATUS_NOTIFY_ENUM_DIR: more happened than fits the entry's or the request's buffer; all of
   * it is forgotten.
   */
  take(bufferSize: number): Taken {
    this.#isAnswering = false;
    const size = this.#size;
    const fits = !this.#overflowed && size <= bufferSize;
    const changes = fits ? this.#events : [];
    this.clear();
    if (!fits) return { status: STATUS_NOTIFY_ENUM_DIR, changes, size: 0 };
    return { status: STATUS_SUCCESS, changes, size };
  }

  /** T2. */
  enqueue(waiter: Waiter): void {
    this.#waiters.push(waiter);
  }

  /** T4: a request gives up; nothing happens when it was woken already. */
  end(waiter: Waiter, status: NtStatus): void {
    const at = this.#waiters.indexOf(waiter);
    if (at < 0) return;
    this.#waiters.splice(at, 1);
    waiter.end(status);
  }

  endAll(status: NtStatus): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.end(status);
  }

  clear(): void {
    this.#budget.left += this.#size;
    this.#events = [];
    this.#size = 0;
    this.#overflowed = false;
  }

  /** One write after the other is one change to whoever has not looked yet. */
  #isRepeated(action: number, name: string): boolean {
    if (action !== FILE_ACTION_MODIFIED && action !== FILE_ACTION_MODIFIED_STREAM) return false;
    const last = this.#events[this.#events.length - 1];
    return last !== undefined && last.action === action && last.name === name;
  }

  #hold(change: NotifyChange): void {
    const size = align(this.#size, 4) + NOTIFY_HEADER_SIZE + 2 * change.name.length;
    const added = size - this.#size;
    if (size > this.#capacity || added > this.#budget.left) {
      this.clear();
      this.#overflowed = true;
      return;
    }
    this.#budget.left -= added;
    this.#size = size;
    this.#events.push(change);
  }
}

const NONE: readonly ChangeNotifyEntry[] = [];

/** As the watcher of `directory` sees it. */
function nameOf({ path, streamName }: NotifyEvent, directory: string): string {
  const name = pathFromDisk(directory === '' ? path : path.slice(directory.length + 1));
  return streamName === '' ? name : `${name}:${streamName}`;
}

/** A file or directory came or went by this name. */
export function nameEvent(
  { path, isDirectory }: { readonly path: string; readonly isDirectory: boolean },
  action: number,
): NotifyEvent {
  const filter = isDirectory ? FILE_NOTIFY_CHANGE_DIR_NAME : FILE_NOTIFY_CHANGE_FILE_NAME;
  return { action, filter, unless: 0, path, streamName: '' };
}

/**
 * What local processes do in directories that SMB clients watch: taken from the store's change feed
 * and told as if a client had done it.
 *
 * The feed also tells what the server itself does, which it reports on its own. So before each of
 * its reports the feed is emptied, and what matches the report is dropped (`settle`). What is left
 * waits a moment (`PENDING_MS`): an operation that suspended between doing and reporting still
 * finds its own event there.
 *
 *     feed --T0 settle() or wake--> pending --T1 settle() of its own--> dropped
 *                                       \--T2 time passed, or another report on the path--> told
 */
import { isPromise, run, type Task, wait } from '../base/task.ts';
import type { Env, TimerHandle } from '../env/ports.ts';
import {
  FILE_ACTION_RENAMED_NEW_NAME,
  FILE_ACTION_RENAMED_OLD_NAME,
} from '../fscc/notify-information.ts';
import { failed } from '../vfs/errno.ts';
import type { ChangeFeed, Vfs } from '../vfs/vfs.ts';
import { eventOf, kindsOf, type LocalChange, withoutOne } from './local-change-events.ts';
import { isStreamsFolder, joinPath } from './names.ts';
import { type NotifyEvent, nameEvent, type Watch, type WatchObserver } from './notify-list.ts';
import { STORE_CREDENTIALS } from './stream-store.ts';

const PENDING_MS = 20;
/** The reports of other processes take longer. */
const PENDING_SHARED_MS = 200;
/** Directories that are entered in one turn when a tree begins to be watched. */
const TURN_DIRECTORIES = 50;
export interface LocalChangesParams {
  readonly vfs: Vfs;
  readonly env: Env;
  readonly streamsFolder: string;
  /** Directories that are watched at the most. */
  readonly directoriesMax: number;
  /** Whom to tell. */
  readonly list: { tell(event: NotifyEvent): void; loseAll(): void };
  /** Other processes of the server change things here, too. */
  readonly isShared: boolean;
}

export class LocalChanges implements WatchObserver {
  readonly #params: LocalChangesParams;
  /** Undefined before the first watch, and where the store cannot tell. */
  #feed: ChangeFeed | undefined;
  #isUnable = false;
  readonly #byPath = new Map<string, number>();
  readonly #byNumber = new Map<number, string>();
  /** How many watch a directory, and how many of them all that is below. */
  readonly #roots = new Map<string, { plain: number; tree: number }>();
  #pending: LocalChange[] = [];
  #timer: TimerHandle | undefined;
  #isWarned = false;

  constructor(params: LocalChangesParams) {
    this.#params = params;
  }

  began({ directory, watchTree }: Watch): void {
    const root = this.#roots.get(directory) ?? { plain: 0, tree: 0 };
    if (watchTree) root.tree++;
    else root.plain++;
    this.#roots.set(directory, root);
    if (!this.#open() || !this.#watch(directory)) return;
    if (watchTree && root.tree === 1) this.#background(this.#enter([directory]));
  }

  ended({ directory, watchTree }: Watch): void {
    const root = this.#roots.get(directory);
    if (root === undefined) return;
    if (watchTree) root.tree--;
    else root.plain--;
    if (root.plain === 0 && root.tree === 0) this.#roots.delete(directory);
    if (this.#roots.size === 0) this.close();
    else if (!watchTree) this.#forgetUnless(directory);
    else for (const path of [...this.#below(directory)]) this.#forgetUnless(path);
  }

  moved(from: string, to: string): void {
    for (const [path, root] of [...this.#roots]) {
      if (!isAtOrBelow(path, from)) continue;
      this.#roots.delete(path);
      this.#roots.set(to + path.slice(from.length), root);
    }
    for (const path of [...this.#below(from)]) {
      const number = this.#byPath.get(path)!;
      const next = to + path.slice(from.length);
      this.#byPath.delete(path);
      this.#byPath.set(next, number);
      this.#byNumber.set(number, next);
    }
  }

  /** T0, T1: the server reports an event of its own next. */
  settle(event: NotifyEvent): void {
    if (this.#feed === undefined) return;
    const kinds = kindsOf(event);
    if (this.#params.isShared) {
      this.#take(() => true);
      this.#pending = withoutOne(this.#pending, event.path, kinds);
      if (this.#pending.length > 0) this.#wait();
      return;
    }
    const isOwn = ({ path, kind }: LocalChange): boolean =>
      path === event.path && kinds.includes(kind);
    this.#take((change) => !isOwn(change));
    if (this.#pending.length === 0) return;
    const others = this.#pending.filter((change) => !isOwn(change));
    this.#pending = others.filter(({ path }) => path !== event.path);
    this.#tell(others.filter(({ path }) => path === event.path));
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#feed?.close();
    this.#feed = undefined;
    this.#pending = [];
    this.#byPath.clear();
    this.#byNumber.clear();
  }

  #open(): boolean {
    if (this.#feed !== undefined) return true;
    if (this.#isUnable) return false;
    this.#feed = this.#params.vfs.openChangeFeed?.(() => this.#wake());
    this.#isUnable = this.#feed === undefined;
    this.#feed?.arm();
    return !this.#isUnable;
  }

  #wake(): void {
    if (this.#feed === undefined) return;
    this.#take(() => true);
    this.#wait();
  }

  #wait(): void {
    const { isShared, env } = this.#params;
    const pendingMs = isShared ? PENDING_SHARED_MS : PENDING_MS;
    this.#timer ??= env.timers.after(pendingMs, () => this.#due());
  }

  /** T2. */
  #due(): void {
    this.#timer = undefined;
    const pending = this.#pending;
    this.#pending = [];
    this.#tell(pending);
    this.#feed?.arm();
    // What came while nothing was armed waits for its moment too.
    this.#take(() => true);
    if (this.#pending.length > 0) this.#wait();
  }

  /** Everything that the feed holds becomes pending, if `keep` says so. */
  #take(keep: (change: LocalChange) => boolean): void {
    const changes = this.#feed?.take();
    if (changes === undefined) return;
    if (changes === 'unknown') {
      this.#lost();
      return;
    }
    for (const change of changes) {
      const directory = this.#byNumber.get(change.directory);
      if (directory === undefined || isStreamsFolder(change.name, this.#params)) continue;
      const pending = { ...change, path: joinPath(directory, change.name) };
      const isKept = keep(pending);
      if (isKept) this.#pending.push(pending);
      if (change.isDirectory) this.#follow(pending, isKept);
    }
  }

  #lost(): void {
    this.#pending = [];
    this.#params.list.loseAll();
    const trees = [...this.#roots].filter(([, { tree }]) => tree > 0).map(([path]) => path);
    this.#background(this.#enter(trees));
  }

  /** A directory came or went: what is below of a watched tree comes or goes with it. */
  #follow({ kind, path }: LocalChange, isNews: boolean): void {
    if (kind === 'removed' || kind === 'moved-away') {
      for (const below of [...this.#below(path)]) this.#forget(below);
    } else if ((kind === 'added' || kind === 'moved-here') && this.#isInTree(path)) {
      this.#background(this.#enterNew(path, isNews && kind === 'added'));
    }
  }

  /** Watches what is below, and tells what was made there before it was watched. */
  *#enterNew(directory: string, isNews: boolean): Task<void> {
    const folders = [directory];
    for (let path = folders.pop(); path !== undefined; path = folders.pop()) {
      if (!this.#watch(path)) continue;
      const entries = yield* this.#entriesOf(path);
      const number = this.#byPath.get(path);
      if (number === undefined) continue;
      for (const { name, isDirectory } of entries) {
        const below = joinPath(path, name);
        if (isDirectory) folders.push(below);
        const found = { directory: number, kind: 'added', name, isDirectory, move: 0 } as const;
        if (isNews) this.#pending.push({ ...found, path: below });
      }
      // Those were seen already; what is made in a directory found here is told by its own scan.
      const seen = new Set(entries.map(({ name }) => joinPath(path, name)));
      this.#take((change) => change.kind !== 'added' || !seen.has(change.path));
    }
  }

  /** Watches trees that stand, a little at a time. */
  *#enter(trees: readonly string[]): Task<void> {
    const folders = [...trees];
    let entered = 0;
    for (let path = folders.pop(); path !== undefined; path = folders.pop()) {
      for (const { name, isDirectory } of yield* this.#entriesOf(path)) {
        const below = joinPath(path, name);
        if (!isDirectory || !this.#isInTree(below)) continue;
        if (this.#watch(below)) folders.push(below);
      }
      if (++entered % TURN_DIRECTORIES !== 0) continue;
      const { timers } = this.#params.env;
      yield* wait(timers.turn());
      if (this.#feed === undefined) return;
    }
  }

  *#entriesOf(path: string): Task<readonly { name: string; isDirectory: boolean }[]> {
    const { vfs } = this.#params;
    const directory = yield* wait(vfs.open(STORE_CREDENTIALS, path, { access: 'directory' }));
    const found: { name: string; isDirectory: boolean }[] = [];
    if (failed(directory)) return found;
    for (let rewind = true; ; rewind = false) {
      const batch = yield* wait(directory.readDirectory(rewind));
      if (failed(batch) || batch.length === 0) break;
      for (const { name, type } of batch) {
        if (isStreamsFolder(name, this.#params)) continue;
        found.push({ name, isDirectory: type === 'directory' });
      }
    }
    directory.close();
    return found;
  }

  #background(task: Task<void>): void {
    const { log } = this.#params.env;
    const failure = (error: unknown): void => log.error({ error: String(error) }, 'local changes');
    const done = run(task);
    if (isPromise(done)) done.catch(failure);
  }

  #watch(path: string): boolean {
    if (this.#feed === undefined) return false;
    if (this.#byPath.has(path)) return true;
    const isFull = this.#byPath.size >= this.#params.directoriesMax;
    const number = isFull ? undefined : this.#feed.watch(path);
    if (number === undefined) {
      if (!this.#isWarned) {
        this.#params.env.log.warn({ path }, 'not watched: local changes here go unnoticed');
      }
      this.#isWarned = true;
      return false;
    }
    this.#byPath.set(path, number);
    this.#byNumber.set(number, path);
    return true;
  }

  #forget(path: string): void {
    const number = this.#byPath.get(path);
    if (number === undefined) return;
    this.#byPath.delete(path);
    this.#byNumber.delete(number);
    this.#feed?.unwatch(number);
  }

  #forgetUnless(path: string): void {
    if (!this.#roots.has(path) && !this.#isInTree(path)) this.#forget(path);
  }

  #isInTree(path: string): boolean {
    for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) {
      if ((this.#roots.get(at)?.tree ?? 0) > 0) return true;
      if (at === '') return false;
    }
  }

  *#below(path: string): Iterable<string> {
    for (const known of this.#byPath.keys()) if (isAtOrBelow(known, path)) yield known;
  }

  #tell(changes: readonly LocalChange[]): void {
    for (let i = 0; i < changes.length; i++) {
      const change = changes[i]!;
      const next = changes[i + 1];
      const isPair =
        change.kind === 'moved-away' &&
        next?.kind === 'moved-here' &&
        next.move === change.move &&
        next.directory === change.directory;
      if (isPair) {
        this.#params.list.tell(nameEvent(change, FILE_ACTION_RENAMED_OLD_NAME));
        this.#params.list.tell(nameEvent(next, FILE_ACTION_RENAMED_NEW_NAME));
        i++;
      } else this.#params.list.tell(eventOf(change));
    }
  }
}

function isAtOrBelow(path: string, directory: string): boolean {
  return directory === '' || path === directory || path.startsWith(`${directory}/`);
}

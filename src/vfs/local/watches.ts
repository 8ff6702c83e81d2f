/** Directory watches through one inotify(7) instance. */
import { assert } from '../../base/assert.ts';
import { LE } from '../../base/bytes.ts';
import { failed } from '../errno.ts';
import type { DirectoryWatch, NameChange } from '../vfs.ts';
import {
  IN_CLOEXEC,
  IN_CREATE,
  IN_DELETE,
  IN_DELETE_SELF,
  IN_IGNORED,
  IN_MOVE_SELF,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_NONBLOCK,
  IN_ONLYDIR,
  IN_Q_OVERFLOW,
  IN_UNMOUNT,
} from './linux.ts';
import { decodeName } from './names.ts';
import * as sys from './syscalls.ts';

/**
 * Changes that one watch keeps, and all together; beyond that its owner has to forget everything.
 * The kernel keeps as many itself (fs.inotify.max_queued_events).
 */
const CHANGES_MAX = 16_384;
const ALL_CHANGES_MAX = 65_536;

/** Bytes of one event: its head, and a name with its NUL. */
const EVENT_SIZE_MAX = 16 + 256;

const MASK =
  IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
const PRESENT = IN_CREATE | IN_MOVED_TO;
const GONE = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED;

export class Watches {
  #fd = -1;
  /** By inotify's number: watches of the same directory share one. */
  readonly #byNumber = new Map<number, Set<Watch>>();
  readonly #buffer = Buffer.allocUnsafeSlow(16 * 1024);
  readonly #queued = { count: 0 };

  /** Watches the directory of a descriptor; undefined when the kernel refuses (limit reached). */
  add(dir: number): DirectoryWatch | undefined {
    if (this.#fd < 0) {
      const fd = sys.inotifyInit(IN_NONBLOCK | IN_CLOEXEC);
      if (failed(fd)) return undefined;
      this.#fd = fd;
    }
    // Of a shared number, the new watch must not see what happened before it.
    this.#drain();
    const number = sys.inotifyAdd(this.#fd, Buffer.from(`/proc/self/fd/${dir}\0`), MASK);
    if (failed(number)) return undefined;
    let sharing = this.#byNumber.get(number);
    if (sharing === undefined) {
      sharing = new Set();
      this.#byNumber.set(number, sharing);
    }
    const watch = new Watch(
      this.#queued,
      () => this.#drain(),
      () => this.#remove(number, watch),
    );
    sharing.add(watch);
    return watch;
  }

  close(): void {
    if (this.#fd >= 0) sys.close(this.#fd);
    this.#fd = -1;
    for (const sharing of this.#byNumber.values()) for (const watch of sharing) watch.end();
    this.#byNumber.clear();
  }

  #remove(number: number, watch: Watch): void {
    const sharing = this.#byNumber.get(number);
    if (sharing === undefined || !sharing.delete(watch) || sharing.size > 0) return;
    this.#byNumber.delete(number);
    sys.inotifyRemove(this.#fd, number);
  }

  /** Hands everything that the kernel holds to the watches' own queues. */
  #drain(): void {
    if (this.#fd < 0) return;
    for (;;) {
      const size = sys.read(this.#fd, this.#buffer);
      if (size <= 0) return;
      this.#distribute(size);
      // There was room for another one.
      if (size + EVENT_SIZE_MAX <= this.#buffer.length) return;
    }
  }

  /** struct inotify_event: 0 wd, 4 mask, 8 cookie, 12 len, 16 name padded with NULs. */
  #distribute(size: number): void {
    const view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, size);
    for (let at = 0; at < size; ) {
      const number = view.getInt32(at, LE);
      const mask = view.getUint32(at + 4, LE);
      const next = at + 16 + view.getUint32(at + 12, LE);
      if ((mask & IN_Q_OVERFLOW) !== 0) this.#overflow();
      else this.#event(number, mask, at + 16, next);
      at = next;
    }
  }

  #event(number: number, mask: number, at: number, end: number): void {
    const sharing = this.#byNumber.get(number);
    if (sharing === undefined) return;
    if ((mask & GONE) !== 0) {
      for (const watch of sharing) watch.end();
      if ((mask & IN_IGNORED) !== 0) this.#byNumber.delete(number);
      return;
    }
    const nul = this.#buffer.indexOf(0, at);
    const name = decodeName(this.#buffer, at, nul >= 0 && nul < end ? nul : end);
    for (const watch of sharing) watch.push({ name, present: (mask & PRESENT) !== 0 });
  }

  #overflow(): void {
    for (const sharing of this.#byNumber.values()) for (const watch of sharing) watch.lose();
  }
}

/** The watched directory itself was removed or moved: its watch tells 'unknown' for ever. */
class Watch implements DirectoryWatch {
  /** Of all watches. */
  readonly #queued: { count: number };
  readonly #drain: () => void;
  readonly #remove: () => void;
  #queue: NameChange[] = [];
  #lost = false;
  #ended = false;
  #closed = false;

  constructor(queued: { count: number }, drain: () => void, remove: () => void) {
    this.#queued = queued;
    this.#drain = drain;
    this.#remove = remove;
  }

  changes(): readonly NameChange[] | 'unknown' {
    this.#drain();
    return this.changesKnown();
  }

  changesKnown(): readonly NameChange[] | 'unknown' {
    assert(!this.#closed, 'the watch is closed');
    if (this.#ended) return 'unknown';
    if (this.#lost) {
      this.#lost = false;
      return 'unknown';
    }
    if (this.#queue.length === 0) return NONE;
    const changes = this.#queue;
    this.#clear();
    return changes;
  }

  push(change: NameChange): void {
    if (this.#lost || this.#ended) return;
    if (this.#queue.length === CHANGES_MAX || this.#queued.count === ALL_CHANGES_MAX) {
      this.lose();
      return;
    }
    this.#queue.push(change);
    this.#queued.count++;
  }

  lose(): void {
    this.#lost = true;
    this.#clear();
  }

  end(): void {
    this.#ended = true;
    this.#clear();
  }

  close(): void {
    assert(!this.#closed, 'the watch is closed already');
    this.#closed = true;
    this.#clear();
    this.#remove();
  }

  #clear(): void {
    this.#queued.count -= this.#queue.length;
    this.#queue = [];
  }
}

const NONE: readonly NameChange[] = [];

/**
 * What happens to the entries of many directories, whoever does it, through one inotify(7)
 * instance. Unlike watches.ts, which is asked when a name is looked for, this one wakes its owner.
 */
import { assert } from '../../base/assert.ts';
import { LE } from '../../base/bytes.ts';
import { failed } from '../errno.ts';
import type { ChangeFeed, EntryChange } from '../vfs.ts';
import {
  IN_ATTRIB,
  IN_CLOEXEC,
  IN_CREATE,
  IN_DELETE,
  IN_IGNORED,
  IN_ISDIR,
  IN_MODIFY,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_NONBLOCK,
  IN_ONLYDIR,
  IN_Q_OVERFLOW,
  O_DIRECTORY,
  O_PATH,
} from './linux.ts';
import type { LocalRoot } from './local-root.ts';
import { decodeName } from './names.ts';
import { onSigio, setAsync } from './sigio.ts';
import * as sys from './syscalls.ts';

const MASK =
  IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_ATTRIB | IN_ONLYDIR;

const KINDS: readonly (readonly [mask: number, kind: EntryChange['kind']])[] = [
  [IN_CREATE, 'added'],
  [IN_DELETE, 'removed'],
  [IN_MOVED_FROM, 'moved-away'],
  [IN_MOVED_TO, 'moved-here'],
  [IN_MODIFY, 'content'],
  [IN_ATTRIB, 'attributes'],
];

/** Undefined where the kernel refuses another instance. */
export function openLocalFeed(root: LocalRoot, wake: () => void): ChangeFeed | undefined {
  const fd = sys.inotifyInit(IN_NONBLOCK | IN_CLOEXEC);
  return failed(fd) ? undefined : new LocalFeed(root, fd, wake);
}

class LocalFeed implements ChangeFeed {
  readonly #root: LocalRoot;
  readonly #fd: number;
  readonly #stop: () => void;
  readonly #buffer = Buffer.allocUnsafeSlow(64 * 1024);
  readonly #watched = new Set<number>();
  #isArmed = false;
  #isClosed = false;

  constructor(root: LocalRoot, fd: number, wake: () => void) {
    this.#root = root;
    this.#fd = fd;
    this.#stop = onSigio(() => {
      if (!this.#isArmed) return;
      // The signal may be another's; to look is as cheap as to find out.
      this.#isArmed = false;
      setAsync(this.#fd, false);
      wake();
    });
  }

  watch(path: string): number | undefined {
    assert(!this.#isClosed, 'the feed is closed');
    const dir = this.#root.resolve(path, O_PATH | O_DIRECTORY, 0);
    if (failed(dir)) return undefined;
    const number = sys.inotifyAdd(this.#fd, Buffer.from(`/proc/self/fd/${dir}\0`), MASK);
    sys.close(dir);
    if (failed(number)) return undefined;
    this.#watched.add(number);
    return number;
  }

  unwatch(number: number): void {
    if (this.#watched.delete(number)) sys.inotifyRemove(this.#fd, number);
  }

  take(): readonly EntryChange[] | 'unknown' {
    assert(!this.#isClosed, 'the feed is closed');
    const changes: EntryChange[] = [];
    for (;;) {
      const size = sys.read(this.#fd, this.#buffer);
      if (size <= 0) return changes;
      if (!this.#decode(size, changes)) return 'unknown';
    }
  }

  arm(): void {
    if (this.#isArmed || this.#isClosed) return;
    this.#isArmed = true;
    setAsync(this.#fd, true);
  }

  close(): void {
    assert(!this.#isClosed, 'the feed is closed already');
    this.#isClosed = true;
    this.#isArmed = false;
    this.#stop();
    sys.close(this.#fd);
  }

  /** struct inotify_event: 0 wd, 4 mask, 8 cookie, 12 len, 16 name padded with NULs. */
  #decode(size: number, changes: EntryChange[]): boolean {
    const view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, size);
    for (let at = 0; at < size; ) {
      const directory = view.getInt32(at, LE);
      const mask = view.getUint32(at + 4, LE);
      const move = view.getUint32(at + 8, LE);
      const next = at + 16 + view.getUint32(at + 12, LE);
      if ((mask & IN_Q_OVERFLOW) !== 0) return false;
      if ((mask & IN_IGNORED) !== 0) this.#watched.delete(directory);
      const kind = KINDS.find(([bit]) => (mask & bit) !== 0)?.[1];
      // An event without a name is the directory's own.
      if (kind !== undefined && next > at + 16) {
        const nul = this.#buffer.indexOf(0, at + 16);
        const name = decodeName(this.#buffer, at + 16, nul >= 0 && nul < next ? nul : next);
        changes.push({ directory, kind, name, isDirectory: (mask & IN_ISDIR) !== 0, move });
      }
      at = next;
    }
    return true;
  }
}

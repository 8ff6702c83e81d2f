/**
 * Credentials of exactly one call.
 *
 * Linux keeps fsuid, fsgid and groups per thread. As root, `run` switches them around a synchronous
 * call and back; a switched fsuid also takes the thread's file-system capabilities away. An
 * unprivileged process, or one that is asked to act as itself, switches nothing. A call never
 * suspends inside (it answers a value, not a promise), so no other request can run as this user.
 *
 * fsuid and fsgid are back when `run` returns. The supplementary groups, the dearest to change,
 * stay until the end of the turn, for the next call of the same user:
 *
 *     own groups --run()--> a user's --run() of another--> the other's --end of turn--> own groups
 *
 * Until then the thread is root (fsuid, fsgid and capabilities), to whom groups give nothing and
 * whose new files do not take them. No thread starts meanwhile: libuv starts all of its own with
 * the first call that one of them gets, which the constructor makes.
 *
 * Costs about 7 us a call, and 5 us a turn where groups differ: the kernel copies the thread's
 * credentials for each change.
 */
import { assert } from '../../base/assert.ts';
import { EPERM, type Errno, failed } from '../errno.ts';
import type { Credentials } from '../vfs.ts';
import * as sys from './syscalls.ts';
import { startThreads } from './thread-calls.ts';

export class Impersonation {
  readonly #uid: number = sys.geteuid();
  readonly #gid: number = sys.getegid();
  #active = false;

  constructor() {
    if (this.#uid === 0) startThreads();
  }

  /** Whether `run` has to switch for these credentials. */
  needed(credentials: Credentials): boolean {
    return this.#uid === 0 && (credentials.uid !== 0 || credentials.gid !== this.#gid);
  }

  /**
   * Runs `call` as `credentials`; EPERM, without running it, when the kernel refuses the switch.
   */
  run<T>(credentials: Credentials, call: () => T): T | Errno {
    if (!this.needed(credentials)) return call();
    assert(!this.#active, 'impersonation does not nest');
    this.#active = true;
    try {
      if (!become(credentials)) return EPERM;
      return call();
    } finally {
      this.#restore();
      this.#active = false;
    }
  }

  /** The process cannot go on as a half-switched user, so a failure here ends it. */
  #restore(): void {
    sys.setfsuid(this.#uid);
    sys.setfsgid(this.#gid);
    if (sys.setfsuid(NO_ID) !== this.#uid || sys.setfsgid(NO_ID) !== this.#gid) process.abort();
  }
}

/** An id that no user has: setfsuid(2) and setfsgid(2) then only tell the present one. */
const NO_ID = -1;

/**
 * The uid goes last: it takes the right to set the others. The calls do not tell whether they
 * failed (an id may have no mapping in this user namespace), and a failed switch would act as root,
 * so each is checked.
 */
function become(credentials: Credentials): boolean {
  if (!joinGroups(credentials.groups)) return false;
  sys.setfsgid(credentials.gid);
  if (sys.setfsgid(NO_ID) !== credentials.gid) return false;
  sys.setfsuid(credentials.uid);
  return sys.setfsuid(NO_ID) === credentials.uid;
}

/** Stands for groups that are not known; equal to nobody's. */
const NO_GROUPS: readonly number[] = [];
/** Of this thread, whichever folders are shared: its own groups, and whose it has instead. */
const thread: {
  ownGroups: Uint32Array | undefined;
  groups: readonly number[] | undefined;
} = { ownGroups: undefined, groups: undefined };

function joinGroups(groups: readonly number[]): boolean {
  if (thread.groups === groups) return true;
  if (thread.ownGroups === undefined) {
    const own = sys.getgroups();
    assert(!failed(own), `getgroups failed: ${String(own)}`);
    thread.ownGroups = Uint32Array.from(own);
  }
  if (thread.groups === undefined) queueMicrotask(leaveGroups);
  thread.groups = groups;
  if (sys.setgroups(encodedGroups(groups)) === 0) return true;
  // The next call, whoever's, tries again.
  thread.groups = NO_GROUPS;
  return false;
}

/** Nothing of the turn is left to run as its last user. */
function leaveGroups(): void {
  const own = thread.ownGroups;
  assert(own !== undefined, 'no groups to go back to');
  thread.groups = undefined;
  if (sys.setgroups(own) !== 0) process.abort();
}

const encoded = new WeakMap<readonly number[], Uint32Array>();

function encodedGroups(groups: readonly number[]): Uint32Array {
  let bytes = encoded.get(groups);
  if (bytes === undefined) {
    bytes = Uint32Array.from(groups);
    encoded.set(groups, bytes);
  }
  return bytes;
}

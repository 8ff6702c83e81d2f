/**
 * Credentials of exactly one call.
 *
 * Linux keeps fsuid, fsgid and groups per thread. As root, `run` switches them around a synchronous
 * call and back; a switched fsuid also takes the thread's file-system capabilities away. An
 * unprivileged process, or one that is asked to act as itself, switches nothing. A call never
 * suspends inside (it answers a value, not a promise), so no other request can run as this user.
 *
 * Costs about 12 us: the kernel copies the thread's credentials six times.
 */
import { assert } from '../../base/assert.ts';
import { EPERM, type Errno, failed } from '../errno.ts';
import type { Credentials } from '../vfs.ts';
import * as sys from './syscalls.ts';

export class Impersonation {
  readonly #uid: number = sys.geteuid();
  readonly #gid: number = sys.getegid();
  readonly #groups: Uint32Array;
  #active = false;

  constructor() {
    const groups = sys.getgroups();
    assert(!failed(groups), `getgroups failed: ${String(groups)}`);
    this.#groups = Uint32Array.from(groups);
  }

  /** Whether `run` has to switch for these credentials. */
  needed(credentials: Credentials): boolean {
    return this.#uid === 0 && credentials.uid !== this.#uid;
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
    const groups = sys.setgroups(this.#groups);
    if (groups !== 0 || sys.setfsuid(NO_ID) !== this.#uid) process.abort();
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
  if (sys.setgroups(Uint32Array.from(credentials.groups)) !== 0) return false;
  sys.setfsgid(credentials.gid);
  if (sys.setfsgid(NO_ID) !== credentials.gid) return false;
  sys.setfsuid(credentials.uid);
  return sys.setfsuid(NO_ID) === credentials.uid;
}

/**
 * Accounts without POSIX ids of their own, given those of this machine's user of the same name:
 * `posix_users = "nss"`. Asked for at each logon, after the account proved itself, so that nothing
 * about other names is told by the time that it takes; one at a time, so that a directory service
 * that does not answer holds one thread and no more.
 */
import type { Acceptor, AcceptStep, Authenticator } from '../auth/acceptor.ts';
import { isPromise, type MaybePromise } from '../base/task.ts';
import type { Log } from '../env/ports.ts';
import type { UnixIds } from './accounts.ts';
import { findPosixUserLater, type PosixUser } from './nss.ts';

export interface PosixUsersParams {
  readonly authenticator: Authenticator;
  readonly log: Log;
  /** Told what was found, for those who show owners. */
  readonly learned: (userName: string, ids: UnixIds) => void;
  readonly find?: (name: string) => Promise<PosixUser | undefined>;
}

export function withPosixUsers(params: PosixUsersParams): Authenticator {
  const { authenticator } = params;
  const ids = new PosixUsers(params);
  return {
    hint: authenticator.hint,
    newAcceptor: (): Acceptor => {
      const acceptor = authenticator.newAcceptor();
      return { step: (token) => ids.complete(acceptor.step(token)) };
    },
  };
}

class PosixUsers {
  readonly #params: PosixUsersParams;
  #last: Promise<unknown> = Promise.resolve();

  constructor(params: PosixUsersParams) {
    this.#params = params;
  }

  complete(step: MaybePromise<AcceptStep>): MaybePromise<AcceptStep> {
    if (isPromise(step)) return step.then((done) => this.#complete(done));
    return this.#complete(step);
  }

  #complete(step: AcceptStep): MaybePromise<AcceptStep> {
    if (step.kind !== 'done') return step;
    const { isAnonymous, isGuest, uid } = step.identity;
    if (isAnonymous || isGuest || uid !== undefined) return step;
    const added = this.#last.then(() => this.#withIds(step));
    this.#last = added;
    return added;
  }

  /** Never fails: an account of which nothing is known acts as one without ids. */
  async #withIds(step: AcceptStep & { readonly kind: 'done' }): Promise<AcceptStep> {
    const { log, learned, find = findPosixUserLater } = this.#params;
    const { identity } = step;
    const { userName } = identity;
    try {
      const user = (await find(userName)) ?? (await find(userName.toLowerCase()));
      if (user === undefined || user.uid === 0) {
        // Nobody becomes root by a name: that takes the share's `administrators`.
        log.warn({ user: userName }, 'no POSIX user of this name; acts as the owner of the share');
        return step;
      }
      const { uid, gid, gids } = user;
      learned(userName, { uid, gid, gids });
      return { ...step, identity: { ...identity, uid, gid, gids } };
    } catch (error) {
      log.error({ user: userName, reason: (error as Error).message }, 'POSIX user not looked up');
      return step;
    }
  }
}

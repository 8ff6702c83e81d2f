import type { Guid } from '../wire/guid.ts';
import type { Request } from './request.ts';
import type { Open } from './state/open.ts';

/**
 * [MS-SMB2] 3.3.5.9.10: CREATEs with a CreateGuid whose answers may have been lost, by client and
 * guid: those that still wait, and their opens as long as Open.IsReplayEligible.
 *
 *     (none) --T0 begin()--> pending --T1 settle()--> eligible --T3 forget(): used, or closed
 *                               +----T2 end(): it failed
 */
export class CreateReplays {
  readonly #known = new Map<string, Open | Request>();

  find(key: string): Open | Request | undefined {
    return this.#known.get(key);
  }

  begin(key: string, request: Request): void {
    this.#known.set(key, request);
  }

  settle(key: string, open: Open): void {
    this.#known.set(key, open);
    open.replayKey = key;
  }

  /** The CREATE came to nothing; does nothing once it settled. */
  end(key: string, request: Request): void {
    if (this.#known.get(key) === request) this.#known.delete(key);
  }

  /** The client uses the open, so that it has its answer; or the open closed. */
  forget(open: Open): void {
    const { replayKey } = open;
    if (replayKey === undefined) return;
    open.replayKey = undefined;
    if (this.#known.get(replayKey) === open) this.#known.delete(replayKey);
  }
}

export function replayKeyOf(clientGuid: Guid, createGuid: Guid): string {
  return `${clientGuid}:${createGuid}`;
}

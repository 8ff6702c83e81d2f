import type { SecurityContext } from '../../fsa/security-context.ts';
import type { Guid } from '../wire/guid.ts';
import type { Open } from './state/open.ts';

/** [MS-SMB2] 3.3.1.10 Open.AppInstanceId, Open.ApplicationInstanceVersionHigh and …Low. */
export interface AppInstance {
  readonly id: Guid;
  /** High and low part as one number; undefined: the client gave none. */
  readonly version: bigint | undefined;
}

/** A CREATE of an instance that may have the file open on another client. Plain data. */
export interface InstanceMove {
  readonly shareName: string;
  /** As the CREATE has it. */
  readonly name: string;
  /** Of the client that it comes from. */
  readonly clientGuid: Guid;
  readonly instance: AppInstance;
  readonly security: SecurityContext;
}

/** The opens of applications that move between machines, by their instance id. */
export class AppInstances {
  readonly #opens = new Map<Guid, Set<Open>>();

  add(open: Open): void {
    const { appInstance } = open;
    if (appInstance === undefined) return;
    const known = this.#opens.get(appInstance.id);
    if (known === undefined) this.#opens.set(appInstance.id, new Set([open]));
    else known.add(open);
  }

  remove(open: Open): void {
    const { appInstance } = open;
    if (appInstance === undefined) return;
    const known = this.#opens.get(appInstance.id);
    if (known?.delete(open) && known.size === 0) this.#opens.delete(appInstance.id);
  }

  /** A copy. */
  opensOf(id: Guid): readonly Open[] {
    return [...(this.#opens.get(id) ?? [])];
  }
}

/**
 * [MS-SMB2] 3.3.5.9.13 and 3.3.5.9.15: what an open of the same instance on another client has to
 * do for a new one. 'refuse': the new one is no newer, or does not tell, and its machine has been
 * left.
 */
export function decideTakeOver(held: AppInstance, wanted: AppInstance): 'close' | 'refuse' {
  if (held.version === undefined) return 'close';
  return wanted.version !== undefined && wanted.version > held.version ? 'close' : 'refuse';
}

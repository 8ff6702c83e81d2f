import type { Limits } from '../../base/limits.ts';
import { SharedLimit } from '../../state/shared-limit.ts';
import type { Smb2ServerOptions } from './options.ts';

type Options = Pick<Smb2ServerOptions, 'limits' | 'serverId' | 'store' | 'peers'>;

/** A limit that counts for all processes of the server, where there are others. */
export function limitOfAll(
  { limits, serverId, store, peers }: Options,
  name: keyof Limits,
): SharedLimit {
  return new SharedLimit({ name, max: limits[name], serverId, store: peers && store });
}

/** A CREATE that is sent again may have run in another process of the server. */

import { replayKeyOf } from './create-replays.ts';
import type { CreateName } from './options.ts';
import { Request } from './request.ts';
import type { Smb2Server } from './server.ts';

/** The answer of a process where it still waits, or whose open the client has used. */
export const NOT_AGAIN = 0n;

/** The persistent id of the open that the CREATE made in this process; undefined: none. */
export function foreignCreateOf(
  { createReplays, durableOpens }: Smb2Server,
  { clientGuid, createGuid }: CreateName,
): bigint | undefined {
  const known = createReplays.find(replayKeyOf(clientGuid, createGuid));
  if (known instanceof Request) return NOT_AGAIN;
  if (known !== undefined) return known.fileId.persistent;
  const isUsed = durableOpens.findPersistent(clientGuid, createGuid) !== undefined;
  return isUsed ? NOT_AGAIN : undefined;
}

import { LE, viewOf } from '../../base/bytes.ts';
import type { FileId } from '../wire/file-id.ts';
import type { Smb2Server } from './server.ts';

/**
 * A session id that nobody can guess and that names no session yet; never 0 or all ones, which mean
 * "none" on the wire.
 */
export function getSessionId(server: Smb2Server): bigint {
  for (;;) {
    const sessionId = randomId(server);
    if (sessionId !== 0n && sessionId !== FILE_ID_ALL_ONES && !server.sessions.has(sessionId)) {
      return sessionId;
    }
  }
}

export const FILE_ID_ALL_ONES = 0xffff_ffff_ffff_ffffn;
let nextPersistent = 1n;

/** [MS-SMB2] 2.2.14.1: the volatile part is unguessable, the persistent one unique. */
export function makeFileId(server: Smb2Server): FileId {
  let volatile = randomId(server);
  while (volatile === 0n || volatile === FILE_ID_ALL_ONES) volatile = randomId(server);
  return { persistent: nextPersistent++, volatile };
}

function randomId(server: Smb2Server): bigint {
  return viewOf(server.options.env.random.bytes(8)).getBigUint64(0, LE);
}

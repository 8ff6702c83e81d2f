import { LE, viewOf } from '../../base/bytes.ts';
import type { FileId } from '../wire/file-id.ts';
import type { Smb2Server } from './server.ts';

/**
 * A session id that names no session yet; never 0, which means "none" on the wire. It is random so
 * that a lost session's id is not met again soon, but no secret. 32 bits, as Samba's: some clients
 * keep no more (smbtorture's session-id among them).
 */
export function getSessionId(server: Smb2Server): bigint {
  for (;;) {
    const sessionId = randomId(server) & 0xffff_ffffn;
    if (sessionId !== 0n && !server.sessions.has(sessionId)) return sessionId;
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

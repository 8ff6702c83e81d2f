/** What an administrator ends, named as `serverStatus` names it. False: there is none any more. */
import type { Task } from '../../base/task.ts';
import { closeOpen, closeSession, closeShare } from './closing.ts';
import type { Smb2Server } from './server.ts';
import { allOpens, idOfOpen, idOfSession } from './status.ts';

/** [MS-SMB2] 3.3.4.12 Server Application Requests Closing a Session. */
export function* closeSessionById(server: Smb2Server, id: string): Task<boolean> {
  for (const session of server.sessions.values()) {
    if (idOfSession(session) !== id) continue;
    yield* closeSession(server, session);
    return true;
  }
  return false;
}

/** [MS-SMB2] 3.3.4.17 Server Application Requests Closing an Open, whose client may be away. */
export function* closeOpenById(server: Smb2Server, id: string): Task<boolean> {
  for (const open of allOpens(server)) {
    if (idOfOpen(open) !== id) continue;
    yield* closeOpen(server, open);
    return true;
  }
  return false;
}

/** Ends all tree connects and opens of the share; clients may connect to it again. */
export function* closeShareByName(server: Smb2Server, name: string): Task<boolean> {
  const share = server.findShare(name);
  if (share === undefined) return false;
  yield* closeShare(server, share);
  return true;
}

/** What an administrator ends, named as `serverStatus` names it. False: there is none any more. */
import type { Task } from '../../base/task.ts';
import { closeOpen, closeSession, closeTreeConnect } from './closing.ts';
import type { Smb2Server } from './server.ts';
import type { Open } from './state/open.ts';
import { idOfOpen, idOfSession } from './status.ts';

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

function* allOpens(server: Smb2Server): Iterable<Open> {
  for (const session of server.sessions.values()) yield* session.opens.values();
  yield* server.durableOpens.disconnected();
}

/** Ends all tree connects and opens of the share; clients may connect to it again. */
export function* closeShareByName(server: Smb2Server, name: string): Task<boolean> {
  const share = server.findShare(name);
  if (share === undefined) return false;
  for (const session of [...server.sessions.values()]) {
    for (const treeConnect of [...session.treeConnects.values()]) {
      if (treeConnect.share === share) yield* closeTreeConnect(server, treeConnect);
    }
  }
  for (const open of server.durableOpens.disconnected()) {
    if (open.treeConnect.share === share) yield* closeOpen(server, open);
  }
  return true;
}

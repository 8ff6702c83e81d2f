import { type Task, wait } from '../../base/task.ts';
import type { NtStatus } from '../../erref/ntstatus.ts';
import { closeOpen as closeLocalOpen } from '../../fsa/close.ts';
import type { Smb2Server } from './server.ts';
import type { Open } from './state/open.ts';
import type { Session } from './state/session.ts';
import type { TreeConnect } from './state/tree-connect.ts';

/** [MS-SMB2] 3.3.4.17 Server Application Requests Closing an Open. */
export function* closeOpen(server: Smb2Server, open: Open): Task<NtStatus> {
  if (open.closed) return 0;
  open.closed = true;
  open.session.opens.delete(open.fileId.volatile);
  open.treeConnect.openCount--;
  server.openCount--;
  open.pipe?.close();
  server.oplockHolders.remove(open);
  if (open.inFlight > 0) {
    yield* wait(
      new Promise<void>((resolve) => {
        open.whenIdle = resolve;
      }),
    );
  }
  return open.localOpen === undefined ? 0 : yield* closeLocalOpen(open.localOpen);
}

/** [MS-SMB2] 3.3.5.8 Receiving an SMB2 TREE_DISCONNECT Request: its opens go with it. */
export function* closeTreeConnect(server: Smb2Server, treeConnect: TreeConnect): Task<void> {
  const { session } = treeConnect;
  session.treeConnects.delete(treeConnect.treeId);
  for (const open of [...session.opens.values()]) {
    if (open.treeConnect === treeConnect) yield* closeOpen(server, open);
  }
}

/** [MS-SMB2] 3.3.5.6 Receiving an SMB2 LOGOFF Request, 3.3.4.12 Closing a Session. */
export function* closeSession(server: Smb2Server, session: Session): Task<void> {
  if (session.state === 'gone') return;
  session.become('gone');
  server.sessions.delete(session.sessionId);
  const connections = [...session.channels.keys(), ...session.authentications.keys()];
  for (const connection of connections) connection.sessions.delete(session.sessionId);
  // A close ends what waits on the open (locks, notifies) with a status of its own.
  for (const open of [...session.opens.values()]) yield* closeOpen(server, open);
  for (const connection of connections) {
    for (const request of [...connection.waiting.values()]) {
      const isOurs = request.session === session && request.asyncId !== 0n;
      if (isOurs && request.open === undefined) request.cancel();
    }
  }
  session.treeConnects.clear();
  session.channels.clear();
  session.authentications.clear();
}

import {
  type NtStatus,
  STATUS_FILE_CLOSED,
  STATUS_NETWORK_NAME_DELETED,
} from '../../../erref/ntstatus.ts';
import type { Request } from '../request.ts';
import type { TreeConnect } from '../state/tree-connect.ts';

/** A CREATE may have waited: session and tree connect are looked up again (style.md 12). */
export function whyGone(request: Request, treeConnect: TreeConnect): NtStatus {
  const { session, treeId } = treeConnect;
  const isLost = request.connection.closed && !request.isReplayable;
  if (isLost || session.state === 'gone') return STATUS_FILE_CLOSED;
  return session.treeConnects.get(treeId) === treeConnect ? 0 : STATUS_NETWORK_NAME_DELETED;
}

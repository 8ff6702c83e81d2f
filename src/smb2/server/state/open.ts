import { type NtStatus, STATUS_FILE_CLOSED } from '../../../erref/ntstatus.ts';
import type { LocalOpen } from '../../../fsa/local-open.ts';
import type { Pipe } from '../../../rpce/pipe.ts';
import type { FileId } from '../../wire/file-id.ts';
import type { AppInstance } from '../app-instances.ts';
import type { SequenceCounters } from '../channel-sequence.ts';
import type { DurableRecord } from './durable-record.ts';
import type { Session } from './session.ts';
import type { TreeConnect } from './tree-connect.ts';

/**
 * [MS-SMB2] 3.3.1.10 Per Open. What is behind it: a file of the object store, or a named pipe.
 *
 *     (CREATE) --T0 addOpen()--> connected --T1 closeOpen()-----------------+--> closed
 *                                  |    ^                                   |
 *           T2 disconnectOpen() ---+    +--- T3 reconnectOpen()             |
 *                                  v    |                                   |
 *                               disconnected --T4 closeOpen(): purged, -----+
 *                                              overdue, its share or user gone
 *
 * connected: in its session's table, under `fileId.volatile`. disconnected: in `DurableOpens` only;
 * the file stays open, with its share mode, locks and lease; `session` and `treeConnect` are those
 * it lost. Only an open with a `durable` record gets there.
 */
export interface Open extends SequenceCounters {
  /** A reconnect gives it another volatile part. */
  fileId: FileId;
  session: Session;
  treeConnect: TreeConnect;
  readonly localOpen: LocalOpen | undefined;
  readonly pipe: Pipe | undefined;
  readonly grantedAccess: number;
  /** Open.ResumeKey of FSCTL_SRV_REQUEST_RESUME_KEY: 24 bytes, made when first asked for. */
  resumeKey: string | undefined;
  state: 'connected' | 'disconnected' | 'closed';
  /** Open.IsDurable, Open.IsResilient: as it stands in the store. */
  durable: DurableRecord | undefined;
  /** What its CREATE answered: FILE_OPENED, FILE_CREATED … */
  readonly createAction: number;
  /** Set while Open.IsReplayEligible: its place in `CreateReplays`. */
  replayKey: string | undefined;
  /** Open.LockSequenceArray, made when first needed. */
  lockSequences: Uint8Array | undefined;
  readonly appInstance: AppInstance | undefined;
  /** Requests on a file that wait for storage: a close lets them end first. */
  inFlight: number;
  whenIdle: (() => void) | undefined;
}

/** What a look-up of a file id gives: the open, or the status that the request fails with. */
export type OpenOrStatus = Open | NtStatus;
export const FILE_CLOSED_STATUS: NtStatus = STATUS_FILE_CLOSED;

import { type NtStatus, STATUS_FILE_CLOSED } from '../../../erref/ntstatus.ts';
import type { LocalOpen } from '../../../fsa/local-open.ts';
import type { Pipe } from '../../../rpce/pipe.ts';
import type { FileId } from '../../wire/file-id.ts';
import type { Session } from './session.ts';
import type { TreeConnect } from './tree-connect.ts';

/** [MS-SMB2] 3.3.1.10 Per Open. What is behind it: a file of the object store, or a named pipe. */
export interface Open {
  readonly fileId: FileId;
  readonly session: Session;
  readonly treeConnect: TreeConnect;
  readonly localOpen: LocalOpen | undefined;
  readonly pipe: Pipe | undefined;
  readonly grantedAccess: number;
  /** Open.ResumeKey of FSCTL_SRV_REQUEST_RESUME_KEY: 24 bytes, made when first asked for. */
  resumeKey: string | undefined;
  closed: boolean;
  /** Requests on a file that wait for storage: a close lets them end first. */
  inFlight: number;
  whenIdle: (() => void) | undefined;
}

/** What a look-up of a file id gives: the open, or the status that the request fails with. */
export type OpenOrStatus = Open | NtStatus;
export const FILE_CLOSED_STATUS: NtStatus = STATUS_FILE_CLOSED;

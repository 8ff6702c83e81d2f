/** How an open comes into being once it is decided: its entry in the record and its local half. */
import { type Task, wait } from '../base/task.ts';
import { type NtStatus, STATUS_SUCCESS } from '../erref/ntstatus.ts';
import { FILE_DELETE_ON_CLOSE } from '../fscc/create-parameters.ts';
import { upcase } from '../fscc/upcase.ts';
import type { VfsFile } from '../vfs/vfs.ts';
import { decideOpen } from './decide-open.ts';
import type { NtError } from './errno-to-ntstatus.ts';
import type { OpenEntry } from './file-record.ts';
import type { LocalOpen } from './local-open.ts';
import type { OpenRequest } from './open-request.ts';

export interface Entrance {
  readonly file: VfsFile;
  readonly fileKey: string;
  readonly path: string;
  readonly isDirectory: boolean;
  readonly granted: number;
  /** What the disposition does besides: part of the sharing check. */
  readonly implied: number;
  readonly streamName: string;
}

/**
 * The open, entered into the file's record.
 *
 * STATUS_DELETE_PENDING and STATUS_SHARING_VIOLATION as in `decideOpen`; then `file` is still the
 * caller's to close.
 */
export function* enterOpen(request: OpenRequest, entrance: Entrance): Task<LocalOpen | NtError> {
  const { volume, security } = request;
  const { fileKey, path, granted, isDirectory, streamName } = entrance;
  const openId = volume.opens.nextId(volume.id);
  const streamKey = streamName === '' ? '' : upcase(streamName);
  const entry: OpenEntry = {
    openId,
    serverId: volume.serverId,
    volumeId: volume.id,
    path,
    streamKey,
    grantedAccess: granted,
    shareAccess: request.shareAccess,
    deleteOnClose: (request.options & FILE_DELETE_ON_CLOSE) !== 0,
  };
  const proposal = { entry, isDirectory, effectiveAccess: granted | entrance.implied };
  const status: NtStatus = yield* wait(
    volume.files.update(fileKey, (current) => decideOpen(current, proposal)),
  );
  if (status !== STATUS_SUCCESS) return status;
  const open: LocalOpen = {
    volume,
    security,
    openId,
    fileKey,
    file: entrance.file,
    isDirectory,
    streamName,
    streamKey,
    backing: undefined,
    grantedAccess: granted,
    shareAccess: request.shareAccess,
    createOptions: request.options,
    path,
    mode: request.options & MODE_OPTIONS,
    position: 0n,
    cursor: undefined,
    userSetModificationTime: false,
    userSetAccessTime: false,
    closed: false,
  };
  volume.opens.add(open);
  return open;
}

/** [MS-FSCC] 2.4.31 FileModeInformation: the create options that stay with an open. */
const MODE_OPTIONS = 0x0000_103e;

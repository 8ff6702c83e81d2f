import type { Task } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_FILE_CLOSED,
  STATUS_FS_DRIVER_REQUIRED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
} from '../../../erref/ntstatus.ts';
import type { LocalOpen } from '../../../fsa/local-open.ts';
import {
  FSCTL_CREATE_OR_GET_OBJECT_ID,
  FSCTL_DELETE_OBJECT_ID,
  FSCTL_DELETE_REPARSE_POINT,
  FSCTL_DFS_GET_REFERRALS,
  FSCTL_DFS_GET_REFERRALS_EX,
  FSCTL_DUPLICATE_EXTENTS_TO_FILE,
  FSCTL_DUPLICATE_EXTENTS_TO_FILE_EX,
  FSCTL_FILE_LEVEL_TRIM,
  FSCTL_GET_COMPRESSION,
  FSCTL_GET_INTEGRITY_INFORMATION,
  FSCTL_GET_OBJECT_ID,
  FSCTL_GET_REPARSE_POINT,
  FSCTL_LMR_REQUEST_RESILIENCY,
  FSCTL_OFFLOAD_READ,
  FSCTL_OFFLOAD_WRITE,
  FSCTL_PIPE_TRANSCEIVE,
  FSCTL_PIPE_WAIT,
  FSCTL_QUERY_ALLOCATED_RANGES,
  FSCTL_QUERY_FILE_REGIONS,
  FSCTL_QUERY_NETWORK_INTERFACE_INFO,
  FSCTL_SET_COMPRESSION,
  FSCTL_SET_INTEGRITY_INFORMATION,
  FSCTL_SET_INTEGRITY_INFORMATION_EX,
  FSCTL_SET_OBJECT_ID,
  FSCTL_SET_OBJECT_ID_EXTENDED,
  FSCTL_SET_REPARSE_POINT,
  FSCTL_SET_SPARSE,
  FSCTL_SET_ZERO_DATA,
  FSCTL_SRV_COPYCHUNK,
  FSCTL_SRV_COPYCHUNK_WRITE,
  FSCTL_SRV_ENUMERATE_SNAPSHOTS,
  FSCTL_SRV_REQUEST_RESUME_KEY,
  FSCTL_VALIDATE_NEGOTIATE_INFO,
} from '../../../fscc/fsctl.ts';
import { SMB2_0_IOCTL_IS_FSCTL } from '../../wire/constants.ts';
import { decodeIoctlRequest } from '../../wire/ioctl.ts';
import type { Request } from '../request.ts';
import type { Open } from '../state/open.ts';
import { type Ioctl, makeIoctl } from './ioctl-call.ts';
import { copyChunks, duplicateToFile, requestResumeKey } from './ioctl-copychunk.ts';
import {
  getCompressionState,
  queryRanges,
  queryRegions,
  setCompressionState,
  setSparseFlag,
  trimRanges,
  zeroData,
} from './ioctl-file.ts';
import {
  getIntegrityInformation,
  setIntegrityInformation,
  setIntegrityInformationEx,
} from './ioctl-integrity.ts';
import { queryInterfaces, validateNegotiate } from './ioctl-negotiate.ts';
import {
  createOrGetObjectId,
  deleteObjectId,
  getObjectId,
  setObjectId,
  setObjectIdExtended,
} from './ioctl-object-id.ts';
import { readToToken, writeFromToken } from './ioctl-offload.ts';
import { pipeTransceive, pipeWait } from './ioctl-pipe.ts';
import { deleteReparseData, getReparseData, setReparseData } from './ioctl-reparse.ts';
import { requestResiliency } from './ioctl-resilient.ts';
import { enumerateSnapshots } from './ioctl-snapshots.ts';
import { handleTortureControl, isTortureControl } from './ioctl-torture.ts';

type OpenlessHandler = (call: Ioctl) => Task<NtStatus | undefined>;
type OpenHandler = (call: Ioctl, open: Open) => Task<NtStatus>;
type FileHandler = (call: Ioctl, open: LocalOpen) => Task<NtStatus>;

/** Those that name no open: their FileId is all ones. */
const OPENLESS: ReadonlyMap<number, OpenlessHandler> = new Map<number, OpenlessHandler>([
  [FSCTL_VALIDATE_NEGOTIATE_INFO, validateNegotiate],
  [FSCTL_QUERY_NETWORK_INTERFACE_INFO, queryInterfaces],
  [FSCTL_PIPE_WAIT, pipeWait],
  [FSCTL_DFS_GET_REFERRALS, refuseReferral],
  [FSCTL_DFS_GET_REFERRALS_EX, refuseReferral],
]);

const ON_OPENS: ReadonlyMap<number, OpenHandler> = new Map<number, OpenHandler>([
  [FSCTL_PIPE_TRANSCEIVE, pipeTransceive],
  [FSCTL_LMR_REQUEST_RESILIENCY, requestResiliency],
  [FSCTL_SRV_REQUEST_RESUME_KEY, requestResumeKey],
  [FSCTL_SRV_COPYCHUNK, copyChunks],
  [FSCTL_SRV_COPYCHUNK_WRITE, copyChunks],
  [FSCTL_DUPLICATE_EXTENTS_TO_FILE, duplicateToFile],
  [FSCTL_DUPLICATE_EXTENTS_TO_FILE_EX, duplicateToFile],
]);

const ON_FILES: ReadonlyMap<number, FileHandler> = new Map<number, FileHandler>([
  [FSCTL_SET_SPARSE, setSparseFlag],
  [FSCTL_SET_ZERO_DATA, zeroData],
  [FSCTL_QUERY_ALLOCATED_RANGES, queryRanges],
  [FSCTL_GET_COMPRESSION, getCompressionState],
  [FSCTL_SET_COMPRESSION, setCompressionState],
  [FSCTL_CREATE_OR_GET_OBJECT_ID, createOrGetObjectId],
  [FSCTL_GET_OBJECT_ID, getObjectId],
  [FSCTL_SET_OBJECT_ID, setObjectId],
  [FSCTL_SET_OBJECT_ID_EXTENDED, setObjectIdExtended],
  [FSCTL_DELETE_OBJECT_ID, deleteObjectId],
  [FSCTL_GET_INTEGRITY_INFORMATION, getIntegrityInformation],
  [FSCTL_SET_INTEGRITY_INFORMATION, setIntegrityInformation],
  [FSCTL_SET_INTEGRITY_INFORMATION_EX, setIntegrityInformationEx],
  [FSCTL_FILE_LEVEL_TRIM, trimRanges],
  [FSCTL_QUERY_FILE_REGIONS, queryRegions],
  [FSCTL_OFFLOAD_READ, readToToken],
  [FSCTL_OFFLOAD_WRITE, writeFromToken],
  [FSCTL_GET_REPARSE_POINT, getReparseData],
  [FSCTL_SET_REPARSE_POINT, setReparseData],
  [FSCTL_DELETE_REPARSE_POINT, deleteReparseData],
  [FSCTL_SRV_ENUMERATE_SNAPSHOTS, enumerateSnapshots],
]);

/** [MS-SMB2] 3.3.5.15 Receiving an SMB2 IOCTL Request. */
export function* handleIoctl(request: Request): Task<NtStatus | undefined> {
  const ioctl = decodeIoctlRequest(request.view, request.body, request.end);
  if (ioctl === undefined) return STATUS_INVALID_PARAMETER;
  if (ioctl.flags !== SMB2_0_IOCTL_IS_FSCTL) return STATUS_NOT_SUPPORTED;
  const outputMax = Math.max(ioctl.maxOutputResponse, ioctl.maxInputResponse);
  const { maxTransactSize } = request.connection;
  if (ioctl.input.length > maxTransactSize || outputMax > maxTransactSize) {
    return STATUS_INVALID_PARAMETER;
  }
  if (!request.chargeCovers(Math.max(ioctl.input.length, outputMax))) {
    return STATUS_INVALID_PARAMETER;
  }
  const call = makeIoctl(request, ioctl);
  const status = yield* control(call);
  if (status === 0 && request.reply === undefined) call.output(0, () => {});
  return status;
}

function* control(call: Ioctl): Task<NtStatus | undefined> {
  const { request, ioctl } = call;
  if (isTortureControl(call)) return yield* handleTortureControl(call);
  const openless = OPENLESS.get(ioctl.ctlCode);
  if (openless !== undefined) return yield* openless(call);
  const open = request.findOpen(ioctl.fileId);
  if (typeof open === 'number') return open;
  const onOpen = ON_OPENS.get(ioctl.ctlCode);
  if (onOpen !== undefined) return yield* onOpen(call, open);
  if (open.localOpen === undefined) return STATUS_NOT_SUPPORTED;
  const onFile = ON_FILES.get(ioctl.ctlCode);
  // [MS-FSCC] 2.3: a file system that does not know a control code answers this.
  return onFile === undefined ? STATUS_INVALID_DEVICE_REQUEST : yield* onFile(call, open.localOpen);
}

/** No DFS here: [MS-SMB2] 3.3.5.15.2. */
function* refuseReferral(call: Ioctl): Task<NtStatus> {
  return call.request.treeConnect === undefined ? STATUS_FILE_CLOSED : STATUS_FS_DRIVER_REQUIRED;
}

import { toOffset, viewOf } from '../../../base/bytes.ts';
import type { Task } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_PRIVILEGE_NOT_HELD,
} from '../../../erref/ntstatus.ts';
import { setEas } from '../../../fsa/ea.ts';
import {
  setAllocation,
  setBasic,
  setDisposition,
  setEndOfFile,
  setMode,
  setPosition,
} from '../../../fsa/information.ts';
import type { LocalOpen } from '../../../fsa/local-open.ts';
import { linkFile, renameFile } from '../../../fsa/rename.ts';
import { setSecurity } from '../../../fsa/security.ts';
import type { CancelSignal } from '../../../fsa/surface.ts';
import { decodeFullEaList } from '../../../fscc/ea.ts';
import { decodeBasicInformation } from '../../../fscc/file-information.ts';
import {
  FileAllocationInformation,
  FileBasicInformation,
  FileDispositionInformation,
  FileDispositionInformationEx,
  FileEndOfFileInformation,
  FileFullEaInformation,
  FileLinkInformation,
  FileLinkInformationEx,
  FileModeInformation,
  FilePipeInformation,
  FilePositionInformation,
  FileRenameInformation,
  FileRenameInformationEx,
  FileValidDataLengthInformation,
} from '../../../fscc/info-classes.ts';
import { refusedFileSet, refusedFsSet } from '../../../fscc/refused-classes.ts';
import {
  decodeDisposition,
  decodeDispositionEx,
  decodeFileSize,
  decodeMode,
  decodeNewName,
  FILE_DISPOSITION_DELETE,
  FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE,
  FILE_DISPOSITION_ON_CLOSE,
  FILE_DISPOSITION_POSIX_SEMANTICS,
} from '../../../fscc/set-information.ts';
import {
  SMB2_0_INFO_FILE,
  SMB2_0_INFO_FILESYSTEM,
  SMB2_0_INFO_QUOTA,
  SMB2_0_INFO_SECURITY,
} from '../../wire/constants.ts';
import {
  decodeSetInfoRequest,
  encodeSetInfoResponse,
  type SetInfoRequest,
} from '../../wire/set-info.ts';
import type { Request } from '../request.ts';
import type { Open } from '../state/open.ts';

/**
 * [MS-SMB2] 3.3.5.21 Receiving an SMB2 SET_INFO Request.
 *
 * Windows: one that waits for others' handle leases to break, wherever it stands in a compound,
 * sends no interim response (smbtorture smb2.compound_async.rename_last and its siblings).
 */
export function* handleSetInfo(request: Request): Task<NtStatus> {
  const set = decodeSetInfoRequest(request.view, request.body, request.end);
  if (set === undefined) return STATUS_INVALID_PARAMETER;
  const open = request.findOpen(set.fileId);
  if (typeof open === 'number') return open;
  if (set.buffer.length > request.connection.maxTransactSize) return STATUS_INVALID_PARAMETER;
  if (!request.chargeCovers(set.buffer.length)) return STATUS_INVALID_PARAMETER;
  request.waitsSilently = true;
  const status = yield* setInformation(open, set, request);
  if (status !== 0) return status;
  const reply = request.room(4);
  reply.finish(encodeSetInfoResponse(reply.view, reply.body));
  return 0;
}

function* setInformation(open: Open, set: SetInfoRequest, cancel: CancelSignal): Task<NtStatus> {
  const { localOpen } = open;
  if (localOpen === undefined) {
    const isMode = set.infoType === SMB2_0_INFO_FILE && set.fileInfoClass === FilePipeInformation;
    return isMode ? 0 : STATUS_NOT_SUPPORTED;
  }
  switch (set.infoType) {
    case SMB2_0_INFO_FILE:
      return yield* setFile(localOpen, set, cancel);
    case SMB2_0_INFO_FILESYSTEM:
      return refusedFsSet(set.fileInfoClass);
    case SMB2_0_INFO_SECURITY:
      return yield* setSecurity(localOpen, set.additionalInformation, set.buffer, {
        nfsAces: open.treeConnect.isApple,
      });
    case SMB2_0_INFO_QUOTA:
      return STATUS_NOT_SUPPORTED;
    default:
      return STATUS_INVALID_PARAMETER;
  }
}

/** [MS-SMB2] 3.3.5.21.1 Handling SMB2_0_INFO_FILE; [MS-FSA] 2.1.5.15. */
function* setFile(open: LocalOpen, set: SetInfoRequest, cancel: CancelSignal): Task<NtStatus> {
  const view = viewOf(set.buffer);
  const end = set.buffer.length;
  switch (set.fileInfoClass) {
    case FileBasicInformation: {
      const basic = decodeBasicInformation(view, 0, end);
      return basic === undefined ? STATUS_INFO_LENGTH_MISMATCH : yield* setBasic(open, basic);
    }
    case FileEndOfFileInformation:
      return yield* setSize(open, view, setEndOfFile);
    case FileAllocationInformation:
      return yield* setSize(open, view, setAllocation);
    case FileDispositionInformation:
    case FileDispositionInformationEx:
      return yield* setDeletion(open, view, set.fileInfoClass, cancel);
    case FileRenameInformation:
    case FileRenameInformationEx:
      return yield* setName(open, view, set.fileInfoClass, cancel);
    case FileLinkInformation:
    case FileLinkInformationEx:
      return yield* setName(open, view, set.fileInfoClass, cancel);
    case FileFullEaInformation:
      return yield* setFullEa(open, view);
    case FilePositionInformation: {
      const position = decodeFileSize(view, 0, end);
      if (position === undefined) return STATUS_INFO_LENGTH_MISMATCH;
      return position < 0n ? STATUS_INVALID_PARAMETER : yield* setPosition(open, position);
    }
    case FileModeInformation: {
      const mode = decodeMode(view, 0, end);
      return mode === undefined ? STATUS_INFO_LENGTH_MISMATCH : yield* setMode(open, mode);
    }
    case FileValidDataLengthInformation:
      return STATUS_PRIVILEGE_NOT_HELD;
    default:
      return refusedFileSet(set.fileInfoClass);
  }
}

type SizeSetter = (open: LocalOpen, size: number) => Task<NtStatus>;

function* setSize(open: LocalOpen, view: DataView, set: SizeSetter): Task<NtStatus> {
  const size = decodeFileSize(view, 0, view.byteLength);
  if (size === undefined) return STATUS_INFO_LENGTH_MISMATCH;
  const offset = toOffset(size);
  return offset === undefined ? STATUS_INVALID_PARAMETER : yield* set(open, offset);
}

/** [MS-FSA] 2.1.5.15.3 FileDispositionInformation and .4 FileDispositionInformationEx. */
function* setDeletion(
  open: LocalOpen,
  view: DataView,
  infoClass: number,
  cancel: CancelSignal,
): Task<NtStatus> {
  if (infoClass === FileDispositionInformation) {
    const remove = decodeDisposition(view, 0, view.byteLength);
    if (remove === undefined) return STATUS_INFO_LENGTH_MISMATCH;
    return yield* setDisposition(open, { delete: remove, cancel });
  }
  const flags = decodeDispositionEx(view, 0, view.byteLength);
  if (flags === undefined) return STATUS_INFO_LENGTH_MISMATCH;
  return yield* setDisposition(open, {
    delete: (flags & FILE_DISPOSITION_DELETE) !== 0,
    posixSemantics: (flags & FILE_DISPOSITION_POSIX_SEMANTICS) !== 0,
    ignoreReadOnly: (flags & FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE) !== 0,
    onClose: (flags & FILE_DISPOSITION_ON_CLOSE) !== 0,
    cancel,
  });
}

/** [MS-FSA] 2.1.5.15.11 FileRenameInformation and .8 FileLinkInformation. */
function* setName(
  open: LocalOpen,
  view: DataView,
  infoClass: number,
  cancel: CancelSignal,
): Task<NtStatus> {
  const target = decodeNewName(infoClass, view, 0, view.byteLength);
  if (target === undefined) return STATUS_INFO_LENGTH_MISMATCH;
  if (target.rootDirectory !== 0n) return STATUS_INVALID_PARAMETER;
  // Some clients write it from the share's root, as Samba lets them.
  const name = target.name.startsWith('\\') ? target.name.slice(1) : target.name;
  if (name === '') return STATUS_OBJECT_NAME_INVALID;
  const newName = { newName: name, replaceIfExists: target.replaceIfExists, cancel };
  return infoClass === FileLinkInformation || infoClass === FileLinkInformationEx
    ? yield* linkFile(open, newName)
    : yield* renameFile(open, newName);
}

/** [MS-FSA] 2.1.5.15.6 FileFullEaInformation. */
function* setFullEa(open: LocalOpen, view: DataView): Task<NtStatus> {
  const eas = decodeFullEaList(view, 0, view.byteLength);
  return eas === undefined ? STATUS_INVALID_PARAMETER : yield* setEas(open, eas);
}

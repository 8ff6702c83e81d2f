/**
 * [MS-SMB2] 3.3.5.20 and 3.3.5.21: what a class that is not answered, or not set, fails with. Known
 * to [MS-FSCC] but not to SMB2: STATUS_NOT_SUPPORTED. Known to nobody: STATUS_INVALID_INFO_CLASS.
 */
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_INFO_CLASS,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
} from '../erref/ntstatus.ts';
import * as is from './info-classes.ts';

/** [MS-FSCC] 2.4: those that list directories, can only be set, or are a computer's own. */
const QUERY_NOT_SUPPORTED: ReadonlySet<number> = new Set([
  is.FileDirectoryInformation,
  is.FileFullDirectoryInformation,
  is.FileBothDirectoryInformation,
  is.FileRenameInformation,
  is.FileLinkInformation,
  is.FileNamesInformation,
  is.FileDispositionInformation,
  is.FileAllocationInformation,
  is.FileEndOfFileInformation,
  is.FileMailslotQueryInformation,
  is.FileMailslotSetInformation,
  is.FileObjectIdInformation,
  is.FileMoveClusterInformation,
  is.FileReparsePointInformation,
  is.FileTrackingInformation,
  is.FileIdBothDirectoryInformation,
  is.FileIdFullDirectoryInformation,
  is.FileValidDataLengthInformation,
  is.FileShortNameInformation,
  is.FileSfioReserveInformation,
  is.FileHardLinkInformation,
  is.FileIdGlobalTxDirectoryInformation,
  is.FileStandardLinkInformation,
  is.FileIdExtdDirectoryInformation,
  is.FileDispositionInformationEx,
  is.FileRenameInformationEx,
  is.FileLinkInformationEx,
  is.FileId64ExtdDirectoryInformation,
  is.FileId64ExtdBothDirectoryInformation,
  is.FileIdAllExtdDirectoryInformation,
  is.FileIdAllExtdBothDirectoryInformation,
]);

/** [MS-FSA] 2.1.5.12: asked of a file, these are no class at all. */
const QUERY_INVALID: ReadonlySet<number> = new Set([
  is.FilePipeInformation,
  is.FilePipeLocalInformation,
  is.FilePipeRemoteInformation,
  is.FileQuotaInformation,
]);

/** [MS-FSCC] 2.5: those that can only be set, or are a computer's own. */
const FS_NOT_SUPPORTED: ReadonlySet<number> = new Set([
  is.FileFsLabelInformation,
  is.FileFsDriverPathInformation,
  is.FileFsVolumeFlagsInformation,
]);

/** [MS-SMB2] 3.3.5.20.1 Handling SMB2_0_INFO_FILE. */
export function refusedFileQuery(infoClass: number): NtStatus {
  if (QUERY_INVALID.has(infoClass)) return STATUS_INVALID_PARAMETER;
  return QUERY_NOT_SUPPORTED.has(infoClass) ? STATUS_NOT_SUPPORTED : STATUS_INVALID_INFO_CLASS;
}

/** [MS-SMB2] 3.3.5.20.2 Handling SMB2_0_INFO_FILESYSTEM. */
export function refusedFsQuery(infoClass: number): NtStatus {
  return FS_NOT_SUPPORTED.has(infoClass) ? STATUS_NOT_SUPPORTED : STATUS_INVALID_INFO_CLASS;
}

/** [MS-SMB2] 3.3.5.21.1 Handling SMB2_0_INFO_FILE: quotas have a type of their own. */
export function refusedFileSet(infoClass: number): NtStatus {
  return infoClass === is.FileQuotaInformation ? STATUS_NOT_SUPPORTED : STATUS_INVALID_INFO_CLASS;
}

/**
 * [MS-SMB2] 3.3.5.21.2 Handling SMB2_0_INFO_FILESYSTEM. Quotas and object ids of a volume are its
 * administrator's: not set over a share.
 */
export function refusedFsSet(infoClass: number): NtStatus {
  const isVolumes =
    infoClass === is.FileFsControlInformation || infoClass === is.FileFsObjectIdInformation;
  return isVolumes ? STATUS_ACCESS_DENIED : refusedFsQuery(infoClass);
}

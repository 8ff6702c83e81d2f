/** [MS-FSA] 2.1.5.1 Server Requests an Open of a File: the checks that need no file. Pure. */
import { viewOf } from '../base/bytes.ts';
import {
  ACCESS_SYSTEM_SECURITY,
  DELETE,
  MAXIMUM_ALLOWED,
  mapGeneric,
} from '../dtyp/access-mask.ts';
import { parseSecurityDescriptor, type SecurityDescriptor } from '../dtyp/security-descriptor.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_EA_LIST_INCONSISTENT,
  STATUS_INVALID_PARAMETER,
  STATUS_MEDIA_WRITE_PROTECTED,
  STATUS_NOT_A_DIRECTORY,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../erref/ntstatus.ts';
import {
  FILE_CREATE,
  FILE_CREATE_TREE_CONNECTION,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_BY_FILE_ID,
  FILE_OPEN_REPARSE_POINT,
  FILE_OVERWRITE,
  FILE_OVERWRITE_IF,
  FILE_RESERVE_OPFILTER,
  FILE_SHARE_DELETE,
  FILE_SHARE_READ,
  FILE_SHARE_WRITE,
  FILE_SUPERSEDE,
} from '../fscc/create-parameters.ts';
import { decodeFullEaList, type ExtendedAttribute } from '../fscc/ea.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_NOT_CONTENT_INDEXED,
  FILE_ATTRIBUTE_OFFLINE,
  FILE_ATTRIBUTE_READONLY,
  FILE_ATTRIBUTE_SYSTEM,
  FILE_ATTRIBUTE_TEMPORARY,
} from '../fscc/file-attributes.ts';
import type { NtError } from './errno-to-ntstatus.ts';
import { type ParsedName, parseName, parsePosixName } from './names.ts';
import type { OplockRequest } from './oplock.ts';
import type { SecurityContext } from './security-context.ts';
import type { CancelSignal, OpenParams, PosixOpen } from './surface.ts';
import type { Volume } from './volume.ts';

/** The bits of DesiredAccess that name nothing ([MS-FSA] 2.1.5.1). */
const INVALID_ACCESS = 0x0ce0_fe00;
/** Windows: the attributes that CREATE refuses (smbtorture smb2.create.gentest). */
const INVALID_ATTRIBUTES = ~0x7fb7;
/** Windows: create options above FILE_OPEN_FOR_FREE_SPACE_QUERY (smb2.create.gentest). */
const INVALID_OPTIONS = 0xff00_0000;
/**
 * Windows: what only makes sense in the kernel (smb2.create.gentest). [MS-SMB2] 2.2.13 SMB2 CREATE
 * Request, CreateOptions: FILE_RESERVE_OPFILTER is not supported, FILE_COMPLETE_IF_OPLOCKED and
 * FILE_OPEN_REQUIRING_OPLOCK are ignored. An open waits for breaks and is granted what it can be
 * in any case, and STATUS_OPLOCK_BREAK_IN_PROGRESS never goes over the wire.
 */
const UNSUPPORTED_OPTIONS =
  FILE_CREATE_TREE_CONNECTION | FILE_OPEN_BY_FILE_ID | FILE_RESERVE_OPFILTER;
const SHARE_ALL = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

/** The attributes of those named that stay with a file. */
export const STORED_ATTRIBUTES: number =
  FILE_ATTRIBUTE_READONLY |
  FILE_ATTRIBUTE_HIDDEN |
  FILE_ATTRIBUTE_SYSTEM |
  FILE_ATTRIBUTE_ARCHIVE |
  FILE_ATTRIBUTE_TEMPORARY |
  FILE_ATTRIBUTE_OFFLINE |
  FILE_ATTRIBUTE_NOT_CONTENT_INDEXED;

/** A request to open that makes sense in itself. */
export interface OpenRequest {
  readonly volume: Volume;
  readonly security: SecurityContext;
  readonly name: ParsedName;
  /** The name as the client wrote it. */
  readonly rawName: string;
  /** Specific rights; MAXIMUM_ALLOWED is `maximum`. */
  readonly desired: number;
  readonly maximum: boolean;
  readonly shareAccess: number;
  readonly disposition: number;
  readonly options: number;
  /** FILE_OPEN_REPARSE_POINT: a link, or another reparse point, itself is meant. */
  readonly opensReparsePoint: boolean;
  readonly mustBeDirectory: boolean;
  readonly mustBeFile: boolean;
  readonly mayCreate: boolean;
  /** An existing file, or stream, loses its content. */
  readonly overwrites: boolean;
  /** STORED_ATTRIBUTES for a new or overwritten file. */
  readonly attributes: number;
  readonly allocationSize: number;
  readonly eas: readonly ExtendedAttribute[];
  readonly creatorDescriptor: SecurityDescriptor | undefined;
  readonly oplock: OplockRequest | undefined;
  readonly posix: PosixOpen | undefined;
  /** Links on the way, and at the end, are followed here and not by the client. */
  readonly followsLinks: boolean;
  readonly cancel: CancelSignal;
  /** As in `Breaker`. */
  queuedAt: number | undefined;
}

/** The request, or the first thing that is wrong with it, in the order of [MS-FSA] 2.1.5.1. */
export function parseOpen(
  volume: Volume,
  security: SecurityContext,
  params: OpenParams,
): OpenRequest | NtError {
  const { desiredAccess, shareAccess, createDisposition, createOptions, fileAttributes } = params;
  if (desiredAccess === 0 || (desiredAccess & INVALID_ACCESS) !== 0) return STATUS_ACCESS_DENIED;
  const invalid =
    (shareAccess & ~SHARE_ALL) |
    (createOptions & INVALID_OPTIONS) |
    (fileAttributes & INVALID_ATTRIBUTES);
  if (invalid !== 0 || createDisposition > FILE_OVERWRITE_IF) return STATUS_INVALID_PARAMETER;
  if ((createOptions & UNSUPPORTED_OPTIONS) !== 0) return STATUS_NOT_SUPPORTED;

  const isDirectory = (createOptions & FILE_DIRECTORY_FILE) !== 0;
  const isFile = (createOptions & FILE_NON_DIRECTORY_FILE) !== 0;
  const overwrites =
    createDisposition === FILE_SUPERSEDE ||
    createDisposition === FILE_OVERWRITE ||
    createDisposition === FILE_OVERWRITE_IF;
  if (isDirectory && (isFile || overwrites)) return STATUS_INVALID_PARAMETER;
  const desired = mapGeneric(desiredAccess & ~MAXIMUM_ALLOWED);
  if ((createOptions & FILE_DELETE_ON_CLOSE) !== 0 && (desired & DELETE) === 0) {
    return STATUS_INVALID_PARAMETER;
  }
  const parse = params.posix === undefined ? parseName : parsePosixName;
  const name = parse(params.path, volume.options);
  if (typeof name === 'number') return name;
  if (isFile && name.isDirectory) return STATUS_OBJECT_NAME_INVALID;
  // Without streams there is no syntax for them either (smbtorture smb2.create_no_streams).
  if ((name.streamName !== '' || name.isData) && !hasStreams(volume)) {
    return STATUS_OBJECT_NAME_INVALID;
  }
  if (isDirectory && (name.streamName !== '' || name.isData)) return STATUS_NOT_A_DIRECTORY;
  if (params.timewarp !== undefined && params.timewarp !== 0n) return STATUS_OBJECT_NAME_NOT_FOUND;
  if ((desired & ~security.maximalAccess & ~ACCESS_SYSTEM_SECURITY) !== 0) {
    return STATUS_ACCESS_DENIED;
  }
  if (volume.options.readOnly && (createOptions & FILE_DELETE_ON_CLOSE) !== 0) {
    return STATUS_MEDIA_WRITE_PROTECTED;
  }
  const eas = parseEas(params.eaBuffer, volume.options.eaSizeMax);
  if (typeof eas === 'number') return eas;
  const creatorDescriptor = parseDescriptor(params.securityDescriptor, volume);
  if (creatorDescriptor === 'invalid') return STATUS_INVALID_PARAMETER;
  return {
    volume,
    security,
    name,
    rawName: params.path,
    desired,
    maximum: (desiredAccess & MAXIMUM_ALLOWED) !== 0,
    shareAccess,
    disposition: createDisposition,
    options: createOptions,
    opensReparsePoint: (createOptions & FILE_OPEN_REPARSE_POINT) !== 0,
    mustBeDirectory: isDirectory || name.isDirectory,
    mustBeFile: isFile || name.isData,
    mayCreate: createDisposition !== FILE_OPEN && createDisposition !== FILE_OVERWRITE,
    overwrites,
    attributes: fileAttributes & STORED_ATTRIBUTES,
    allocationSize: params.allocationSize ?? 0,
    eas,
    creatorDescriptor,
    oplock: params.oplock,
    posix: params.posix,
    followsLinks: volume.options.followLinks && params.posix === undefined,
    cancel: params.cancel,
    queuedAt: undefined,
  };
}

/** Whether files of the volume have named streams. */
export function hasStreams({ vfs, options }: Volume): boolean {
  return options.namedStreams && vfs.capabilities.xattrs;
}

/** Whether an existing file stands in the way. */
export function refusesExisting(request: OpenRequest): boolean {
  return request.disposition === FILE_CREATE;
}

const NO_EAS: readonly ExtendedAttribute[] = [];

function parseEas(
  buffer: Uint8Array | undefined,
  sizeMax: number,
): readonly ExtendedAttribute[] | NtError {
  if (buffer === undefined || buffer.length === 0) return NO_EAS;
  if (buffer.length > sizeMax) return STATUS_EA_LIST_INCONSISTENT;
  return decodeFullEaList(viewOf(buffer), 0, buffer.length) ?? STATUS_EA_LIST_INCONSISTENT;
}

function parseDescriptor(
  bytes: Uint8Array | undefined,
  volume: Volume,
): SecurityDescriptor | undefined | 'invalid' {
  if (bytes === undefined || bytes.length === 0) return undefined;
  if (bytes.length > volume.options.securityDescriptorSize) return 'invalid';
  return parseSecurityDescriptor(bytes) ?? 'invalid';
}

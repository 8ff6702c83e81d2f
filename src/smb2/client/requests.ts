/**
 * The requests of [MS-SMB2] 2.2 as values for `ClientConnection`: one function per command.
 * READ and WRITE are in transfer-requests.ts.
 */
import type { NtStatus } from '../../erref/ntstatus.ts';
import { STATUS_INVALID_PARAMETER, STATUS_MORE_PROCESSING_REQUIRED } from '../../erref/ntstatus.ts';
import { encodeCancelRequest } from '../wire/cancel.ts';
import {
  type ChangeNotifyRequest,
  decodeChangeNotifyResponse,
  encodeChangeNotifyRequest,
} from '../wire/change-notify.ts';
import {
  type CloseRequest,
  type CloseResponse,
  decodeCloseResponse,
  encodeCloseRequest,
} from '../wire/close.ts';
import {
  SECURITY_IMPERSONATION,
  SMB2_0_INFO_FILE,
  SMB2_0_IOCTL_IS_FSCTL,
  SMB2_CANCEL,
  SMB2_CHANGE_NOTIFY,
  SMB2_CLOSE,
  SMB2_CREATE,
  SMB2_ECHO,
  SMB2_FLUSH,
  SMB2_IOCTL,
  SMB2_LOCK,
  SMB2_LOGOFF,
  SMB2_NEGOTIATE,
  SMB2_OPLOCK_BREAK,
  SMB2_OPLOCK_LEVEL_NONE,
  SMB2_QUERY_DIRECTORY,
  SMB2_QUERY_INFO,
  SMB2_SESSION_SETUP,
  SMB2_SET_INFO,
  SMB2_TREE_CONNECT,
  SMB2_TREE_DISCONNECT,
} from '../wire/constants.ts';
import {
  type CreateRequest,
  type CreateResponse,
  decodeCreateResponse,
  encodeCreateRequest,
} from '../wire/create.ts';
import { decodeEchoResponse, encodeEchoRequest } from '../wire/echo.ts';
import type { EmptyBody } from '../wire/empty-body.ts';
import type { FileId } from '../wire/file-id.ts';
import { decodeFlushResponse, encodeFlushRequest } from '../wire/flush.ts';
import {
  decodeIoctlResponse,
  encodeIoctlRequest,
  type IoctlRequest,
  type IoctlResponse,
} from '../wire/ioctl.ts';
import { decodeLeaseBreak, encodeLeaseBreak, type LeaseBreak } from '../wire/lease-break.ts';
import { decodeLockResponse, encodeLockRequest, type LockRequest } from '../wire/lock.ts';
import { decodeLogoffResponse, encodeLogoffRequest } from '../wire/logoff.ts';
import {
  decodeNegotiateResponse,
  encodeNegotiateRequest,
  type NegotiateRequest,
  type NegotiateResponse,
} from '../wire/negotiate.ts';
import { decodeOplockBreak, encodeOplockBreak, type OplockBreak } from '../wire/oplock-break.ts';
import type { OutputBufferResponse } from '../wire/output-buffer.ts';
import {
  decodeQueryDirectoryResponse,
  encodeQueryDirectoryRequest,
  type QueryDirectoryRequest,
} from '../wire/query-directory.ts';
import {
  decodeQueryInfoResponse,
  encodeQueryInfoRequest,
  type QueryInfoRequest,
} from '../wire/query-info.ts';
import {
  decodeSessionSetupResponse,
  encodeSessionSetupRequest,
  type SessionSetupRequest,
  type SessionSetupResponse,
} from '../wire/session-setup.ts';
import {
  decodeSetInfoResponse,
  encodeSetInfoRequest,
  type SetInfoRequest,
  type SetInfoResponse,
} from '../wire/set-info.ts';
import {
  decodeTreeConnectResponse,
  encodeTreeConnectRequest,
  type TreeConnectRequest,
  type TreeConnectResponse,
} from '../wire/tree-connect.ts';
import {
  decodeTreeDisconnectResponse,
  encodeTreeDisconnectRequest,
} from '../wire/tree-disconnect.ts';
import { FIXED_SIZE_MAX, type Request } from './request.ts';

export function negotiateRequest(body: NegotiateRequest): Request<NegotiateResponse> {
  let size = FIXED_SIZE_MAX + 2 * body.dialects.length;
  for (const { data } of body.contexts) size += data.length + 16;
  return {
    command: SMB2_NEGOTIATE,
    size,
    chargedSize: 0,
    encode: (view, at) => encodeNegotiateRequest(view, at, body),
    decode: decodeNegotiateResponse,
  };
}

export function sessionSetupRequest(body: SessionSetupRequest): Request<SessionSetupResponse> {
  return {
    command: SMB2_SESSION_SETUP,
    size: FIXED_SIZE_MAX + body.securityBuffer.length,
    chargedSize: body.securityBuffer.length,
    encode: (view, at) => encodeSessionSetupRequest(view, at, body),
    decode: decodeSessionSetupResponse,
    bodyStatuses: [STATUS_MORE_PROCESSING_REQUIRED],
  };
}

export function logoffRequest(): Request<EmptyBody> {
  return {
    command: SMB2_LOGOFF,
    size: FIXED_SIZE_MAX,
    chargedSize: 0,
    encode: encodeLogoffRequest,
    decode: decodeLogoffResponse,
  };
}

export function treeConnectRequest(body: TreeConnectRequest): Request<TreeConnectResponse> {
  return {
    command: SMB2_TREE_CONNECT,
    size: FIXED_SIZE_MAX + 2 * body.path.length,
    chargedSize: 0,
    encode: (view, at) => encodeTreeConnectRequest(view, at, body),
    decode: decodeTreeConnectResponse,
  };
}

export function treeDisconnectRequest(): Request<EmptyBody> {
  return {
    command: SMB2_TREE_DISCONNECT,
    size: FIXED_SIZE_MAX,
    chargedSize: 0,
    encode: encodeTreeDisconnectRequest,
    decode: decodeTreeDisconnectResponse,
  };
}

/** A CREATE of which only name, access and disposition must be told. */
export type CreateParameters = Pick<CreateRequest, 'name' | 'desiredAccess' | 'createDisposition'> &
  Partial<CreateRequest>;

/** Shared with nobody, no oplock, impersonation, no attributes and options unless told. */
export function createRequest(parameters: CreateParameters): Request<CreateResponse> {
  const body: CreateRequest = {
    requestedOplockLevel: SMB2_OPLOCK_LEVEL_NONE,
    impersonationLevel: SECURITY_IMPERSONATION,
    fileAttributes: 0,
    shareAccess: 0,
    createOptions: 0,
    contexts: [],
    ...parameters,
  };
  let size = FIXED_SIZE_MAX + 2 * body.name.length;
  for (const { name, data } of body.contexts) size += name.length + data.length + 32;
  return {
    command: SMB2_CREATE,
    size,
    chargedSize: size,
    encode: (view, at) => encodeCreateRequest(view, at, body),
    decode: decodeCreateResponse,
  };
}

export function closeRequest(body: CloseRequest): Request<CloseResponse> {
  return {
    command: SMB2_CLOSE,
    size: FIXED_SIZE_MAX,
    chargedSize: 0,
    encode: (view, at) => encodeCloseRequest(view, at, body),
    decode: decodeCloseResponse,
  };
}

export function flushRequest(fileId: FileId): Request<EmptyBody> {
  return {
    command: SMB2_FLUSH,
    size: FIXED_SIZE_MAX,
    chargedSize: 0,
    encode: (view, at) => encodeFlushRequest(view, at, { fileId }),
    decode: decodeFlushResponse,
  };
}

const NO_BYTES = new Uint8Array(0);

export type LockParameters = Pick<LockRequest, 'fileId' | 'locks'> & Partial<LockRequest>;

export function lockRequest(parameters: LockParameters): Request<EmptyBody> {
  const body = { lockSequenceNumber: 0, lockSequenceIndex: 0, ...parameters };
  return {
    command: SMB2_LOCK,
    size: FIXED_SIZE_MAX + 24 * body.locks.length,
    chargedSize: 0,
    encode: (view, at) => encodeLockRequest(view, at, body),
    decode: decodeLockResponse,
  };
}

export type IoctlParameters = Pick<IoctlRequest, 'ctlCode' | 'fileId'> & Partial<IoctlRequest>;

/** An FSCTL with 64 KiB of room for its output unless told otherwise. */
export function ioctlRequest(parameters: IoctlParameters): Request<IoctlResponse> {
  const body: IoctlRequest = {
    maxInputResponse: 0,
    maxOutputResponse: 65_536,
    flags: SMB2_0_IOCTL_IS_FSCTL,
    input: NO_BYTES,
    ...parameters,
  };
  return {
    command: SMB2_IOCTL,
    size: FIXED_SIZE_MAX + body.input.length,
    chargedSize: Math.max(body.input.length, body.maxInputResponse + body.maxOutputResponse),
    encode: (view, at) => encodeIoctlRequest(view, at, body),
    decode: decodeIoctlResponse,
    bodyStatuses: IOCTL_BODY_STATUSES,
  };
}

/** [MS-SMB2] 3.3.5.15.6: FSCTL_SRV_COPYCHUNK tells its limits with this status. */
const IOCTL_BODY_STATUSES: readonly NtStatus[] = [STATUS_INVALID_PARAMETER];

export function echoRequest(): Request<EmptyBody> {
  return {
    command: SMB2_ECHO,
    size: FIXED_SIZE_MAX,
    chargedSize: 0,
    encode: encodeEchoRequest,
    decode: decodeEchoResponse,
  };
}

/** CANCEL has no response: nothing decodes. */
export function cancelRequest(): Request<never> {
  return {
    command: SMB2_CANCEL,
    size: FIXED_SIZE_MAX,
    chargedSize: 0,
    encode: encodeCancelRequest,
    decode: () => undefined,
  };
}

export type QueryDirectoryParameters = Pick<
  QueryDirectoryRequest,
  'fileId' | 'fileInformationClass'
> &
  Partial<QueryDirectoryRequest>;

/** Pattern "*" and 64 KiB of room unless told otherwise. */
export function queryDirectoryRequest(
  parameters: QueryDirectoryParameters,
): Request<OutputBufferResponse> {
  const body = {
    flags: 0,
    fileIndex: 0,
    fileName: '*',
    outputBufferLength: 65_536,
    ...parameters,
  };
  return {
    command: SMB2_QUERY_DIRECTORY,
    size: FIXED_SIZE_MAX + 2 * body.fileName.length,
    chargedSize: body.outputBufferLength,
    encode: (view, at) => encodeQueryDirectoryRequest(view, at, body),
    decode: decodeQueryDirectoryResponse,
  };
}

export type QueryInfoParameters = Pick<QueryInfoRequest, 'fileId' | 'fileInfoClass'> &
  Partial<QueryInfoRequest>;

/** File information with 64 KiB of room unless told otherwise. */
export function queryInfoRequest(parameters: QueryInfoParameters): Request<OutputBufferResponse> {
  const body = {
    infoType: SMB2_0_INFO_FILE,
    outputBufferLength: 65_536,
    additionalInformation: 0,
    flags: 0,
    input: NO_BYTES,
    ...parameters,
  };
  return {
    command: SMB2_QUERY_INFO,
    size: FIXED_SIZE_MAX + body.input.length,
    chargedSize: Math.max(body.input.length, body.outputBufferLength),
    encode: (view, at) => encodeQueryInfoRequest(view, at, body),
    decode: decodeQueryInfoResponse,
  };
}

export type SetInfoParameters = Pick<SetInfoRequest, 'fileId' | 'fileInfoClass' | 'buffer'> &
  Partial<SetInfoRequest>;

/** File information unless told otherwise. */
export function setInfoRequest(parameters: SetInfoParameters): Request<SetInfoResponse> {
  const body = { infoType: SMB2_0_INFO_FILE, additionalInformation: 0, ...parameters };
  return {
    command: SMB2_SET_INFO,
    size: FIXED_SIZE_MAX + body.buffer.length,
    chargedSize: body.buffer.length,
    encode: (view, at) => encodeSetInfoRequest(view, at, body),
    decode: decodeSetInfoResponse,
  };
}

export function changeNotifyRequest(body: ChangeNotifyRequest): Request<OutputBufferResponse> {
  return {
    command: SMB2_CHANGE_NOTIFY,
    size: FIXED_SIZE_MAX,
    chargedSize: body.outputBufferLength,
    encode: (view, at) => encodeChangeNotifyRequest(view, at, body),
    decode: decodeChangeNotifyResponse,
  };
}

/** [MS-SMB2] 2.2.24.1 Oplock Break Acknowledgment. */
export function oplockBreakRequest(body: OplockBreak): Request<OplockBreak> {
  return {
    command: SMB2_OPLOCK_BREAK,
    size: FIXED_SIZE_MAX,
    chargedSize: 0,
    encode: (view, at) => encodeOplockBreak(view, at, body),
    decode: decodeOplockBreak,
  };
}

/** [MS-SMB2] 2.2.24.2 Lease Break Acknowledgment. */
export function leaseBreakRequest(body: LeaseBreak): Request<LeaseBreak> {
  return {
    command: SMB2_OPLOCK_BREAK,
    size: FIXED_SIZE_MAX,
    chargedSize: 0,
    encode: (view, at) => encodeLeaseBreak(view, at, body),
    decode: decodeLeaseBreak,
  };
}

/** Any body, well-formed or not: for tests of what a server refuses. */
export function rawRequest(command: number, body: Uint8Array): Request<Uint8Array> {
  return {
    command,
    size: body.length,
    chargedSize: 0,
    encode: (view, at) => {
      new Uint8Array(view.buffer, view.byteOffset + at, body.length).set(body);
      return at + body.length;
    },
    decode: (view, at, end) => new Uint8Array(view.buffer, view.byteOffset + at, end - at),
  };
}

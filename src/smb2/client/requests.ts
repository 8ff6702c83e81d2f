/** The requests of [MS-SMB2] 2.2 as values for `ClientConnection`: one function per command. */
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
  SMB2_READ,
  SMB2_SESSION_SETUP,
  SMB2_SET_INFO,
  SMB2_TREE_CONNECT,
  SMB2_TREE_DISCONNECT,
  SMB2_WRITE,
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
  decodeReadResponse,
  encodeReadRequest,
  type ReadRequest,
  type ReadResponse,
} from '../wire/read.ts';
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
import {
  decodeWriteResponse,
  encodeChannelWriteRequest,
  encodeWriteRequestHead,
  WRITE_REQUEST_HEAD,
  type WriteResponse,
} from '../wire/write.ts';
import type { Request } from './request.ts';

/** Room for a fixed part with its padding: no structure of 2.2 has a larger one. */
const FIXED_SIZE_MAX = 128;

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

export type ReadParameters = Pick<ReadRequest, 'fileId' | 'length'> &
  Partial<Omit<ReadRequest, 'offset'>> & {
    readonly offset: number;
    readonly channelInfo?: Uint8Array;
  };

export function readRequest(parameters: ReadParameters): Request<ReadResponse> {
  const body = {
    flags: 0,
    minimumCount: 0,
    channel: 0,
    remainingBytes: 0,
    channelInfo: NO_BYTES,
    ...parameters,
  };
  return {
    command: SMB2_READ,
    size: FIXED_SIZE_MAX + body.channelInfo.length,
    chargedSize: body.length,
    encode: (view, at) => encodeReadRequest(view, at, body),
    decode: decodeReadResponse,
  };
}

export interface WriteOptions {
  readonly fileId: FileId;
  readonly offset: number;
  /** Sent without a copy: not to be changed until the reply has come. */
  readonly data: Uint8Array;
  readonly flags?: number;
  readonly remainingBytes?: number;
}

/** Memory that a READ fills, or a WRITE is filled from, beside the messages: RDMA. */
export interface PlacedData {
  /** SMB2_CHANNEL_RDMA_V1 or SMB2_CHANNEL_RDMA_V1_INVALIDATE. */
  readonly channel: number;
  /** The descriptors of `memory`. */
  readonly channelInfo: Uint8Array;
  readonly memory: Uint8Array;
}

/** [MS-SMB2] 3.2.4.6: the response tells how much of the memory is filled (3.2.5.11). */
export function readPlacedRequest(
  parameters: ReadParameters,
  { channel, channelInfo, memory }: PlacedData,
): Request<ReadResponse> {
  const remainingBytes = memory.length;
  const request = readRequest({ ...parameters, channel, channelInfo, remainingBytes });
  return {
    ...request,
    decode(view, at, end) {
      const response = request.decode(view, at, end);
      if (response === undefined || response.dataRemaining > memory.length) return undefined;
      return { ...response, data: memory.subarray(0, response.dataRemaining) };
    },
  };
}

/** [MS-SMB2] 3.2.4.7: all of the memory is written. */
export function writePlacedRequest(
  { fileId, offset, flags = 0 }: Omit<WriteOptions, 'data'>,
  { channel, channelInfo, memory }: PlacedData,
): Request<WriteResponse> {
  const body = { fileId, offset, flags, channel, channelInfo, remainingBytes: memory.length };
  return {
    command: SMB2_WRITE,
    size: WRITE_REQUEST_HEAD + channelInfo.length,
    chargedSize: memory.length,
    encode: (view, at) => encodeChannelWriteRequest(view, at, body),
    decode: decodeWriteResponse,
  };
}

export function writeRequest(options: WriteOptions): Request<WriteResponse> {
  const { fileId, offset, data, flags = 0, remainingBytes = 0 } = options;
  const body = { fileId, offset, length: data.length, flags, remainingBytes };
  const isEmpty = data.length === 0;
  return {
    command: SMB2_WRITE,
    size: WRITE_REQUEST_HEAD + 1,
    // The odd StructureSize promises one byte of Buffer, and servers insist on it.
    payload: isEmpty ? ONE_ZERO : data,
    chargedSize: data.length,
    encode: (view, at) => encodeWriteRequestHead(view, at, body),
    decode: decodeWriteResponse,
  };
}

const NO_BYTES = new Uint8Array(0);
const ONE_ZERO = new Uint8Array(1);

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

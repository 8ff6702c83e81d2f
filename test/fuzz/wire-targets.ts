/**
 * Every codec of src/smb2/wire with values that it must carry: the table behind the round-trip and
 * truncation tests (src/smb2/wire/codecs.test.ts) and the mutation fuzzer (wire.test.ts).
 */
import { put, slice } from '../../src/base/bytes.ts';
import {
  BUFFER_DESCRIPTOR_SIZE,
  type BufferDescriptor,
  decodeBufferDescriptors,
  encodeBufferDescriptors,
} from '../../src/smb2/transport/buffer-descriptor.ts';
import * as cancel from '../../src/smb2/wire/cancel.ts';
import * as notify from '../../src/smb2/wire/change-notify.ts';
import * as close from '../../src/smb2/wire/close.ts';
import * as compression from '../../src/smb2/wire/compression-transform-header.ts';
import * as create from '../../src/smb2/wire/create.ts';
import * as context from '../../src/smb2/wire/create-context.ts';
import * as aapl from '../../src/smb2/wire/create-context-aapl.ts';
import * as durable from '../../src/smb2/wire/create-context-durable.ts';
import * as file from '../../src/smb2/wire/create-context-file.ts';
import * as lease from '../../src/smb2/wire/create-context-lease.ts';
import * as posix from '../../src/smb2/wire/create-context-posix.ts';
import * as echo from '../../src/smb2/wire/echo.ts';
import * as error from '../../src/smb2/wire/error.ts';
import type { FileId } from '../../src/smb2/wire/file-id.ts';
import * as flush from '../../src/smb2/wire/flush.ts';
import * as header from '../../src/smb2/wire/header.ts';
import * as ioctl from '../../src/smb2/wire/ioctl.ts';
import * as leaseBreak from '../../src/smb2/wire/lease-break.ts';
import * as lock from '../../src/smb2/wire/lock.ts';
import * as logoff from '../../src/smb2/wire/logoff.ts';
import * as negotiate from '../../src/smb2/wire/negotiate.ts';
import * as negotiateContext from '../../src/smb2/wire/negotiate-context.ts';
import * as resiliency from '../../src/smb2/wire/network-resiliency.ts';
import * as oplockBreak from '../../src/smb2/wire/oplock-break.ts';
import * as queryDirectory from '../../src/smb2/wire/query-directory.ts';
import * as queryInfo from '../../src/smb2/wire/query-info.ts';
import * as read from '../../src/smb2/wire/read.ts';
import * as notification from '../../src/smb2/wire/server-to-client-notification.ts';
import * as sessionSetup from '../../src/smb2/wire/session-setup.ts';
import * as setInfo from '../../src/smb2/wire/set-info.ts';
import * as smb1 from '../../src/smb2/wire/smb1-negotiate.ts';
import * as transform from '../../src/smb2/wire/transform-header.ts';
import * as treeConnect from '../../src/smb2/wire/tree-connect.ts';
import * as treeDisconnect from '../../src/smb2/wire/tree-disconnect.ts';
import * as write from '../../src/smb2/wire/write.ts';

export interface WireTarget {
  readonly name: string;
  /** Undefined when `[at, end)` does not hold the structure. */
  readonly decode: (view: DataView, at: number, end: number) => unknown;
  /** Writes a sample at `at` and returns its end. */
  readonly encode: (view: DataView, at: number) => number;
  /** What `decode` must make of the sample. */
  readonly value: unknown;
  /** Bytes that `decode` can do without at the sample's end. */
  readonly spare: number;
  /** The structure fills its room exactly: it does not tolerate bytes behind it. */
  readonly exact: boolean;
  /** A length at which the cut sample is another, valid structure. */
  readonly validCut?: number;
}

type Decode<T> = (view: DataView, at: number, end: number) => T | undefined;
type Encode<T> = (view: DataView, at: number, value: T) => number;

const GUID_A = '000102030405060708090a0b0c0d0e0f';
const GUID_B = 'f0e1d2c3b4a5968778695a4b3c2d1e0f';
const FILE_ID: FileId = { persistent: 0x8877_6655_4433_2211n, volatile: 0x0102_0304_0506_0708n };
const TIME = 0x01dd_79a8_ce6c_c824n;
const NOTHING = new Uint8Array(0);
const BYTES = Uint8Array.of(1, 2, 3, 0xff, 0);

function target<T>(
  name: string,
  decode: Decode<T>,
  encode: Encode<T>,
  value: T,
  spare: number = 0,
): WireTarget {
  return {
    name,
    decode,
    encode: (view, at) => encode(view, at, value),
    value,
    spare,
    exact: false,
  };
}

/** A create context's data, which has exactly one size. */
function contextTarget<T>(
  name: string,
  decode: (data: Uint8Array) => T | undefined,
  make: (value: T) => context.CreateContext,
  value: T,
): WireTarget {
  return {
    name,
    decode: (view, at, end) => decode(slice(view, at, end)),
    encode: (view, at) => put(view, at, make(value).data),
    value,
    spare: 0,
    exact: true,
  };
}

function negotiateContextTarget<T>(
  name: string,
  decode: (data: Uint8Array) => T | undefined,
  make: (value: T) => negotiateContext.NegotiateContext,
  value: T,
): WireTarget {
  return {
    name,
    decode: (view, at, end) => decode(slice(view, at, end)),
    encode: (view, at) => put(view, at, make(value).data),
    value,
    spare: 0,
    exact: false,
  };
}

function emptyTarget(
  name: string,
  decode: Decode<unknown>,
  encode: (view: DataView, at: number) => number,
): WireTarget {
  return { name, decode, encode, value: {}, spare: 0, exact: false };
}

function readTarget(name: string, spare: number, channel: number, info: Uint8Array): WireTarget {
  const value = { ...READ_REQUEST, channel };
  const encode = (view: DataView, at: number) =>
    read.encodeReadRequest(view, at, { ...value, channelInfo: info });
  return { name, decode: read.decodeReadRequest, encode, value, spare, exact: false };
}

const LEASE_V1: lease.LeaseContext = {
  version: 1,
  leaseKey: GUID_A,
  leaseState: 7,
  leaseFlags: 0,
  parentLeaseKey: undefined,
  epoch: 0,
};
const LEASE_V2: lease.LeaseContext = {
  version: 2,
  leaseKey: GUID_A,
  leaseState: 3,
  leaseFlags: 4,
  parentLeaseKey: GUID_B,
  epoch: 0x1234,
};
const CONTEXTS: readonly context.CreateContext[] = [
  lease.leaseContext(LEASE_V2),
  file.maximalAccessRequestContext(),
  file.appInstanceIdContext(GUID_B),
  { name: context.SMB2_CREATE_EA_BUFFER, data: BYTES },
];
const NEGOTIATE_CONTEXTS: readonly negotiateContext.NegotiateContext[] = [
  negotiateContext.preauthIntegrityContext({ hashAlgorithms: [1], salt: BYTES }),
  negotiateContext.encryptionContext([2, 1, 4]),
  negotiateContext.netnameContext('server'),
  { type: 0xbeef, data: NOTHING },
  negotiateContext.posixExtensionsContext(),
];
const NEGOTIATE_REQUEST: negotiate.NegotiateRequest = {
  securityMode: 1,
  capabilities: 0x7f,
  clientGuid: GUID_A,
  dialects: [0x0202, 0x0210, 0x0300, 0x0302, 0x0311],
  contexts: NEGOTIATE_CONTEXTS,
};
const NEGOTIATE_RESPONSE: negotiate.NegotiateResponse = {
  securityMode: 3,
  dialectRevision: 0x0311,
  serverGuid: GUID_B,
  capabilities: 0x2f,
  maxTransactSize: 0x80_0000,
  maxReadSize: 0x80_0000,
  maxWriteSize: 0x80_0000,
  systemTime: TIME,
  serverStartTime: 0n,
  securityBuffer: BYTES,
  contexts: NEGOTIATE_CONTEXTS,
};
const CREATE_REQUEST: create.CreateRequest = {
  requestedOplockLevel: 0xff,
  impersonationLevel: 2,
  desiredAccess: 0x8012_0089,
  fileAttributes: 0x80,
  shareAccess: 7,
  createDisposition: 3,
  createOptions: 0x60,
  name: 'folder\\naïve \ud83d\ude00 lone\ud800.txt',
  contexts: CONTEXTS,
};
const CREATE_RESPONSE: create.CreateResponse = {
  oplockLevel: 0xff,
  flags: 1,
  createAction: 1,
  creationTime: TIME,
  lastAccessTime: TIME + 1n,
  lastWriteTime: TIME + 2n,
  changeTime: TIME + 3n,
  allocationSize: 0x10_0000_1000,
  endOfFile: Number.MAX_SAFE_INTEGER,
  fileAttributes: 0x20,
  fileId: FILE_ID,
  contexts: CONTEXTS,
};
const CLOSE_RESPONSE: close.CloseResponse = {
  flags: 1,
  creationTime: TIME,
  lastAccessTime: TIME + 1n,
  lastWriteTime: TIME + 2n,
  changeTime: TIME + 3n,
  allocationSize: 4096,
  endOfFile: 0x1_0000_0001,
  fileAttributes: 0x20,
};
const READ_REQUEST = {
  flags: 1,
  length: 0x1_0000,
  offset: 0x1f_ffff_ffff_ffff,
  fileId: FILE_ID,
  minimumCount: 7,
  channel: 0,
  remainingBytes: 9,
};
const WRITE = { fileId: FILE_ID, offset: 0x12_3456_789a, remainingBytes: 5, flags: 1, data: BYTES };
const DESCRIPTORS: readonly BufferDescriptor[] = [
  { offset: 0x7f12_3456_7000n, token: 0x8001_a2b3, length: 0x10_0000 },
  { offset: 0n, token: 1, length: 0xffff_ffff },
];
const CHANNEL_WRITE = {
  ...{ fileId: FILE_ID, offset: 1, remainingBytes: 0x1_0000, flags: 1 },
  ...{ channel: 2, channelInfo: BYTES },
};
const SYMLINK: error.SymbolicLinkError = {
  unparsedPathLength: 8,
  substituteName: '\\??\\D:\\donut',
  printName: 'D:\\donut',
  flags: 1,
};
const SYNC_HEADER: header.Header = {
  creditCharge: 2,
  status: 0xc000_0022,
  command: 5,
  credits: 33,
  flags: 0x8000_0009,
  nextCommand: 0x88,
  messageId: 0xffff_ffff_ffff_fffen,
  asyncId: 0n,
  treeId: 0xdead_beef,
  sessionId: 0x8000_0000_0000_0001n,
};

const MESSAGES: readonly WireTarget[] = [
  target('header', header.decodeHeader, header.encodeHeader, SYNC_HEADER),
  target('async header', header.decodeHeader, header.encodeHeader, {
    ...SYNC_HEADER,
    flags: 3,
    asyncId: 0x1122_3344_5566_7788n,
    treeId: 0,
  }),
  target(
    'NEGOTIATE request 3.1.1',
    negotiate.decodeNegotiateRequest,
    negotiate.encodeNegotiateRequest,
    NEGOTIATE_REQUEST,
  ),
  target(
    'NEGOTIATE request 2.1',
    negotiate.decodeNegotiateRequest,
    negotiate.encodeNegotiateRequest,
    { ...NEGOTIATE_REQUEST, dialects: [0x0202, 0x0210], contexts: [] },
  ),
  target(
    'NEGOTIATE request without dialects',
    negotiate.decodeNegotiateRequest,
    negotiate.encodeNegotiateRequest,
    { ...NEGOTIATE_REQUEST, dialects: [], contexts: [] },
  ),
  target(
    'NEGOTIATE response 3.1.1',
    negotiate.decodeNegotiateResponse,
    negotiate.encodeNegotiateResponse,
    NEGOTIATE_RESPONSE,
  ),
  target(
    'NEGOTIATE response 2.1',
    negotiate.decodeNegotiateResponse,
    negotiate.encodeNegotiateResponse,
    { ...NEGOTIATE_RESPONSE, dialectRevision: 0x0210, contexts: [] },
  ),
  target('SMB_COM_NEGOTIATE', smb1.decodeSmb1NegotiateRequest, smb1.encodeSmb1NegotiateRequest, {
    dialects: ['NT LM 0.12', smb1.SMB1_DIALECT_SMB_2_002, smb1.SMB1_DIALECT_SMB_2_WILDCARD],
  }),
  target(
    'SESSION_SETUP request',
    sessionSetup.decodeSessionSetupRequest,
    sessionSetup.encodeSessionSetupRequest,
    {
      flags: 1,
      securityMode: 2,
      capabilities: 1,
      previousSessionId: 0x8000_0000_0000_0007n,
      securityBuffer: BYTES,
    },
  ),
  target(
    'SESSION_SETUP response',
    sessionSetup.decodeSessionSetupResponse,
    sessionSetup.encodeSessionSetupResponse,
    { sessionFlags: 4, securityBuffer: BYTES },
  ),
  target(
    'TREE_CONNECT request',
    treeConnect.decodeTreeConnectRequest,
    treeConnect.encodeTreeConnectRequest,
    { flags: 2, path: '\\\\server\\share ü' },
  ),
  target(
    'TREE_CONNECT response',
    treeConnect.decodeTreeConnectResponse,
    treeConnect.encodeTreeConnectResponse,
    { shareType: 1, shareFlags: 0x30, capabilities: 0x10, maximalAccess: 0x1f01ff },
  ),
  target('CREATE request', create.decodeCreateRequest, create.encodeCreateRequest, CREATE_REQUEST),
  target(
    'CREATE request without name and contexts',
    create.decodeCreateRequest,
    create.encodeCreateRequest,
    { ...CREATE_REQUEST, name: '', contexts: [] },
    1,
  ),
  target('CREATE request of a reconnect', create.decodeCreateRequest, create.encodeCreateRequest, {
    ...CREATE_REQUEST,
    name: '',
    contexts: [durable.durableReconnectContext(FILE_ID)],
  }),
  target(
    'CREATE response',
    create.decodeCreateResponse,
    create.encodeCreateResponse,
    CREATE_RESPONSE,
  ),
  target(
    'CREATE response without contexts',
    create.decodeCreateResponse,
    create.encodeCreateResponse,
    { ...CREATE_RESPONSE, contexts: [] },
  ),
  target('CLOSE request', close.decodeCloseRequest, close.encodeCloseRequest, {
    flags: 1,
    fileId: FILE_ID,
  }),
  target('CLOSE response', close.decodeCloseResponse, close.encodeCloseResponse, CLOSE_RESPONSE),
  target(
    'NETWORK_RESILIENCY request',
    resiliency.decodeNetworkResiliency,
    resiliency.encodeNetworkResiliency,
    { timeoutMs: 30_000 },
  ),
  target('FLUSH request', flush.decodeFlushRequest, flush.encodeFlushRequest, { fileId: FILE_ID }),
  readTarget('READ request', 1, 0, NOTHING),
  readTarget('READ request over RDMA', BYTES.length, 1, BYTES),
  target(
    'READ request over RDMA, its descriptors',
    read.decodeReadChannelInfo,
    (view, at, channelInfo) =>
      read.encodeReadRequest(view, at, { ...READ_REQUEST, channel: 1, channelInfo }),
    BYTES,
  ),
  target(
    'READ response',
    read.decodeReadResponse,
    (view, at, { data, dataRemaining, flags }) =>
      put(view, read.encodeReadResponseHead(view, at, data.length, dataRemaining, flags), data),
    { data: BYTES, dataRemaining: 3, flags: 1 },
  ),
  {
    name: 'WRITE request',
    decode: write.decodeWriteRequest,
    encode: (view, at) => write.encodeWriteRequest(view, at, WRITE),
    value: { ...WRITE, dataOffset: 112, dataAt: 112, length: 5, channel: 0 },
    spare: 0,
    exact: false,
  },
  {
    name: '[MS-SMBD] BUFFER_DESCRIPTOR_V1',
    decode: (view, at, end) => decodeBufferDescriptors(slice(view, at, end)),
    encode: (view, at) => put(view, at, encodeBufferDescriptors(DESCRIPTORS)),
    value: DESCRIPTORS,
    spare: 0,
    exact: true,
    validCut: BUFFER_DESCRIPTOR_SIZE,
  },
  {
    name: 'WRITE request, head alone',
    decode: write.decodeWriteRequestHead,
    encode: (view, at) =>
      write.encodeWriteRequestHead(view, at, { ...WRITE, length: 0, offset: 1 }),
    value: {
      dataOffset: 112,
      dataAt: 112,
      length: 0,
      offset: 1,
      fileId: FILE_ID,
      channel: 0,
      remainingBytes: 5,
      flags: 1,
    },
    spare: 0,
    exact: false,
  },
  {
    name: 'WRITE request over RDMA',
    decode: write.decodeWriteRequestHead,
    encode: (view, at) => write.encodeChannelWriteRequest(view, at, CHANNEL_WRITE),
    value: {
      dataOffset: 0,
      dataAt: 112,
      length: 0,
      offset: 1,
      fileId: FILE_ID,
      channel: 2,
      remainingBytes: 0x1_0000,
      flags: 1,
    },
    spare: BYTES.length,
    exact: false,
  },
  {
    name: 'WRITE request over RDMA, its descriptors',
    decode: write.decodeWriteChannelInfo,
    encode: (view, at) => write.encodeChannelWriteRequest(view, at, CHANNEL_WRITE),
    value: BYTES,
    spare: 0,
    exact: false,
  },
  {
    name: 'WRITE response',
    decode: write.decodeWriteResponse,
    encode: (view, at) => write.encodeWriteResponse(view, at, 0xffff_fff0),
    value: { count: 0xffff_fff0 },
    spare: 0,
    exact: false,
  },
  target('LOCK request', lock.decodeLockRequest, lock.encodeLockRequest, {
    lockSequenceNumber: 15,
    lockSequenceIndex: 0xfff_ffff,
    fileId: FILE_ID,
    locks: [
      { offset: 0xffff_ffff_ffff_ffffn, length: 1n, flags: 0x12 },
      { offset: 0n, length: 0x8000_0000_0000_0000n, flags: 4 },
    ],
  }),
  target('IOCTL request', ioctl.decodeIoctlRequest, ioctl.encodeIoctlRequest, {
    ctlCode: 0x0011_c017,
    fileId: FILE_ID,
    maxInputResponse: 1,
    maxOutputResponse: 4280,
    flags: 1,
    input: BYTES,
  }),
  target('IOCTL response', ioctl.decodeIoctlResponse, ioctl.encodeIoctlResponse, {
    ctlCode: 0x0011_c017,
    fileId: FILE_ID,
    output: BYTES,
  }),
  target(
    'QUERY_DIRECTORY request',
    queryDirectory.decodeQueryDirectoryRequest,
    queryDirectory.encodeQueryDirectoryRequest,
    {
      fileInformationClass: 37,
      flags: 1,
      fileIndex: 9,
      fileId: FILE_ID,
      fileName: '*.txt',
      outputBufferLength: 0x1_0000,
    },
  ),
  target(
    'QUERY_DIRECTORY request without a pattern',
    queryDirectory.decodeQueryDirectoryRequest,
    queryDirectory.encodeQueryDirectoryRequest,
    {
      fileInformationClass: 37,
      flags: 0,
      fileIndex: 0,
      fileId: FILE_ID,
      fileName: '',
      outputBufferLength: 0x1_0000,
    },
    1,
  ),
  target(
    'QUERY_DIRECTORY response',
    queryDirectory.decodeQueryDirectoryResponse,
    (view, at, { buffer }) => {
      put(view, at + queryDirectory.QUERY_DIRECTORY_RESPONSE_HEAD, buffer);
      return queryDirectory.encodeQueryDirectoryResponseHead(view, at, buffer.length);
    },
    { buffer: BYTES },
  ),
  target(
    'CHANGE_NOTIFY request',
    notify.decodeChangeNotifyRequest,
    notify.encodeChangeNotifyRequest,
    { flags: 1, outputBufferLength: 1000, fileId: FILE_ID, completionFilter: 0xfff },
  ),
  target(
    'CHANGE_NOTIFY response',
    notify.decodeChangeNotifyResponse,
    (view, at, { buffer }) => notify.encodeChangeNotifyResponse(view, at, buffer),
    { buffer: BYTES },
  ),
  target('QUERY_INFO request', queryInfo.decodeQueryInfoRequest, queryInfo.encodeQueryInfoRequest, {
    infoType: 1,
    fileInfoClass: 15,
    outputBufferLength: 0x1_0000,
    additionalInformation: 7,
    flags: 3,
    fileId: FILE_ID,
    input: BYTES,
  }),
  target(
    'QUERY_INFO response',
    queryInfo.decodeQueryInfoResponse,
    (view, at, { buffer }) => queryInfo.encodeQueryInfoResponse(view, at, buffer),
    { buffer: BYTES },
  ),
  target(
    'QUERY_INFO response, empty',
    queryInfo.decodeQueryInfoResponse,
    (view, at, { buffer }) => queryInfo.encodeQueryInfoResponseHead(view, at, buffer.length),
    { buffer: NOTHING },
  ),
  target('SET_INFO request', setInfo.decodeSetInfoRequest, setInfo.encodeSetInfoRequest, {
    infoType: 1,
    fileInfoClass: 20,
    additionalInformation: 4,
    fileId: FILE_ID,
    buffer: BYTES,
  }),
  emptyTarget('SET_INFO response', setInfo.decodeSetInfoResponse, setInfo.encodeSetInfoResponse),
  target('oplock break', oplockBreak.decodeOplockBreak, oplockBreak.encodeOplockBreak, {
    oplockLevel: 1,
    fileId: FILE_ID,
  }),
  target(
    'lease break notification',
    leaseBreak.decodeLeaseBreakNotification,
    leaseBreak.encodeLeaseBreakNotification,
    { newEpoch: 19, flags: 1, leaseKey: GUID_A, currentLeaseState: 7, newLeaseState: 3 },
  ),
  target('lease break', leaseBreak.decodeLeaseBreak, leaseBreak.encodeLeaseBreak, {
    leaseKey: GUID_A,
    leaseState: 3,
  }),
  target(
    'SERVER_TO_CLIENT_NOTIFICATION',
    notification.decodeServerToClientNotification,
    notification.encodeServerToClientNotification,
    { notificationType: 0 },
    4,
  ),
];

const EMPTY_BODIES: readonly WireTarget[] = [
  emptyTarget('LOGOFF request', logoff.decodeLogoffRequest, logoff.encodeLogoffRequest),
  emptyTarget('LOGOFF response', logoff.decodeLogoffResponse, logoff.encodeLogoffResponse),
  emptyTarget(
    'TREE_DISCONNECT request',
    treeDisconnect.decodeTreeDisconnectRequest,
    treeDisconnect.encodeTreeDisconnectRequest,
  ),
  emptyTarget(
    'TREE_DISCONNECT response',
    treeDisconnect.decodeTreeDisconnectResponse,
    treeDisconnect.encodeTreeDisconnectResponse,
  ),
  emptyTarget('FLUSH response', flush.decodeFlushResponse, flush.encodeFlushResponse),
  emptyTarget('LOCK response', lock.decodeLockResponse, lock.encodeLockResponse),
  emptyTarget('ECHO request', echo.decodeEchoRequest, echo.encodeEchoRequest),
  emptyTarget('ECHO response', echo.decodeEchoResponse, echo.encodeEchoResponse),
  emptyTarget('CANCEL request', cancel.decodeCancelRequest, cancel.encodeCancelRequest),
];

const ERRORS: readonly WireTarget[] = [
  {
    name: 'ERROR response',
    decode: error.decodeErrorResponse,
    encode: error.encodeErrorResponse,
    value: { contexts: [], data: NOTHING },
    spare: 1,
    exact: false,
  },
  target(
    'ERROR response with data',
    error.decodeErrorResponse,
    (view, at, { data }) => error.encodeErrorResponseData(view, at, data),
    { contexts: [], data: BYTES },
  ),
  {
    name: 'ERROR response with contexts',
    decode: (view, at, end) => error.decodeErrorResponse(view, at, end)?.contexts,
    encode: (view, at) =>
      error.encodeErrorResponseContexts(view, at, [
        { id: 0, data: BYTES },
        { id: 0x7264_5253, data: NOTHING },
      ]),
    value: [
      { id: 0, data: BYTES },
      { id: 0x7264_5253, data: NOTHING },
    ],
    spare: 0,
    exact: false,
  },
  target(
    'symbolic link error',
    error.decodeSymbolicLinkError,
    error.encodeSymbolicLinkError,
    SYMLINK,
  ),
];

const TRANSFORMS: readonly WireTarget[] = [
  target('TRANSFORM_HEADER', transform.decodeTransformHeader, transform.encodeTransformHeader, {
    signature: Uint8Array.from({ length: 16 }, (_, i) => i),
    nonce: Uint8Array.from({ length: 16 }, (_, i) => (i < 12 ? 0xf0 + i : 0)),
    originalMessageSize: 0x1_0000,
    flags: 1,
    sessionId: 0x8000_0000_0000_0001n,
  }),
  target(
    'unchained compression header',
    compression.decodeUnchainedCompressionHeader,
    compression.encodeUnchainedCompressionHeader,
    { originalCompressedSegmentSize: 4096, compressionAlgorithm: 2, offset: 0 },
  ),
  target(
    'chained compression header',
    compression.decodeChainedCompressionHeader,
    compression.encodeChainedCompressionHeader,
    { originalCompressedSegmentSize: 4096 },
  ),
  target(
    'compression payload header with a size',
    compression.decodeCompressionPayloadHeader,
    compression.encodeCompressionPayloadHeader,
    { compressionAlgorithm: 2, flags: 1, payloadLength: 0, originalPayloadSize: 77 },
  ),
  target(
    'compression payload header without a size',
    compression.decodeCompressionPayloadHeader,
    compression.encodeCompressionPayloadHeader,
    { compressionAlgorithm: 4, flags: 0, payloadLength: 0, originalPayloadSize: undefined },
  ),
  target(
    'compression pattern',
    compression.decodeCompressionPatternPayload,
    compression.encodeCompressionPatternPayload,
    { pattern: 0x41, repetitions: 4000 },
  ),
];

const CREATE_CONTEXTS: readonly WireTarget[] = [
  {
    name: 'create contexts',
    decode: context.decodeCreateContexts,
    encode: (view, at) => context.encodeCreateContexts(view, at, CONTEXTS),
    value: CONTEXTS,
    spare: 0,
    exact: false,
    validCut: 0,
  },
  contextTarget('RqLs v1', lease.decodeLeaseContext, lease.leaseContext, LEASE_V1),
  {
    ...contextTarget('RqLs v2', lease.decodeLeaseContext, lease.leaseContext, LEASE_V2),
    validCut: 32,
  },
  contextTarget('DHnC', durable.decodeDurableReconnect, durable.durableReconnectContext, FILE_ID),
  contextTarget('DH2Q request', durable.decodeDurableRequestV2, durable.durableRequestV2Context, {
    timeoutMs: 60_000,
    flags: 2,
    createGuid: GUID_B,
  }),
  contextTarget(
    'DH2Q response',
    durable.decodeDurableResponseV2,
    durable.durableResponseV2Context,
    { timeoutMs: 60_000, flags: 2 },
  ),
  contextTarget('DH2C', durable.decodeDurableReconnectV2, durable.durableReconnectV2Context, {
    fileId: FILE_ID,
    createGuid: GUID_B,
    flags: 2,
  }),
  contextTarget('AlSi', file.decodeAllocationSize, file.allocationSizeContext, 1n << 63n),
  contextTarget(
    'MxAc response',
    file.decodeMaximalAccessResponse,
    file.maximalAccessResponseContext,
    { queryStatus: 0xc000_0022, maximalAccess: 0x1f01ff },
  ),
  contextTarget('TWrp', file.decodeTimewarpToken, file.timewarpTokenContext, TIME),
  contextTarget('QFid response', file.decodeOnDiskId, file.onDiskIdContext, {
    diskFileId: 1n << 63n,
    volumeId: 7n,
  }),
  contextTarget('POSIX request', posix.decodePosixMode, posix.posixModeContext, 0o100640),
  contextTarget('POSIX response', posix.decodePosixResponse, posix.posixResponseContext, {
    numberOfLinks: 2,
    reparseTag: 0xa000_000c,
    mode: 0o20777,
    owner: 'S-1-22-1-1000',
    group: 'S-1-5-21-1-2-3-513',
  }),
  contextTarget('AAPL query', aapl.decodeAaplQuery, aapl.aaplQueryContext, {
    requested: 7,
    clientCapabilities: 7,
  }),
  contextTarget('AAPL answer', aapl.decodeAaplAnswer, aapl.aaplAnswerContext, {
    serverCapabilities: 5,
    volumeCapabilities: 4,
    model: 'MacSamba',
  }),
  contextTarget('AAPL answer of one part', aapl.decodeAaplAnswer, aapl.aaplAnswerContext, {
    serverCapabilities: undefined,
    volumeCapabilities: 2,
    model: undefined,
  }),
  contextTarget('AppInstanceId', file.decodeAppInstanceId, file.appInstanceIdContext, GUID_A),
  contextTarget(
    'AppInstanceVersion',
    file.decodeAppInstanceVersion,
    file.appInstanceVersionContext,
    { high: 1n, low: (1n << 64n) - 1n },
  ),
];

const NEGOTIATE_CONTEXT_DATA: readonly WireTarget[] = [
  negotiateContextTarget(
    'PREAUTH_INTEGRITY_CAPABILITIES',
    negotiateContext.decodePreauthIntegrityCapabilities,
    negotiateContext.preauthIntegrityContext,
    { hashAlgorithms: [1, 2], salt: BYTES },
  ),
  negotiateContextTarget(
    'ENCRYPTION_CAPABILITIES',
    negotiateContext.decodeEncryptionCapabilities,
    negotiateContext.encryptionContext,
    [2, 1],
  ),
  negotiateContextTarget(
    'COMPRESSION_CAPABILITIES',
    negotiateContext.decodeCompressionCapabilities,
    negotiateContext.compressionContext,
    { flags: 1, algorithms: [4, 2, 1] },
  ),
  negotiateContextTarget(
    'TRANSPORT_CAPABILITIES',
    negotiateContext.decodeTransportCapabilities,
    negotiateContext.transportContext,
    1,
  ),
  negotiateContextTarget(
    'RDMA_TRANSFORM_CAPABILITIES',
    negotiateContext.decodeRdmaTransformCapabilities,
    negotiateContext.rdmaTransformContext,
    [1, 2],
  ),
  negotiateContextTarget(
    'SIGNING_CAPABILITIES',
    negotiateContext.decodeSigningCapabilities,
    negotiateContext.signingContext,
    [2, 1, 0],
  ),
];

export const WIRE_TARGETS: readonly WireTarget[] = [
  ...MESSAGES,
  ...EMPTY_BODIES,
  ...ERRORS,
  ...TRANSFORMS,
  ...CREATE_CONTEXTS,
  ...NEGOTIATE_CONTEXT_DATA,
];

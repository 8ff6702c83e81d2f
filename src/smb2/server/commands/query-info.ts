import { assert } from '../../../base/assert.ts';
import { LE } from '../../../base/bytes.ts';
import type { Task } from '../../../base/task.ts';
import { FILE_READ_ATTRIBUTES } from '../../../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INVALID_INFO_CLASS,
  STATUS_INVALID_LEVEL,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
} from '../../../erref/ntstatus.ts';
import { queryEas, tellEas } from '../../../fsa/ea.ts';
import { queryMetadata } from '../../../fsa/information.ts';
import type { LocalOpen } from '../../../fsa/local-open.ts';
import { lastOf, nameFromDisk } from '../../../fsa/names.ts';
import { currentName } from '../../../fsa/open-paths.ts';
import { querySecurity } from '../../../fsa/security.ts';
import { alternateNameOf } from '../../../fsa/short-names.ts';
import { queryStreams } from '../../../fsa/streams.ts';
import { queryPosixVolume, queryVolume } from '../../../fsa/volume-information.ts';
import { countThatFit, decodeGetEaList, encodeFullEaList } from '../../../fscc/ea.ts';
import type { Encoded } from '../../../fscc/encoded.ts';
import { encodeFileInformation } from '../../../fscc/file-information.ts';
import { encodeFsInformation } from '../../../fscc/fs-information.ts';
import {
  FileAllInformation,
  FileAttributeTagInformation,
  FileBasicInformation,
  FileEaInformation,
  FileFsPosixInformation,
  FileFullEaInformation,
  FileIdInformation,
  FileNetworkOpenInformation,
  FileNormalizedNameInformation,
  FilePosixInformation,
  FileStreamInformation,
} from '../../../fscc/info-classes.ts';
import {
  encodeFsPosixInformation,
  encodePosixInformation,
} from '../../../fscc/posix-information.ts';
import { encodeStreamInformation } from '../../../fscc/stream-information.ts';
import {
  SL_INDEX_SPECIFIED,
  SL_RESTART_SCAN,
  SL_RETURN_SINGLE_ENTRY,
  SMB2_0_INFO_FILE,
  SMB2_0_INFO_FILESYSTEM,
  SMB2_0_INFO_QUOTA,
  SMB2_0_INFO_SECURITY,
  SMB2_DIALECT_300,
  SMB2_DIALECT_311,
  SMB2_ERROR_ID_DEFAULT,
} from '../../wire/constants.ts';
import { encodeErrorResponseContexts, encodeErrorResponseData } from '../../wire/error.ts';
import {
  decodeQueryInfoRequest,
  encodeQueryInfoResponseHead,
  QUERY_INFO_RESPONSE_HEAD,
  type QueryInfoRequest,
} from '../../wire/query-info.ts';
import type { Reply } from '../reply.ts';
import type { Request } from '../request.ts';
import type { Open } from '../state/open.ts';
import type { TreeConnect } from '../state/tree-connect.ts';
import { queryPipeInformation } from './query-pipe.ts';

/** [MS-SMB2] 3.3.5.20 Receiving an SMB2 QUERY_INFO Request. */
export function* handleQueryInfo(request: Request): Task<NtStatus> {
  const query = decodeQueryInfoRequest(request.view, request.body, request.end);
  if (query === undefined) return STATUS_INVALID_PARAMETER;
  const open = request.findOpen(query.fileId);
  if (typeof open === 'number') return open;
  const { maxTransactSize } = request.connection;
  if (query.outputBufferLength > maxTransactSize) return STATUS_INVALID_PARAMETER;
  const payload = Math.max(query.outputBufferLength, query.input.length);
  if (!request.chargeCovers(payload)) return STATUS_INVALID_PARAMETER;
  if (open.localOpen === undefined) return queryPipe(request, query);

  switch (query.infoType) {
    case SMB2_0_INFO_FILE:
      return yield* queryFile(request, query, open.localOpen, open.treeConnect);
    case SMB2_0_INFO_FILESYSTEM:
      return yield* queryFileSystem(request, query, open.localOpen);
    case SMB2_0_INFO_SECURITY:
      return yield* querySecurityInfo(request, query, open);
    case SMB2_0_INFO_QUOTA:
      return STATUS_NOT_SUPPORTED;
    default:
      return STATUS_INVALID_PARAMETER;
  }
}

/** A pipe has no volume, and no descriptor or quota that one could see. */
function queryPipe(request: Request, query: QueryInfoRequest): NtStatus {
  if (query.infoType === SMB2_0_INFO_FILE) return answer(request, query, queryPipeInformation);
  return INFO_TYPES.has(query.infoType) ? STATUS_NOT_SUPPORTED : STATUS_INVALID_PARAMETER;
}

const INFO_TYPES: ReadonlySet<number> = new Set([
  SMB2_0_INFO_FILE,
  SMB2_0_INFO_FILESYSTEM,
  SMB2_0_INFO_SECURITY,
  SMB2_0_INFO_QUOTA,
]);

type Encoder = (infoClass: number, view: DataView, at: number, end: number) => Encoded;

/** Encodes into the client's buffer size; warnings (a name that was cut) carry the data too. */
function answer(request: Request, query: QueryInfoRequest, encode: Encoder): NtStatus {
  const reply = request.room(QUERY_INFO_RESPONSE_HEAD + query.outputBufferLength);
  const at = reply.body + QUERY_INFO_RESPONSE_HEAD;
  const { status, end } = encode(
    query.fileInfoClass,
    reply.view,
    at,
    at + query.outputBufferLength,
  );
  if (status >>> 30 === 3) return status;
  encodeQueryInfoResponseHead(reply.view, reply.body, end - at);
  reply.finish(end);
  return status;
}

/** [MS-FSA] 2.1.5.12: the classes that FILE_READ_ATTRIBUTES is needed for. */
const NEEDS_READ_ATTRIBUTES: ReadonlySet<number> = new Set([
  FileBasicInformation,
  FileAllInformation,
  FileNetworkOpenInformation,
  FileAttributeTagInformation,
]);

/** [MS-SMB2] 3.3.5.20.1 Handling SMB2_0_INFO_FILE. */
function* queryFile(
  request: Request,
  query: QueryInfoRequest,
  open: LocalOpen,
  { isApple }: TreeConnect,
): Task<NtStatus> {
  const infoClass = query.fileInfoClass;
  if (infoClass === FileFullEaInformation) return yield* queryFullEa(request, query, open);
  // [MS-SMB2] 3.3.5.20.1: known to dialect 3.1.1 only.
  const isNormalized = infoClass === FileNormalizedNameInformation;
  if (isNormalized && request.connection.dialect < SMB2_DIALECT_311) return STATUS_NOT_SUPPORTED;
  // [MS-SMB2] 3.3.5.20.1: known to SMB 3.x only.
  const isId = infoClass === FileIdInformation;
  if (isId && request.connection.dialect < SMB2_DIALECT_300) return STATUS_NOT_SUPPORTED;
  if (infoClass === FileStreamInformation) {
    const { status, streams } = yield* queryStreams(open);
    if (status !== 0) return status;
    return answer(request, query, (_, view, at, end) =>
      encodeStreamInformation(view, at, end, streams),
    );
  }
  if (infoClass === FilePosixInformation) return yield* queryPosix(request, query, open);
  const mayRead = (open.grantedAccess & FILE_READ_ATTRIBUTES) !== 0;
  if (NEEDS_READ_ATTRIBUTES.has(infoClass) && !mayRead) return STATUS_ACCESS_DENIED;
  const withEaSize = infoClass === FileEaInformation || infoClass === FileAllInformation;
  const { status, metadata } = yield* queryMetadata(open, { withEaSize });
  if (status !== 0 || metadata === undefined) return status;
  const name = `\\${currentName(open)}`;
  const data = {
    creationTime: metadata.creationTime,
    lastAccessTime: metadata.lastAccessTime,
    lastWriteTime: metadata.lastWriteTime,
    changeTime: metadata.changeTime,
    attributes: metadata.attributes,
    endOfFile: metadata.endOfFile,
    allocationSize: metadata.allocationSize,
    numberOfLinks: metadata.numberOfLinks,
    deletePending: metadata.deletePending,
    isDirectory: metadata.isDirectory,
    fileId: isApple ? 0n : metadata.fileId,
    eaSize: metadata.eaSize,
    reparseTag: metadata.reparseTag,
    accessFlags: open.grantedAccess,
    positionOffset: open.position,
    mode: open.mode,
    alignment: 0,
    name,
    shortName: alternateNameOf(nameFromDisk(lastOf(open.path)), open.volume.options.shortNames),
    volumeSerialNumber: BigInt(open.volume.options.serialNumber),
  };
  return answer(request, query, (cls, view, at, end) =>
    encodeFileInformation(cls, view, at, end, data),
  );
}

/** Samba: the class is known to opens that keep to POSIX, and asks for no access. */
function* queryPosix(request: Request, query: QueryInfoRequest, open: LocalOpen): Task<NtStatus> {
  if (!open.isPosix) return STATUS_INVALID_LEVEL;
  const { status, metadata } = yield* queryMetadata(open);
  if (status !== 0 || metadata === undefined) return status;
  assert(metadata.posix !== undefined, 'an open that keeps to POSIX has no such metadata');
  const { posix } = metadata;
  return answer(request, query, (_, view, at, end) =>
    encodePosixInformation(view, at, end, metadata, posix),
  );
}

/** [MS-FSA] 2.1.5.12.15 FileFullEaInformation; the input may name the wanted ones. */
function* queryFullEa(request: Request, query: QueryInfoRequest, open: LocalOpen): Task<NtStatus> {
  const { flags, input, additionalInformation, outputBufferLength } = query;
  const { buffer, byteOffset, length } = input;
  const names = decodeGetEaList(new DataView(buffer, byteOffset, length), 0, length);
  if (names === undefined) return STATUS_INVALID_PARAMETER;
  const { status, eas } = yield* queryEas(open, {
    names,
    index: (flags & SL_INDEX_SPECIFIED) !== 0 ? additionalInformation : undefined,
    restart: (flags & SL_RESTART_SCAN) !== 0,
    single: (flags & SL_RETURN_SINGLE_ENTRY) !== 0,
  });
  if (status !== 0) return status;
  if (names.length === 0) tellEas(open, countThatFit(eas, outputBufferLength));
  return answer(request, query, (_, view, at, end) => encodeFullEaList(view, at, end, eas));
}

/** [MS-SMB2] 3.3.5.20.2 Handling SMB2_0_INFO_FILESYSTEM. */
function* queryFileSystem(
  request: Request,
  query: QueryInfoRequest,
  open: LocalOpen,
): Task<NtStatus> {
  if (query.fileInfoClass === FileFsPosixInformation) {
    return yield* queryPosixFileSystem(request, query, open);
  }
  const { status, information } = yield* queryVolume(open.volume);
  if (status !== 0 || information === undefined) return status;
  return answer(request, query, (cls, view, at, end) =>
    encodeFsInformation(cls, view, at, end, information),
  );
}

function* queryPosixFileSystem(
  request: Request,
  query: QueryInfoRequest,
  open: LocalOpen,
): Task<NtStatus> {
  if (!open.isPosix) return STATUS_INVALID_INFO_CLASS;
  const { status, information } = yield* queryPosixVolume(open.volume);
  if (status !== 0 || information === undefined) return status;
  return answer(request, query, (_, view, at, end) =>
    encodeFsPosixInformation(view, at, end, information),
  );
}

/** [MS-SMB2] 3.3.5.20.3 Handling SMB2_0_INFO_SECURITY. */
function* querySecurityInfo(
  request: Request,
  query: QueryInfoRequest,
  { localOpen, treeConnect }: Open,
): Task<NtStatus> {
  assert(localOpen !== undefined, 'a pipe has no security descriptor here');
  const { status, descriptor } = yield* querySecurity(localOpen, query.additionalInformation, {
    nfsAces: treeConnect.isApple,
  });
  if (status !== 0 || descriptor === undefined) return status;
  if (descriptor.length > query.outputBufferLength) return tooSmall(request, descriptor.length);
  const reply = request.room(QUERY_INFO_RESPONSE_HEAD + descriptor.length);
  encodeQueryInfoResponseHead(reply.view, reply.body, descriptor.length);
  reply.bytes.set(descriptor, reply.body + QUERY_INFO_RESPONSE_HEAD);
  reply.finish(reply.body + QUERY_INFO_RESPONSE_HEAD + descriptor.length);
  return 0;
}

/** [MS-SMB2] 2.2.2 SMB2 ERROR Response: STATUS_BUFFER_TOO_SMALL tells the size that is needed. */
function tooSmall(request: Request, needed: number): NtStatus {
  const data = new Uint8Array(4);
  new DataView(data.buffer).setUint32(0, needed, LE);
  const reply: Reply = request.room(32);
  reply.finish(
    request.connection.dialect === SMB2_DIALECT_311
      ? encodeErrorResponseContexts(reply.view, reply.body, [{ id: SMB2_ERROR_ID_DEFAULT, data }])
      : encodeErrorResponseData(reply.view, reply.body, data),
  );
  return STATUS_BUFFER_TOO_SMALL;
}

import { getOffset, LE, setOffset } from '../../base/bytes.ts';
import { decodeUtf16, encodeUtf16 } from '../../base/utf16le.ts';
import {
  type CreateContext,
  decodeCreateContexts,
  encodeCreateContexts,
} from './create-context.ts';
import { type FileId, getFileId, setFileId } from './file-id.ts';
import { offsetFromHeader, padTo8, partAt } from './variable.ts';

/**
 * [MS-SMB2] 2.2.13 SMB2 CREATE Request
 *
 *    0   2  StructureSize         57
 *    2   1  SecurityFlags         0
 *    3   1  RequestedOplockLevel
 *    4   4  ImpersonationLevel
 *    8   8  SmbCreateFlags        0
 *   16   8  Reserved
 *   24   4  DesiredAccess
 *   28   4  FileAttributes
 *   32   4  ShareAccess
 *   36   4  CreateDisposition
 *   40   4  CreateOptions
 *   44   2  NameOffset
 *   46   2  NameLength
 *   48   4  CreateContextsOffset  a multiple of 8
 *   52   4  CreateContextsLength
 *   56   -  Buffer
 */
export interface CreateRequest {
  readonly requestedOplockLevel: number;
  readonly impersonationLevel: number;
  readonly desiredAccess: number;
  readonly fileAttributes: number;
  readonly shareAccess: number;
  readonly createDisposition: number;
  readonly createOptions: number;
  /** Relative to the share, `\` between components; as sent, unchecked. */
  readonly name: string;
  readonly contexts: readonly CreateContext[];
}
const REQUEST_SIZE = 56;

const NO_CONTEXTS: readonly CreateContext[] = [];

/** Undefined when the bytes are no CREATE Request, its contexts included. */
export function decodeCreateRequest(
  view: DataView,
  at: number,
  end: number,
): CreateRequest | undefined {
  if (end - at < REQUEST_SIZE) return undefined;
  if (view.getUint16(at, LE) !== 57) return undefined;
  const nameLength = view.getUint16(at + 46, LE);
  if (nameLength % 2 !== 0) return undefined;
  const nameAt = partAt(at, end, REQUEST_SIZE, view.getUint16(at + 44, LE), nameLength);
  if (nameAt === undefined) return undefined;
  const contexts = contextsAt(view, at, end, REQUEST_SIZE, at + 48);
  if (contexts === undefined) return undefined;
  return {
    requestedOplockLevel: view.getUint8(at + 3),
    impersonationLevel: view.getUint32(at + 4, LE),
    desiredAccess: view.getUint32(at + 24, LE),
    fileAttributes: view.getUint32(at + 28, LE),
    shareAccess: view.getUint32(at + 32, LE),
    createDisposition: view.getUint32(at + 36, LE),
    createOptions: view.getUint32(at + 40, LE),
    name: decodeUtf16(view, nameAt, nameAt + nameLength),
    contexts,
  };
}

/** Reads the Offset and Length at `field` and the contexts that they point to. */
function contextsAt(
  view: DataView,
  at: number,
  end: number,
  fixed: number,
  field: number,
): readonly CreateContext[] | undefined {
  const length = view.getUint32(field + 4, LE);
  if (length === 0) return NO_CONTEXTS;
  const start = partAt(at, end, fixed, view.getUint32(field, LE), length, 8);
  return start === undefined ? undefined : decodeCreateContexts(view, start, start + length);
}

export function encodeCreateRequest(view: DataView, at: number, request: CreateRequest): number {
  view.setUint16(at, 57, LE);
  view.setUint8(at + 2, 0);
  view.setUint8(at + 3, request.requestedOplockLevel);
  view.setUint32(at + 4, request.impersonationLevel, LE);
  view.setBigUint64(at + 8, 0n, LE);
  view.setBigUint64(at + 16, 0n, LE);
  view.setUint32(at + 24, request.desiredAccess, LE);
  view.setUint32(at + 28, request.fileAttributes, LE);
  view.setUint32(at + 32, request.shareAccess, LE);
  view.setUint32(at + 36, request.createDisposition, LE);
  view.setUint32(at + 40, request.createOptions, LE);
  view.setUint16(at + 44, offsetFromHeader(at, at + REQUEST_SIZE), LE);
  view.setUint16(at + 46, request.name.length * 2, LE);
  const nameEnd = encodeUtf16(view, at + REQUEST_SIZE, request.name);
  const end = encodeContexts(view, at, at + 48, nameEnd, request.contexts);
  if (end > at + REQUEST_SIZE) return end;
  // The odd StructureSize promises one byte of Buffer, and servers insist on it.
  view.setUint8(end, 0);
  return end + 1;
}

/** Writes Offset and Length at `field` and the contexts behind `position`. */
function encodeContexts(
  view: DataView,
  at: number,
  field: number,
  position: number,
  contexts: readonly CreateContext[],
): number {
  if (contexts.length === 0) {
    view.setUint32(field, 0, LE);
    view.setUint32(field + 4, 0, LE);
    return position;
  }
  const start = padTo8(view, at, position);
  const end = encodeCreateContexts(view, start, contexts);
  view.setUint32(field, offsetFromHeader(at, start), LE);
  view.setUint32(field + 4, end - start, LE);
  return end;
}

/**
 * [MS-SMB2] 2.2.14 SMB2 CREATE Response
 *
 *    0   2  StructureSize         89
 *    2   1  OplockLevel
 *    3   1  Flags                 3.x; otherwise reserved
 *    4   4  CreateAction
 *    8   8  CreationTime
 *   16   8  LastAccessTime
 *   24   8  LastWriteTime
 *   32   8  ChangeTime
 *   40   8  AllocationSize
 *   48   8  EndofFile
 *   56   4  FileAttributes
 *   60   4  Reserved2
 *   64  16  FileId
 *   80   4  CreateContextsOffset  a multiple of 8
 *   84   4  CreateContextsLength
 *   88   -  Buffer
 */
export interface CreateResponse {
  readonly oplockLevel: number;
  readonly flags: number;
  readonly createAction: number;
  /** The four times are FILETIMEs. */
  readonly creationTime: bigint;
  readonly lastAccessTime: bigint;
  readonly lastWriteTime: bigint;
  readonly changeTime: bigint;
  readonly allocationSize: number;
  readonly endOfFile: number;
  readonly fileAttributes: number;
  readonly fileId: FileId;
  readonly contexts: readonly CreateContext[];
}
const RESPONSE_SIZE = 88;

/** Undefined when the bytes are no CREATE Response, or a size exceeds 2^53 - 1. */
export function decodeCreateResponse(
  view: DataView,
  at: number,
  end: number,
): CreateResponse | undefined {
  if (end - at < RESPONSE_SIZE) return undefined;
  if (view.getUint16(at, LE) !== 89) return undefined;
  const allocationSize = getOffset(view, at + 40);
  const endOfFile = getOffset(view, at + 48);
  const contexts = contextsAt(view, at, end, RESPONSE_SIZE, at + 80);
  if (allocationSize === undefined || endOfFile === undefined) return undefined;
  if (contexts === undefined) return undefined;
  return {
    oplockLevel: view.getUint8(at + 2),
    flags: view.getUint8(at + 3),
    createAction: view.getUint32(at + 4, LE),
    creationTime: view.getBigUint64(at + 8, LE),
    lastAccessTime: view.getBigUint64(at + 16, LE),
    lastWriteTime: view.getBigUint64(at + 24, LE),
    changeTime: view.getBigUint64(at + 32, LE),
    allocationSize,
    endOfFile,
    fileAttributes: view.getUint32(at + 56, LE),
    fileId: getFileId(view, at + 64),
    contexts,
  };
}

export function encodeCreateResponse(view: DataView, at: number, response: CreateResponse): number {
  view.setUint16(at, 89, LE);
  view.setUint8(at + 2, response.oplockLevel);
  view.setUint8(at + 3, response.flags);
  view.setUint32(at + 4, response.createAction, LE);
  view.setBigUint64(at + 8, response.creationTime, LE);
  view.setBigUint64(at + 16, response.lastAccessTime, LE);
  view.setBigUint64(at + 24, response.lastWriteTime, LE);
  view.setBigUint64(at + 32, response.changeTime, LE);
  setOffset(view, at + 40, response.allocationSize);
  setOffset(view, at + 48, response.endOfFile);
  view.setUint32(at + 56, response.fileAttributes, LE);
  view.setUint32(at + 60, 0, LE);
  setFileId(view, at + 64, response.fileId);
  return encodeContexts(view, at, at + 80, at + RESPONSE_SIZE, response.contexts);
}

import { LE, put, slice } from '../../base/bytes.ts';
import { decodeUtf16, encodeUtf16 } from '../../base/utf16le.ts';
import { padTo8 } from './variable.ts';

/**
 * [MS-SMB2] 2.2.2 SMB2 ERROR Response
 *
 *    0   2  StructureSize      9
 *    2   1  ErrorContextCount  3.1.1; otherwise reserved
 *    3   1  Reserved
 *    4   4  ByteCount
 *    8   -  ErrorData          one zero byte when ByteCount is 0
 *
 * [MS-SMB2] 2.2.2.1 SMB2 ERROR Context Response, each at a multiple of 8
 *
 *    0   4  ErrorDataLength
 *    4   4  ErrorId
 *    8   -  ErrorContextData
 */
export interface ErrorResponse {
  /** Empty before 3.1.1. */
  readonly contexts: readonly ErrorContext[];
  /** All of ErrorData, contexts included. */
  readonly data: Uint8Array;
}
export interface ErrorContext {
  readonly id: number;
  readonly data: Uint8Array;
}
const FIXED_SIZE = 8;
const CONTEXT_HEAD_SIZE = 8;

/** Undefined when the bytes are no ERROR Response. */
export function decodeErrorResponse(
  view: DataView,
  at: number,
  end: number,
): ErrorResponse | undefined {
  if (end - at < FIXED_SIZE) return undefined;
  if (view.getUint16(at, LE) !== 9) return undefined;
  const dataAt = at + FIXED_SIZE;
  const dataEnd = dataAt + view.getUint32(at + 4, LE);
  if (dataEnd > end) return undefined;
  const contexts = decodeErrorContexts(view, dataAt, dataEnd, view.getUint8(at + 2));
  if (contexts === undefined) return undefined;
  return { contexts, data: slice(view, dataAt, dataEnd) };
}

function decodeErrorContexts(
  view: DataView,
  at: number,
  end: number,
  count: number,
): readonly ErrorContext[] | undefined {
  const contexts: ErrorContext[] = [];
  let start = at;
  for (let i = 0; i < count; i++) {
    if (end - start < CONTEXT_HEAD_SIZE) return undefined;
    const dataAt = start + CONTEXT_HEAD_SIZE;
    const dataEnd = dataAt + view.getUint32(start, LE);
    if (dataEnd > end) return undefined;
    contexts.push({ id: view.getUint32(start + 4, LE), data: slice(view, dataAt, dataEnd) });
    start = dataEnd + ((8 - ((dataEnd - at) & 7)) & 7);
  }
  return contexts;
}

/** Writes the 9 bytes that answer nearly every failed request. */
export function encodeErrorResponse(view: DataView, at: number): number {
  view.setUint32(at, 9, LE);
  view.setUint32(at + 4, 0, LE);
  view.setUint8(at + 8, 0);
  return at + 9;
}

/** Writes ErrorData without contexts: dialects before 3.1.1. */
export function encodeErrorResponseData(view: DataView, at: number, data: Uint8Array): number {
  if (data.length === 0) return encodeErrorResponse(view, at);
  view.setUint32(at, 9, LE);
  view.setUint32(at + 4, data.length, LE);
  return put(view, at + FIXED_SIZE, data);
}

/** Writes error contexts: dialect 3.1.1. */
export function encodeErrorResponseContexts(
  view: DataView,
  at: number,
  contexts: readonly ErrorContext[],
): number {
  if (contexts.length === 0) return encodeErrorResponse(view, at);
  let end = at + FIXED_SIZE;
  for (const context of contexts) {
    const start = padTo8(view, at, end);
    view.setUint32(start, context.data.length, LE);
    view.setUint32(start + 4, context.id, LE);
    end = put(view, start + CONTEXT_HEAD_SIZE, context.data);
  }
  view.setUint16(at, 9, LE);
  view.setUint8(at + 2, contexts.length);
  view.setUint8(at + 3, 0);
  view.setUint32(at + 4, end - at - FIXED_SIZE, LE);
  return end;
}

/**
 * [MS-SMB2] 2.2.2.2.1 Symbolic Link Error Response, with STATUS_STOPPED_ON_SYMLINK
 *
 *    0   4  SymLinkLength         of what follows this field
 *    4   4  SymLinkErrorTag       0x4C4D5953
 *    8   4  ReparseTag            0xA000000C
 *   12   2  ReparseDataLength     of PathBuffer plus 12
 *   14   2  UnparsedPathLength    bytes of the request's name behind the link
 *   16   2  SubstituteNameOffset  in PathBuffer
 *   18   2  SubstituteNameLength
 *   20   2  PrintNameOffset       in PathBuffer
 *   22   2  PrintNameLength
 *   24   4  Flags                 SYMLINK_FLAG_RELATIVE 1
 *   28   -  PathBuffer
 */
export interface SymbolicLinkError {
  /** In bytes: twice the UTF-16 code units of the path that the server did not walk. */
  readonly unparsedPathLength: number;
  readonly substituteName: string;
  readonly printName: string;
  readonly flags: number;
}
export const SYMLINK_FLAG_RELATIVE = 0x0000_0001;
const SYMLINK_ERROR_TAG = 0x4c4d_5953;
const IO_REPARSE_TAG_SYMLINK = 0xa000_000c;
const SYMLINK_FIXED_SIZE = 28;

/** Undefined when the bytes are no symbolic link error. */
export function decodeSymbolicLinkError(
  view: DataView,
  at: number,
  end: number,
): SymbolicLinkError | undefined {
  if (end - at < SYMLINK_FIXED_SIZE) return undefined;
  const linkEnd = at + 4 + view.getUint32(at, LE);
  if (linkEnd > end || linkEnd < at + SYMLINK_FIXED_SIZE) return undefined;
  if (view.getUint32(at + 4, LE) !== SYMLINK_ERROR_TAG) return undefined;
  if (view.getUint32(at + 8, LE) !== IO_REPARSE_TAG_SYMLINK) return undefined;
  const substituteName = pathAt(view, at + SYMLINK_FIXED_SIZE, linkEnd, at + 16);
  const printName = pathAt(view, at + SYMLINK_FIXED_SIZE, linkEnd, at + 20);
  if (substituteName === undefined || printName === undefined) return undefined;
  return {
    unparsedPathLength: view.getUint16(at + 14, LE),
    substituteName,
    printName,
    flags: view.getUint32(at + 24, LE),
  };
}

/** The name whose offset in `[at, end)` and length stand at `field`. */
function pathAt(view: DataView, at: number, end: number, field: number): string | undefined {
  const start = at + view.getUint16(field, LE);
  const length = view.getUint16(field + 2, LE);
  if (length % 2 !== 0 || start + length > end) return undefined;
  return decodeUtf16(view, start, start + length);
}

/** Writes the error data: the whole ErrorData, or that of an SMB2_ERROR_ID_DEFAULT context. */
export function encodeSymbolicLinkError(
  view: DataView,
  at: number,
  error: SymbolicLinkError,
): number {
  const pathsAt = at + SYMLINK_FIXED_SIZE;
  const substituteEnd = encodeUtf16(view, pathsAt, error.substituteName);
  const end = encodeUtf16(view, substituteEnd, error.printName);
  view.setUint32(at, end - at - 4, LE);
  view.setUint32(at + 4, SYMLINK_ERROR_TAG, LE);
  view.setUint32(at + 8, IO_REPARSE_TAG_SYMLINK, LE);
  view.setUint16(at + 12, end - pathsAt + 12, LE);
  view.setUint16(at + 14, error.unparsedPathLength, LE);
  view.setUint16(at + 16, 0, LE);
  view.setUint16(at + 18, substituteEnd - pathsAt, LE);
  view.setUint16(at + 20, substituteEnd - pathsAt, LE);
  view.setUint16(at + 22, end - substituteEnd, LE);
  view.setUint32(at + 24, error.flags, LE);
  return end;
}

/** The bytes that `encodeSymbolicLinkError` writes. */
export function symbolicLinkErrorSize(error: SymbolicLinkError): number {
  return SYMLINK_FIXED_SIZE + 2 * (error.substituteName.length + error.printName.length);
}

import { LE } from '../../base/bytes.ts';
import { decodeUtf16, encodeUtf16 } from '../../base/utf16le.ts';
import { type FileId, getFileId, setFileId } from './file-id.ts';
import {
  decodeOutputBuffer,
  encodeOutputBufferHead,
  OUTPUT_BUFFER_HEAD,
  type OutputBufferResponse,
} from './output-buffer.ts';
import { offsetFromHeader, partAt } from './variable.ts';

/**
 * [MS-SMB2] 2.2.33 SMB2 QUERY_DIRECTORY Request
 *
 *    0   2  StructureSize         33
 *    2   1  FileInformationClass
 *    3   1  Flags
 *    4   4  FileIndex
 *    8  16  FileId
 *   24   2  FileNameOffset
 *   26   2  FileNameLength
 *   28   4  OutputBufferLength
 *   32   -  Buffer
 */
export interface QueryDirectoryRequest {
  readonly fileInformationClass: number;
  readonly flags: number;
  readonly fileIndex: number;
  readonly fileId: FileId;
  /** The search pattern; may be empty. */
  readonly fileName: string;
  readonly outputBufferLength: number;
}
const REQUEST_SIZE = 32;

/** Undefined when the bytes are no QUERY_DIRECTORY Request. */
export function decodeQueryDirectoryRequest(
  view: DataView,
  at: number,
  end: number,
): QueryDirectoryRequest | undefined {
  if (end - at < REQUEST_SIZE) return undefined;
  if (view.getUint16(at, LE) !== 33) return undefined;
  const nameLength = view.getUint16(at + 26, LE);
  if (nameLength % 2 !== 0) return undefined;
  const nameAt = partAt(at, end, REQUEST_SIZE, view.getUint16(at + 24, LE), nameLength);
  if (nameAt === undefined) return undefined;
  return {
    fileInformationClass: view.getUint8(at + 2),
    flags: view.getUint8(at + 3),
    fileIndex: view.getUint32(at + 4, LE),
    fileId: getFileId(view, at + 8),
    fileName: decodeUtf16(view, nameAt, nameAt + nameLength),
    outputBufferLength: view.getUint32(at + 28, LE),
  };
}

export function encodeQueryDirectoryRequest(
  view: DataView,
  at: number,
  request: QueryDirectoryRequest,
): number {
  view.setUint16(at, 33, LE);
  view.setUint8(at + 2, request.fileInformationClass);
  view.setUint8(at + 3, request.flags);
  view.setUint32(at + 4, request.fileIndex, LE);
  setFileId(view, at + 8, request.fileId);
  view.setUint16(at + 24, offsetFromHeader(at, at + REQUEST_SIZE), LE);
  view.setUint16(at + 26, request.fileName.length * 2, LE);
  view.setUint32(at + 28, request.outputBufferLength, LE);
  const end = encodeUtf16(view, at + REQUEST_SIZE, request.fileName);
  if (request.fileName.length > 0) return end;
  // The odd StructureSize promises one byte of Buffer, and servers insist on it.
  view.setUint8(end, 0);
  return end + 1;
}

/** Bytes before the entries: produce them straight at `at + QUERY_DIRECTORY_RESPONSE_HEAD`. */
export const QUERY_DIRECTORY_RESPONSE_HEAD: number = OUTPUT_BUFFER_HEAD;

/** [MS-SMB2] 2.2.34 SMB2 QUERY_DIRECTORY Response */
export function decodeQueryDirectoryResponse(
  view: DataView,
  at: number,
  end: number,
): OutputBufferResponse | undefined {
  return decodeOutputBuffer(view, at, end);
}

/** Writes the head before entries that stand behind it; returns the message's end. */
export function encodeQueryDirectoryResponseHead(
  view: DataView,
  at: number,
  length: number,
): number {
  return encodeOutputBufferHead(view, at, length);
}

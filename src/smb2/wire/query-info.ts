import { LE, put } from '../../base/bytes.ts';
import { type FileId, getFileId, setFileId } from './file-id.ts';
import {
  decodeOutputBuffer,
  encodeOutputBuffer,
  encodeOutputBufferHead,
  OUTPUT_BUFFER_HEAD,
  type OutputBufferResponse,
} from './output-buffer.ts';
import { offsetFromHeader, part } from './variable.ts';

/**
 * [MS-SMB2] 2.2.37 SMB2 QUERY_INFO Request
 *
 *    0   2  StructureSize          41
 *    2   1  InfoType
 *    3   1  FileInfoClass
 *    4   4  OutputBufferLength
 *    8   2  InputBufferOffset
 *   10   2  Reserved
 *   12   4  InputBufferLength
 *   16   4  AdditionalInformation
 *   20   4  Flags
 *   24  16  FileId
 *   40   -  Buffer
 */
export interface QueryInfoRequest {
  readonly infoType: number;
  readonly fileInfoClass: number;
  readonly outputBufferLength: number;
  readonly additionalInformation: number;
  readonly flags: number;
  readonly fileId: FileId;
  readonly input: Uint8Array;
}
const REQUEST_SIZE = 40;

/** Undefined when the bytes are no QUERY_INFO Request. */
export function decodeQueryInfoRequest(
  view: DataView,
  at: number,
  end: number,
): QueryInfoRequest | undefined {
  if (end - at < REQUEST_SIZE) return undefined;
  if (view.getUint16(at, LE) !== 41) return undefined;
  const inputOffset = view.getUint16(at + 8, LE);
  const input = part(view, at, end, REQUEST_SIZE, inputOffset, view.getUint32(at + 12, LE));
  if (input === undefined) return undefined;
  return {
    infoType: view.getUint8(at + 2),
    fileInfoClass: view.getUint8(at + 3),
    outputBufferLength: view.getUint32(at + 4, LE),
    additionalInformation: view.getUint32(at + 16, LE),
    flags: view.getUint32(at + 20, LE),
    fileId: getFileId(view, at + 24),
    input,
  };
}

export function encodeQueryInfoRequest(
  view: DataView,
  at: number,
  request: QueryInfoRequest,
): number {
  const { input } = request;
  view.setUint16(at, 41, LE);
  view.setUint8(at + 2, request.infoType);
  view.setUint8(at + 3, request.fileInfoClass);
  view.setUint32(at + 4, request.outputBufferLength, LE);
  view.setUint16(at + 8, input.length === 0 ? 0 : offsetFromHeader(at, at + REQUEST_SIZE), LE);
  view.setUint16(at + 10, 0, LE);
  view.setUint32(at + 12, input.length, LE);
  view.setUint32(at + 16, request.additionalInformation, LE);
  view.setUint32(at + 20, request.flags, LE);
  setFileId(view, at + 24, request.fileId);
  if (input.length > 0) return put(view, at + REQUEST_SIZE, input);
  // The odd StructureSize promises one byte of Buffer, and servers insist on it.
  view.setUint8(at + REQUEST_SIZE, 0);
  return at + REQUEST_SIZE + 1;
}

/** Bytes before the information: produce it straight at `at + QUERY_INFO_RESPONSE_HEAD`. */
export const QUERY_INFO_RESPONSE_HEAD: number = OUTPUT_BUFFER_HEAD;

/** [MS-SMB2] 2.2.38 SMB2 QUERY_INFO Response */
export function decodeQueryInfoResponse(
  view: DataView,
  at: number,
  end: number,
): OutputBufferResponse | undefined {
  return decodeOutputBuffer(view, at, end);
}

/** Writes the head before information that stands behind it; returns the message's end. */
export function encodeQueryInfoResponseHead(view: DataView, at: number, length: number): number {
  return encodeOutputBufferHead(view, at, length);
}

export function encodeQueryInfoResponse(view: DataView, at: number, buffer: Uint8Array): number {
  return encodeOutputBuffer(view, at, buffer);
}

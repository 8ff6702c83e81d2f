import { LE, put } from '../../base/bytes.ts';
import { type FileId, getFileId, setFileId } from './file-id.ts';
import { offsetFromHeader, part } from './variable.ts';

/**
 * [MS-SMB2] 2.2.39 SMB2 SET_INFO Request
 *
 *    0   2  StructureSize          33
 *    2   1  InfoType
 *    3   1  FileInfoClass
 *    4   4  BufferLength
 *    8   2  BufferOffset
 *   10   2  Reserved
 *   12   4  AdditionalInformation
 *   16  16  FileId
 *   32   -  Buffer
 */
export interface SetInfoRequest {
  readonly infoType: number;
  readonly fileInfoClass: number;
  readonly additionalInformation: number;
  readonly fileId: FileId;
  readonly buffer: Uint8Array;
}
const REQUEST_SIZE = 32;

/** Undefined when the bytes are no SET_INFO Request. */
export function decodeSetInfoRequest(
  view: DataView,
  at: number,
  end: number,
): SetInfoRequest | undefined {
  if (end - at < REQUEST_SIZE) return undefined;
  if (view.getUint16(at, LE) !== 33) return undefined;
  const length = view.getUint32(at + 4, LE);
  const buffer = part(view, at, end, REQUEST_SIZE, view.getUint16(at + 8, LE), length);
  if (buffer === undefined) return undefined;
  return {
    infoType: view.getUint8(at + 2),
    fileInfoClass: view.getUint8(at + 3),
    additionalInformation: view.getUint32(at + 12, LE),
    fileId: getFileId(view, at + 16),
    buffer,
  };
}

export function encodeSetInfoRequest(view: DataView, at: number, request: SetInfoRequest): number {
  const { buffer } = request;
  view.setUint16(at, 33, LE);
  view.setUint8(at + 2, request.infoType);
  view.setUint8(at + 3, request.fileInfoClass);
  view.setUint32(at + 4, buffer.length, LE);
  view.setUint16(at + 8, offsetFromHeader(at, at + REQUEST_SIZE), LE);
  view.setUint16(at + 10, 0, LE);
  view.setUint32(at + 12, request.additionalInformation, LE);
  setFileId(view, at + 16, request.fileId);
  if (buffer.length > 0) return put(view, at + REQUEST_SIZE, buffer);
  // The odd StructureSize promises one byte of Buffer, and servers insist on it.
  view.setUint8(at + REQUEST_SIZE, 0);
  return at + REQUEST_SIZE + 1;
}

/**
 * [MS-SMB2] 2.2.40 SMB2 SET_INFO Response
 *
 *    0   2  StructureSize  2
 */
export type SetInfoResponse = Readonly<Record<string, never>>;
const SET_INFO_RESPONSE: SetInfoResponse = Object.freeze({});
const RESPONSE_SIZE = 2;

/** Undefined when the bytes are no SET_INFO Response. */
export function decodeSetInfoResponse(
  view: DataView,
  at: number,
  end: number,
): SetInfoResponse | undefined {
  if (end - at < RESPONSE_SIZE) return undefined;
  return view.getUint16(at, LE) === RESPONSE_SIZE ? SET_INFO_RESPONSE : undefined;
}

export function encodeSetInfoResponse(view: DataView, at: number): number {
  view.setUint16(at, RESPONSE_SIZE, LE);
  return at + RESPONSE_SIZE;
}

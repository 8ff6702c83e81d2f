import { LE } from '../../base/bytes.ts';
import { decodeEmptyBody, type EmptyBody, encodeEmptyBody } from './empty-body.ts';
import { type FileId, getFileId, setFileId } from './file-id.ts';

/**
 * [MS-SMB2] 2.2.17 SMB2 FLUSH Request
 *
 *    0   2  StructureSize  24
 *    2   2  Reserved1
 *    4   4  Reserved2
 *    8  16  FileId
 */
export interface FlushRequest {
  readonly fileId: FileId;
}
const REQUEST_SIZE = 24;

/** Undefined when the bytes are no FLUSH Request. */
export function decodeFlushRequest(
  view: DataView,
  at: number,
  end: number,
): FlushRequest | undefined {
  if (end - at < REQUEST_SIZE) return undefined;
  if (view.getUint16(at, LE) !== REQUEST_SIZE) return undefined;
  return { fileId: getFileId(view, at + 8) };
}

export function encodeFlushRequest(view: DataView, at: number, request: FlushRequest): number {
  view.setUint32(at, REQUEST_SIZE, LE);
  view.setUint32(at + 4, 0, LE);
  return setFileId(view, at + 8, request.fileId);
}

/** [MS-SMB2] 2.2.18 SMB2 FLUSH Response */
export function decodeFlushResponse(
  view: DataView,
  at: number,
  end: number,
): EmptyBody | undefined {
  return decodeEmptyBody(view, at, end);
}

export function encodeFlushResponse(view: DataView, at: number): number {
  return encodeEmptyBody(view, at);
}

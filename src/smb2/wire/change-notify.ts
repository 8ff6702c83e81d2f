import { LE } from '../../base/bytes.ts';
import { type FileId, getFileId, setFileId } from './file-id.ts';
import {
  decodeOutputBuffer,
  encodeOutputBuffer,
  type OutputBufferResponse,
} from './output-buffer.ts';

/**
 * [MS-SMB2] 2.2.35 SMB2 CHANGE_NOTIFY Request
 *
 *    0   2  StructureSize       32
 *    2   2  Flags
 *    4   4  OutputBufferLength
 *    8  16  FileId
 *   24   4  CompletionFilter
 *   28   4  Reserved
 */
export interface ChangeNotifyRequest {
  readonly flags: number;
  readonly outputBufferLength: number;
  readonly fileId: FileId;
  readonly completionFilter: number;
}
const REQUEST_SIZE = 32;

/** Undefined when the bytes are no CHANGE_NOTIFY Request. */
export function decodeChangeNotifyRequest(
  view: DataView,
  at: number,
  end: number,
): ChangeNotifyRequest | undefined {
  if (end - at < REQUEST_SIZE) return undefined;
  if (view.getUint16(at, LE) !== REQUEST_SIZE) return undefined;
  return {
    flags: view.getUint16(at + 2, LE),
    outputBufferLength: view.getUint32(at + 4, LE),
    fileId: getFileId(view, at + 8),
    completionFilter: view.getUint32(at + 24, LE),
  };
}

export function encodeChangeNotifyRequest(
  view: DataView,
  at: number,
  request: ChangeNotifyRequest,
): number {
  view.setUint16(at, REQUEST_SIZE, LE);
  view.setUint16(at + 2, request.flags, LE);
  view.setUint32(at + 4, request.outputBufferLength, LE);
  setFileId(view, at + 8, request.fileId);
  view.setUint32(at + 24, request.completionFilter, LE);
  view.setUint32(at + 28, 0, LE);
  return at + REQUEST_SIZE;
}

/** [MS-SMB2] 2.2.36 SMB2 CHANGE_NOTIFY Response */
export function decodeChangeNotifyResponse(
  view: DataView,
  at: number,
  end: number,
): OutputBufferResponse | undefined {
  return decodeOutputBuffer(view, at, end);
}

/** `buffer` is a list of FILE_NOTIFY_INFORMATION ([MS-FSCC] 2.7.1). */
export function encodeChangeNotifyResponse(view: DataView, at: number, buffer: Uint8Array): number {
  return encodeOutputBuffer(view, at, buffer);
}

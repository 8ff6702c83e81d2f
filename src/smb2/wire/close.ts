import { getOffset, LE, setOffset } from '../../base/bytes.ts';
import { type FileId, getFileId, setFileId } from './file-id.ts';

/**
 * [MS-SMB2] 2.2.15 SMB2 CLOSE Request
 *
 *    0   2  StructureSize  24
 *    2   2  Flags
 *    4   4  Reserved
 *    8  16  FileId
 */
export interface CloseRequest {
  readonly flags: number;
  readonly fileId: FileId;
}
const REQUEST_SIZE = 24;

/** Undefined when the bytes are no CLOSE Request. */
export function decodeCloseRequest(
  view: DataView,
  at: number,
  end: number,
): CloseRequest | undefined {
  if (end - at < REQUEST_SIZE) return undefined;
  if (view.getUint16(at, LE) !== REQUEST_SIZE) return undefined;
  return { flags: view.getUint16(at + 2, LE), fileId: getFileId(view, at + 8) };
}

export function encodeCloseRequest(view: DataView, at: number, request: CloseRequest): number {
  view.setUint16(at, REQUEST_SIZE, LE);
  view.setUint16(at + 2, request.flags, LE);
  view.setUint32(at + 4, 0, LE);
  return setFileId(view, at + 8, request.fileId);
}

/**
 * [MS-SMB2] 2.2.16 SMB2 CLOSE Response
 *
 *    0   2  StructureSize   60
 *    2   2  Flags           what follows is valid only with POSTQUERY_ATTRIB
 *    4   4  Reserved
 *    8   8  CreationTime
 *   16   8  LastAccessTime
 *   24   8  LastWriteTime
 *   32   8  ChangeTime
 *   40   8  AllocationSize
 *   48   8  EndofFile
 *   56   4  FileAttributes
 */
export interface CloseResponse {
  readonly flags: number;
  /** The four times are FILETIMEs. */
  readonly creationTime: bigint;
  readonly lastAccessTime: bigint;
  readonly lastWriteTime: bigint;
  readonly changeTime: bigint;
  readonly allocationSize: number;
  readonly endOfFile: number;
  readonly fileAttributes: number;
}
const RESPONSE_SIZE = 60;

/** The answer to a CLOSE that asked for no attributes. */
export const CLOSE_RESPONSE_EMPTY: CloseResponse = {
  flags: 0,
  creationTime: 0n,
  lastAccessTime: 0n,
  lastWriteTime: 0n,
  changeTime: 0n,
  allocationSize: 0,
  endOfFile: 0,
  fileAttributes: 0,
};

/** Undefined when the bytes are no CLOSE Response, or a size exceeds 2^53 - 1. */
export function decodeCloseResponse(
  view: DataView,
  at: number,
  end: number,
): CloseResponse | undefined {
  if (end - at < RESPONSE_SIZE) return undefined;
  if (view.getUint16(at, LE) !== RESPONSE_SIZE) return undefined;
  const allocationSize = getOffset(view, at + 40);
  const endOfFile = getOffset(view, at + 48);
  if (allocationSize === undefined || endOfFile === undefined) return undefined;
  return {
    flags: view.getUint16(at + 2, LE),
    creationTime: view.getBigUint64(at + 8, LE),
    lastAccessTime: view.getBigUint64(at + 16, LE),
    lastWriteTime: view.getBigUint64(at + 24, LE),
    changeTime: view.getBigUint64(at + 32, LE),
    allocationSize,
    endOfFile,
    fileAttributes: view.getUint32(at + 56, LE),
  };
}

export function encodeCloseResponse(view: DataView, at: number, response: CloseResponse): number {
  view.setUint16(at, RESPONSE_SIZE, LE);
  view.setUint16(at + 2, response.flags, LE);
  view.setUint32(at + 4, 0, LE);
  view.setBigUint64(at + 8, response.creationTime, LE);
  view.setBigUint64(at + 16, response.lastAccessTime, LE);
  view.setBigUint64(at + 24, response.lastWriteTime, LE);
  view.setBigUint64(at + 32, response.changeTime, LE);
  setOffset(view, at + 40, response.allocationSize);
  setOffset(view, at + 48, response.endOfFile);
  view.setUint32(at + 56, response.fileAttributes, LE);
  return at + RESPONSE_SIZE;
}

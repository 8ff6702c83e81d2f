import { LE, put } from '../../base/bytes.ts';
import { type FileId, getFileId, setFileId } from './file-id.ts';
import { offsetFromHeader, part } from './variable.ts';

/**
 * [MS-SMB2] 2.2.31 SMB2 IOCTL Request
 *
 *    0   2  StructureSize      57
 *    2   2  Reserved
 *    4   4  CtlCode
 *    8  16  FileId
 *   24   4  InputOffset
 *   28   4  InputCount
 *   32   4  MaxInputResponse
 *   36   4  OutputOffset
 *   40   4  OutputCount        0
 *   44   4  MaxOutputResponse
 *   48   4  Flags
 *   52   4  Reserved2
 *   56   -  Buffer
 */
export interface IoctlRequest {
  readonly ctlCode: number;
  readonly fileId: FileId;
  readonly maxInputResponse: number;
  readonly maxOutputResponse: number;
  readonly flags: number;
  readonly input: Uint8Array;
}
const REQUEST_SIZE = 56;

/** Undefined when the bytes are no IOCTL Request; its output part is checked and forgotten. */
export function decodeIoctlRequest(
  view: DataView,
  at: number,
  end: number,
): IoctlRequest | undefined {
  if (end - at < REQUEST_SIZE) return undefined;
  if (view.getUint16(at, LE) !== 57) return undefined;
  const input = bufferAt(view, at, end, REQUEST_SIZE, at + 24);
  const outputOffset = view.getUint32(at + 36, LE);
  const outputCount = view.getUint32(at + 40, LE);
  const output = part(view, at, end, REQUEST_SIZE, outputOffset, outputCount);
  if (input === undefined || output === undefined) return undefined;
  return {
    ctlCode: view.getUint32(at + 4, LE),
    fileId: getFileId(view, at + 8),
    maxInputResponse: view.getUint32(at + 32, LE),
    maxOutputResponse: view.getUint32(at + 44, LE),
    flags: view.getUint32(at + 48, LE),
    input,
  };
}

/** The part whose u32 offset and count stand at `field`. */
function bufferAt(
  view: DataView,
  at: number,
  end: number,
  fixed: number,
  field: number,
): Uint8Array | undefined {
  return part(view, at, end, fixed, view.getUint32(field, LE), view.getUint32(field + 4, LE));
}

export function encodeIoctlRequest(view: DataView, at: number, request: IoctlRequest): number {
  const { input } = request;
  view.setUint32(at, 57, LE);
  view.setUint32(at + 4, request.ctlCode, LE);
  setFileId(view, at + 8, request.fileId);
  view.setUint32(at + 24, offsetFromHeader(at, at + REQUEST_SIZE), LE);
  view.setUint32(at + 28, input.length, LE);
  view.setUint32(at + 32, request.maxInputResponse, LE);
  view.setUint32(at + 36, 0, LE);
  view.setUint32(at + 40, 0, LE);
  view.setUint32(at + 44, request.maxOutputResponse, LE);
  view.setUint32(at + 48, request.flags, LE);
  view.setUint32(at + 52, 0, LE);
  if (input.length > 0) return put(view, at + REQUEST_SIZE, input);
  // The odd StructureSize promises one byte of Buffer, and servers insist on it.
  view.setUint8(at + REQUEST_SIZE, 0);
  return at + REQUEST_SIZE + 1;
}

/**
 * [MS-SMB2] 2.2.32 SMB2 IOCTL Response
 *
 *    0   2  StructureSize  49
 *    2   2  Reserved
 *    4   4  CtlCode
 *    8  16  FileId
 *   24   4  InputOffset
 *   28   4  InputCount     0
 *   32   4  OutputOffset
 *   36   4  OutputCount
 *   40   4  Flags          0
 *   44   4  Reserved2
 *   48   -  Buffer
 */
export interface IoctlResponse {
  readonly ctlCode: number;
  readonly fileId: FileId;
  readonly output: Uint8Array;
}

/** Bytes before the output: produce it straight at `at + IOCTL_RESPONSE_HEAD`. */
export const IOCTL_RESPONSE_HEAD = 48;

/** Undefined when the bytes are no IOCTL Response; its input part is not looked at. */
export function decodeIoctlResponse(
  view: DataView,
  at: number,
  end: number,
): IoctlResponse | undefined {
  if (end - at < IOCTL_RESPONSE_HEAD) return undefined;
  if (view.getUint16(at, LE) !== 49) return undefined;
  const output = bufferAt(view, at, end, IOCTL_RESPONSE_HEAD, at + 32);
  if (output === undefined) return undefined;
  return { ctlCode: view.getUint32(at + 4, LE), fileId: getFileId(view, at + 8), output };
}

/** What stands before the output. */
export interface IoctlResponseHead {
  readonly ctlCode: number;
  readonly fileId: FileId;
  readonly outputCount: number;
}

/** Writes the 48 bytes before the output, which stands behind them; returns the message's end. */
export function encodeIoctlResponseHead(
  view: DataView,
  at: number,
  head: IoctlResponseHead,
): number {
  view.setUint32(at, 49, LE);
  view.setUint32(at + 4, head.ctlCode, LE);
  setFileId(view, at + 8, head.fileId);
  const outputAt = at + IOCTL_RESPONSE_HEAD;
  view.setUint32(at + 24, offsetFromHeader(at, outputAt), LE);
  view.setUint32(at + 28, 0, LE);
  view.setUint32(at + 32, offsetFromHeader(at, outputAt), LE);
  view.setUint32(at + 36, head.outputCount, LE);
  view.setUint32(at + 40, 0, LE);
  view.setUint32(at + 44, 0, LE);
  return outputAt + head.outputCount;
}

export function encodeIoctlResponse(view: DataView, at: number, response: IoctlResponse): number {
  const { ctlCode, fileId, output } = response;
  put(view, at + IOCTL_RESPONSE_HEAD, output);
  return encodeIoctlResponseHead(view, at, { ctlCode, fileId, outputCount: output.length });
}

import { LE, put } from '../../base/bytes.ts';
import { offsetFromHeader, part } from './variable.ts';

/**
 * The response body that three commands share:
 *
 * [MS-SMB2] 2.2.34 SMB2 QUERY_DIRECTORY Response, 2.2.36 SMB2 CHANGE_NOTIFY Response,
 * 2.2.38 SMB2 QUERY_INFO Response
 *
 *    0   2  StructureSize       9
 *    2   2  OutputBufferOffset
 *    4   4  OutputBufferLength
 *    8   -  Buffer
 */
export interface OutputBufferResponse {
  readonly buffer: Uint8Array;
}

/** Bytes before the buffer: produce it straight at `at + OUTPUT_BUFFER_HEAD`. */
export const OUTPUT_BUFFER_HEAD = 8;

/** Undefined when the bytes are not this body. */
export function decodeOutputBuffer(
  view: DataView,
  at: number,
  end: number,
): OutputBufferResponse | undefined {
  if (end - at < OUTPUT_BUFFER_HEAD) return undefined;
  if (view.getUint16(at, LE) !== 9) return undefined;
  const offset = view.getUint16(at + 2, LE);
  const buffer = part(view, at, end, OUTPUT_BUFFER_HEAD, offset, view.getUint32(at + 4, LE));
  return buffer === undefined ? undefined : { buffer };
}

/** Writes the 8 bytes before a buffer that stands behind them; returns the message's end. */
export function encodeOutputBufferHead(view: DataView, at: number, length: number): number {
  const bufferAt = at + OUTPUT_BUFFER_HEAD;
  view.setUint16(at, 9, LE);
  view.setUint16(at + 2, offsetFromHeader(at, bufferAt), LE);
  view.setUint32(at + 4, length, LE);
  return bufferAt + length;
}

export function encodeOutputBuffer(view: DataView, at: number, buffer: Uint8Array): number {
  put(view, at + OUTPUT_BUFFER_HEAD, buffer);
  return encodeOutputBufferHead(view, at, buffer.length);
}

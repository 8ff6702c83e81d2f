import { LE } from '../base/bytes.ts';
import { decodeUtf16, encodeUtf16 } from '../base/utf16le.ts';

export interface PipeWait {
  /** In 100 ns units; undefined: the pipe's default. */
  readonly timeout: bigint | undefined;
  /** Without '\PIPE\'. */
  readonly name: string;
}

const HEADER_SIZE = 14;

/**
 * [MS-FSCC] 2.3.49 FSCTL_PIPE_WAIT Request; undefined when the bytes are none.
 *
 *    0   8  Timeout
 *    8   4  NameLength
 *   12   1  TimeoutSpecified
 *   13   1  Padding
 *   14      Name
 */
export function decodePipeWait(view: DataView, at: number, end: number): PipeWait | undefined {
  if (end - at < HEADER_SIZE) return undefined;
  const length = view.getUint32(at + 8, LE);
  if (length % 2 !== 0 || length > end - at - HEADER_SIZE) return undefined;
  const timeout = view.getUint8(at + 12) === 0 ? undefined : view.getBigInt64(at, LE);
  return { timeout, name: decodeUtf16(view, at + HEADER_SIZE, at + HEADER_SIZE + length) };
}

export function encodePipeWait(view: DataView, at: number, wait: PipeWait): number {
  view.setBigInt64(at, wait.timeout ?? 0n, LE);
  view.setUint32(at + 8, 2 * wait.name.length, LE);
  view.setUint8(at + 12, wait.timeout === undefined ? 0 : 1);
  view.setUint8(at + 13, 0);
  return encodeUtf16(view, at + HEADER_SIZE, wait.name);
}

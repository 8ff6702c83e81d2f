import { getOffset, LE, put, setOffset, slice } from '../base/bytes.ts';

/** [MS-FSCC] 2.1.11 STORAGE_OFFLOAD_TOKEN: type, reserved, length of the id, id. */
export const OFFLOAD_TOKEN_SIZE = 512;
export const OFFLOAD_TOKEN_ID_SIZE = 504;
const TOKEN_ID_OFFSET = 8;
/** Big-endian, as SCSI has it: STORAGE_OFFLOAD_TOKEN_TYPE_ZERO_DATA, and one of a vendor's own. */
const TOKEN_TYPE_ZERO_DATA = 0xffff_0001;
const TOKEN_TYPE_VENDOR = 0x0000_0001;

const READ_INPUT_SIZE = 32;
export const OFFLOAD_READ_OUTPUT_SIZE = 528;
const WRITE_INPUT_SIZE = 544;
export const OFFLOAD_WRITE_OUTPUT_SIZE = 16;

export type OffloadToken = { readonly kind: 'zero' } | { readonly kind: 'id'; id: Uint8Array };

export interface OffloadRead {
  /** Milliseconds; 0 leaves it to the server. */
  readonly timeToLiveMs: number;
  readonly offset: number;
  readonly length: number;
}

export interface OffloadWrite {
  readonly offset: number;
  readonly length: number;
  /** Where in the token's data to begin. */
  readonly transferOffset: number;
  /** Undefined: none of this server's, by its looks. */
  readonly token: OffloadToken | undefined;
}

/**
 * [MS-FSCC] 2.3.41 FSCTL_OFFLOAD_READ Request: undefined when the bytes are none, offsets above
 * 2^53 - 1 included.
 *
 *    0   4  Size             32
 *    4   4  Flags            0
 *    8   4  TokenTimeToLive
 *   12   4  Reserved
 *   16   8  FileOffset
 *   24   8  CopyLength
 */
export function decodeOffloadRead(
  view: DataView,
  at: number,
  end: number,
): OffloadRead | undefined {
  if (end - at < READ_INPUT_SIZE || view.getUint32(at, LE) !== READ_INPUT_SIZE) return undefined;
  const offset = getOffset(view, at + 16);
  const length = getOffset(view, at + 24);
  if (offset === undefined || length === undefined) return undefined;
  return { timeToLiveMs: view.getUint32(at + 8, LE), offset, length };
}

export function encodeOffloadRead(view: DataView, at: number, read: OffloadRead): number {
  view.setUint32(at, READ_INPUT_SIZE, LE);
  view.setUint32(at + 4, 0, LE);
  view.setUint32(at + 8, read.timeToLiveMs, LE);
  view.setUint32(at + 12, 0, LE);
  setOffset(view, at + 16, read.offset);
  setOffset(view, at + 24, read.length);
  return at + READ_INPUT_SIZE;
}

/**
 * [MS-FSCC] 2.3.42 FSCTL_OFFLOAD_READ Reply.
 *
 *    0   4  Size            528
 *    4   4  Flags           0
 *    8   8  TransferLength
 *   16 512  Token
 */
export function encodeOffloadReadOutput(
  view: DataView,
  at: number,
  output: { readonly transferLength: number; readonly id: Uint8Array },
): number {
  view.setUint32(at, OFFLOAD_READ_OUTPUT_SIZE, LE);
  view.setUint32(at + 4, 0, LE);
  setOffset(view, at + 8, output.transferLength);
  return encodeOffloadToken(view, at + 16, { kind: 'id', id: output.id });
}

/**
 * [MS-FSCC] 2.3.43 FSCTL_OFFLOAD_WRITE Request: undefined as in `decodeOffloadRead`.
 *
 *    0   4  Size            544
 *    4   4  Flags           0
 *    8   8  FileOffset
 *   16   8  CopyLength
 *   24   8  TransferOffset
 *   32 512  Token
 */
export function decodeOffloadWrite(
  view: DataView,
  at: number,
  end: number,
): OffloadWrite | undefined {
  if (end - at < WRITE_INPUT_SIZE || view.getUint32(at, LE) !== WRITE_INPUT_SIZE) return undefined;
  const offset = getOffset(view, at + 8);
  const length = getOffset(view, at + 16);
  const transferOffset = getOffset(view, at + 24);
  if (offset === undefined || length === undefined || transferOffset === undefined) {
    return undefined;
  }
  return { offset, length, transferOffset, token: decodeOffloadToken(view, at + 32) };
}

export function encodeOffloadWrite(
  view: DataView,
  at: number,
  write: OffloadWrite & { readonly token: OffloadToken },
): number {
  view.setUint32(at, WRITE_INPUT_SIZE, LE);
  view.setUint32(at + 4, 0, LE);
  setOffset(view, at + 8, write.offset);
  setOffset(view, at + 16, write.length);
  setOffset(view, at + 24, write.transferOffset);
  return encodeOffloadToken(view, at + 32, write.token);
}

/** [MS-FSCC] 2.3.44 FSCTL_OFFLOAD_WRITE Reply: Size, Flags, LengthWritten. */
export function encodeOffloadWriteOutput(
  view: DataView,
  at: number,
  lengthWritten: number,
): number {
  view.setUint32(at, OFFLOAD_WRITE_OUTPUT_SIZE, LE);
  view.setUint32(at + 4, 0, LE);
  setOffset(view, at + 8, lengthWritten);
  return at + OFFLOAD_WRITE_OUTPUT_SIZE;
}

function decodeOffloadToken(view: DataView, at: number): OffloadToken | undefined {
  const type = view.getUint32(at);
  if (type === TOKEN_TYPE_ZERO_DATA) return { kind: 'zero' };
  if (type !== TOKEN_TYPE_VENDOR || view.getUint16(at + 6) !== OFFLOAD_TOKEN_ID_SIZE) {
    return undefined;
  }
  const id = slice(view, at + TOKEN_ID_OFFSET, at + OFFLOAD_TOKEN_SIZE);
  return { kind: 'id', id };
}

function encodeOffloadToken(view: DataView, at: number, token: OffloadToken): number {
  const end = at + OFFLOAD_TOKEN_SIZE;
  for (let i = at; i < end; i++) view.setUint8(i, 0);
  view.setUint32(at, token.kind === 'zero' ? TOKEN_TYPE_ZERO_DATA : TOKEN_TYPE_VENDOR);
  view.setUint16(at + 6, OFFLOAD_TOKEN_ID_SIZE);
  if (token.kind === 'id') put(view, at + TOKEN_ID_OFFSET, token.id);
  return end;
}

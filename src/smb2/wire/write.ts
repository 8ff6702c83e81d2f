import { getOffset, LE, put, setOffset, slice } from '../../base/bytes.ts';
import { type FileId, getFileId, setFileId } from './file-id.ts';
import { offsetFromHeader, part, partAt } from './variable.ts';

/**
 * [MS-SMB2] 2.2.21 SMB2 WRITE Request
 *
 *    0   2  StructureSize           49
 *    2   2  DataOffset
 *    4   4  Length
 *    8   8  Offset
 *   16  16  FileId
 *   32   4  Channel                 3.x; otherwise reserved
 *   36   4  RemainingBytes
 *   40   2  WriteChannelInfoOffset
 *   42   2  WriteChannelInfoLength
 *   44   4  Flags
 *   48   -  Buffer
 *
 * This is the request without its bytes: where they stand in the view, and how many they are.
 */
export interface WriteRequestHead {
  readonly dataOffset: number;
  readonly dataAt: number;
  readonly length: number;
  /** Undefined above 2^53 - 1, beyond every file: the handler refuses it. */
  readonly offset: number | undefined;
  readonly fileId: FileId;
  /** Other than SMB2_CHANNEL_NONE: `decodeWriteChannelInfo` has the descriptors. */
  readonly channel: number;
  /** With them, how many bytes they are for. */
  readonly remainingBytes: number;
  readonly flags: number;
}

/** The request with its bytes in one piece. */
export interface WriteRequest extends WriteRequestHead {
  readonly data: Uint8Array;
}

/** Bytes before the data as clients place it. */
export const WRITE_REQUEST_HEAD = 48;

/**
 * Undefined when the bytes are no WRITE Request. Only the fixed part and channel info must be in
 * the view: `end` may lie beyond it, for data that was received in pieces.
 */
export function decodeWriteRequestHead(
  view: DataView,
  at: number,
  end: number,
): WriteRequestHead | undefined {
  if (end - at < WRITE_REQUEST_HEAD) return undefined;
  if (view.getUint16(at, LE) !== 49) return undefined;
  const length = view.getUint32(at + 4, LE);
  const dataOffset = view.getUint16(at + 2, LE);
  const dataAt = partAt(at, end, WRITE_REQUEST_HEAD, dataOffset, length);
  if (dataAt === undefined) return undefined;
  return {
    dataOffset,
    dataAt,
    length,
    offset: getOffset(view, at + 8),
    fileId: getFileId(view, at + 16),
    channel: view.getUint32(at + 32, LE),
    remainingBytes: view.getUint32(at + 36, LE),
    flags: view.getUint32(at + 44, LE),
  };
}

/** The channel's descriptors of a WRITE Request; undefined when they are not in the message. */
export function decodeWriteChannelInfo(
  view: DataView,
  at: number,
  end: number,
): Uint8Array | undefined {
  if (end - at < WRITE_REQUEST_HEAD) return undefined;
  const offset = view.getUint16(at + 40, LE);
  return part(view, at, end, WRITE_REQUEST_HEAD, offset, view.getUint16(at + 42, LE));
}

/** Undefined when the bytes are no WRITE Request. `data` is a view: copy it before it is reused. */
export function decodeWriteRequest(
  view: DataView,
  at: number,
  end: number,
): WriteRequest | undefined {
  const head = decodeWriteRequestHead(view, at, end);
  if (head === undefined) return undefined;
  return {
    dataOffset: head.dataOffset,
    dataAt: head.dataAt,
    length: head.length,
    offset: head.offset,
    fileId: head.fileId,
    channel: head.channel,
    remainingBytes: head.remainingBytes,
    flags: head.flags,
    data: slice(view, head.dataAt, head.dataAt + head.length),
  };
}

/** What a client chooses in a WRITE Request whose data is in the message. */
export interface WriteParameters {
  readonly fileId: FileId;
  readonly offset: number;
  readonly length: number;
  readonly remainingBytes: number;
  readonly flags: number;
}

/** What it chooses when the data is in memory that `channelInfo` describes. */
export interface ChannelWriteParameters extends Omit<WriteParameters, 'length'> {
  readonly channel: number;
  readonly channelInfo: Uint8Array;
}

/** Writes the request with its descriptors; `remainingBytes` is how much data there is. */
export function encodeChannelWriteRequest(
  view: DataView,
  at: number,
  write: ChannelWriteParameters,
): number {
  encodeWriteRequestHead(view, at, { ...write, length: 0 });
  view.setUint16(at + 2, 0, LE);
  view.setUint32(at + 32, write.channel, LE);
  view.setUint16(at + 40, offsetFromHeader(at, at + WRITE_REQUEST_HEAD), LE);
  view.setUint16(at + 42, write.channelInfo.length, LE);
  return put(view, at + WRITE_REQUEST_HEAD, write.channelInfo);
}

/** Writes the 48 bytes before data that stands, or will be sent, behind them; returns its start. */
export function encodeWriteRequestHead(view: DataView, at: number, write: WriteParameters): number {
  view.setUint16(at, 49, LE);
  view.setUint16(at + 2, offsetFromHeader(at, at + WRITE_REQUEST_HEAD), LE);
  view.setUint32(at + 4, write.length, LE);
  setOffset(view, at + 8, write.offset);
  setFileId(view, at + 16, write.fileId);
  view.setUint32(at + 32, 0, LE);
  view.setUint32(at + 36, write.remainingBytes, LE);
  view.setUint16(at + 40, 0, LE);
  view.setUint16(at + 42, 0, LE);
  view.setUint32(at + 44, write.flags, LE);
  return at + WRITE_REQUEST_HEAD;
}

/** Writes head and data; `length` is that of `data`. */
export function encodeWriteRequest(
  view: DataView,
  at: number,
  write: Omit<WriteParameters, 'length'> & { readonly data: Uint8Array },
): number {
  const { fileId, offset, remainingBytes, flags, data } = write;
  const head = { fileId, offset, remainingBytes, flags, length: data.length };
  return put(view, encodeWriteRequestHead(view, at, head), data);
}

/**
 * [MS-SMB2] 2.2.22 SMB2 WRITE Response
 *
 *    0   2  StructureSize           17
 *    2   2  Reserved
 *    4   4  Count
 *    8   4  Remaining               0
 *   12   2  WriteChannelInfoOffset  0
 *   14   2  WriteChannelInfoLength  0
 */
export interface WriteResponse {
  readonly count: number;
}
const RESPONSE_SIZE = 16;

/** Undefined when the bytes are no WRITE Response. */
export function decodeWriteResponse(
  view: DataView,
  at: number,
  end: number,
): WriteResponse | undefined {
  if (end - at < RESPONSE_SIZE) return undefined;
  if (view.getUint16(at, LE) !== 17) return undefined;
  return { count: view.getUint32(at + 4, LE) };
}

export function encodeWriteResponse(view: DataView, at: number, count: number): number {
  view.setUint16(at, 17, LE);
  view.setUint16(at + 2, 0, LE);
  view.setUint32(at + 4, count, LE);
  view.setUint32(at + 8, 0, LE);
  view.setUint32(at + 12, 0, LE);
  return at + RESPONSE_SIZE;
}

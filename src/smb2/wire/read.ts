import { getOffset, LE, put, setOffset } from '../../base/bytes.ts';
import { type FileId, getFileId, setFileId } from './file-id.ts';
import { offsetFromHeader, part } from './variable.ts';

/**
 * [MS-SMB2] 2.2.19 SMB2 READ Request
 *
 *    0   2  StructureSize          49
 *    2   1  Padding                the DataOffset that the client would like
 *    3   1  Flags                  3.0.2 and up; otherwise reserved
 *    4   4  Length
 *    8   8  Offset
 *   16  16  FileId
 *   32   4  MinimumCount
 *   36   4  Channel                3.x; otherwise reserved
 *   40   4  RemainingBytes
 *   44   2  ReadChannelInfoOffset
 *   46   2  ReadChannelInfoLength
 *   48   -  Buffer
 */
export interface ReadRequest {
  readonly flags: number;
  readonly length: number;
  /** Undefined above 2^53 - 1, beyond every file: the handler refuses it. */
  readonly offset: number | undefined;
  readonly fileId: FileId;
  readonly minimumCount: number;
  /** Other than SMB2_CHANNEL_NONE: `decodeReadChannelInfo` has the descriptors. */
  readonly channel: number;
  readonly remainingBytes: number;
}
const REQUEST_SIZE = 48;

/** Undefined when the bytes are no READ Request. */
export function decodeReadRequest(
  view: DataView,
  at: number,
  end: number,
): ReadRequest | undefined {
  if (end - at < REQUEST_SIZE) return undefined;
  if (view.getUint16(at, LE) !== 49) return undefined;
  return {
    flags: view.getUint8(at + 3),
    length: view.getUint32(at + 4, LE),
    offset: getOffset(view, at + 8),
    fileId: getFileId(view, at + 16),
    minimumCount: view.getUint32(at + 32, LE),
    channel: view.getUint32(at + 36, LE),
    remainingBytes: view.getUint32(at + 40, LE),
  };
}

/** The channel's descriptors of a READ Request; undefined when they are not in the message. */
export function decodeReadChannelInfo(
  view: DataView,
  at: number,
  end: number,
): Uint8Array | undefined {
  if (end - at < REQUEST_SIZE) return undefined;
  const offset = view.getUint16(at + 44, LE);
  return part(view, at, end, REQUEST_SIZE, offset, view.getUint16(at + 46, LE));
}

/** Asks for the data right behind the fixed part of the response. */
export function encodeReadRequest(
  view: DataView,
  at: number,
  request: ReadRequest & { readonly offset: number; readonly channelInfo: Uint8Array },
): number {
  const infoLength = request.channelInfo.length;
  view.setUint16(at, 49, LE);
  view.setUint8(at + 2, offsetFromHeader(at, at + READ_RESPONSE_HEAD));
  view.setUint8(at + 3, request.flags);
  view.setUint32(at + 4, request.length, LE);
  setOffset(view, at + 8, request.offset);
  setFileId(view, at + 16, request.fileId);
  view.setUint32(at + 32, request.minimumCount, LE);
  view.setUint32(at + 36, request.channel, LE);
  view.setUint32(at + 40, request.remainingBytes, LE);
  view.setUint16(at + 44, infoLength === 0 ? 0 : offsetFromHeader(at, at + REQUEST_SIZE), LE);
  view.setUint16(at + 46, infoLength, LE);
  if (infoLength > 0) return put(view, at + REQUEST_SIZE, request.channelInfo);
  // The odd StructureSize promises one byte of Buffer, and servers insist on it.
  view.setUint8(at + REQUEST_SIZE, 0);
  return at + REQUEST_SIZE + 1;
}

/**
 * [MS-SMB2] 2.2.20 SMB2 READ Response
 *
 *    0   2  StructureSize  17
 *    2   1  DataOffset     80: right behind these 16 bytes
 *    3   1  Reserved
 *    4   4  DataLength
 *    8   4  DataRemaining
 *   12   4  Flags          3.1.1; otherwise reserved
 *   16   -  Buffer
 */
export interface ReadResponse {
  readonly dataRemaining: number;
  readonly flags: number;
  readonly data: Uint8Array;
}

/** Bytes before the data: read a file straight to `at + READ_RESPONSE_HEAD`. */
export const READ_RESPONSE_HEAD = 16;

/** Undefined when the bytes are no READ Response. */
export function decodeReadResponse(
  view: DataView,
  at: number,
  end: number,
): ReadResponse | undefined {
  if (end - at < READ_RESPONSE_HEAD) return undefined;
  if (view.getUint16(at, LE) !== 17) return undefined;
  const offset = view.getUint8(at + 2);
  const data = part(view, at, end, READ_RESPONSE_HEAD, offset, view.getUint32(at + 4, LE));
  if (data === undefined) return undefined;
  return {
    dataRemaining: view.getUint32(at + 8, LE),
    flags: view.getUint32(at + 12, LE),
    data,
  };
}

/** Writes the 16 bytes before data that stands, or will be sent, behind them; returns its start. */
export function encodeReadResponseHead(
  view: DataView,
  at: number,
  dataLength: number,
  dataRemaining: number = 0,
  flags: number = 0,
): number {
  view.setUint16(at, 17, LE);
  view.setUint8(at + 2, offsetFromHeader(at, at + READ_RESPONSE_HEAD));
  view.setUint8(at + 3, 0);
  view.setUint32(at + 4, dataLength, LE);
  view.setUint32(at + 8, dataRemaining, LE);
  view.setUint32(at + 12, flags, LE);
  return at + READ_RESPONSE_HEAD;
}

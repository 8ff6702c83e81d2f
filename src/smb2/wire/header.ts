import { LE, put } from '../../base/bytes.ts';
import { SMB2_FLAGS_ASYNC_COMMAND } from './constants.ts';

/** The ProtocolId of each message kind, read as a little-endian u32. */
export const SMB1_PROTOCOL_ID = 0x424d_53ff;
export const SMB2_PROTOCOL_ID = 0x424d_53fe;
export const SMB2_TRANSFORM_PROTOCOL_ID = 0x424d_53fd;
export const SMB2_COMPRESSION_PROTOCOL_ID = 0x424d_53fc;

/**
 * [MS-SMB2] 2.2.1 SMB2 Packet Header
 *
 *    0   4  ProtocolId        0xFE 'S' 'M' 'B'
 *    4   2  StructureSize     64
 *    6   2  CreditCharge
 *    8   4  Status            in requests of the 3.x family: 2 ChannelSequence, 2 Reserved
 *   12   2  Command
 *   14   2  CreditRequest/CreditResponse
 *   16   4  Flags
 *   20   4  NextCommand       from this header to the next one, 0 in the last
 *   24   8  MessageId
 *   32   8  AsyncId           with SMB2_FLAGS_ASYNC_COMMAND; otherwise: 4 Reserved, 4 TreeId
 *   40   8  SessionId
 *   48  16  Signature
 */
export interface Header {
  readonly creditCharge: number;
  /** Of a response; `channelSequence` reads it in a request. */
  readonly status: number;
  readonly command: number;
  /** CreditRequest in a request, CreditResponse in a response. */
  readonly credits: number;
  readonly flags: number;
  readonly nextCommand: number;
  readonly messageId: bigint;
  /** 0 without SMB2_FLAGS_ASYNC_COMMAND. */
  readonly asyncId: bigint;
  /** 0 with SMB2_FLAGS_ASYNC_COMMAND. */
  readonly treeId: number;
  readonly sessionId: bigint;
}
export const HEADER_SIZE = 64;

/** Where the signature stands, counted from the header. */
export const SIGNATURE_OFFSET = 48;
export const SIGNATURE_SIZE = 16;

/** Undefined when the bytes are no SMB2 header. The signature stays in the message. */
export function decodeHeader(view: DataView, at: number, end: number): Header | undefined {
  if (end - at < HEADER_SIZE) return undefined;
  if (view.getUint32(at, LE) !== SMB2_PROTOCOL_ID) return undefined;
  if (view.getUint16(at + 4, LE) !== HEADER_SIZE) return undefined;
  const flags = view.getUint32(at + 16, LE);
  const isAsync = (flags & SMB2_FLAGS_ASYNC_COMMAND) !== 0;
  return {
    creditCharge: view.getUint16(at + 6, LE),
    status: view.getUint32(at + 8, LE),
    command: view.getUint16(at + 12, LE),
    credits: view.getUint16(at + 14, LE),
    flags,
    nextCommand: view.getUint32(at + 20, LE),
    messageId: view.getBigUint64(at + 24, LE),
    asyncId: isAsync ? view.getBigUint64(at + 32, LE) : 0n,
    treeId: isAsync ? 0 : view.getUint32(at + 36, LE),
    sessionId: view.getBigUint64(at + 40, LE),
  };
}

/** Writes the 64 bytes with an all-zero signature; `flags` decides between AsyncId and TreeId. */
export function encodeHeader(view: DataView, at: number, header: Header): number {
  view.setUint32(at, SMB2_PROTOCOL_ID, LE);
  view.setUint16(at + 4, HEADER_SIZE, LE);
  view.setUint16(at + 6, header.creditCharge, LE);
  view.setUint32(at + 8, header.status, LE);
  view.setUint16(at + 12, header.command, LE);
  view.setUint16(at + 14, header.credits, LE);
  view.setUint32(at + 16, header.flags, LE);
  view.setUint32(at + 20, header.nextCommand, LE);
  view.setBigUint64(at + 24, header.messageId, LE);
  if ((header.flags & SMB2_FLAGS_ASYNC_COMMAND) !== 0) {
    view.setBigUint64(at + 32, header.asyncId, LE);
  } else {
    view.setUint32(at + 32, 0, LE);
    view.setUint32(at + 36, header.treeId, LE);
  }
  view.setBigUint64(at + 40, header.sessionId, LE);
  clearSignature(view, at);
  return at + HEADER_SIZE;
}

/** [MS-SMB2] 2.2.1.2: ChannelSequence of a decoded request header, dialects 3.x. */
export function channelSequence(header: Header): number {
  return header.status & 0xffff;
}

// Single fields, for the paths that need no decoded header. `at` is the header.

export function headerStatus(view: DataView, at: number): number {
  return view.getUint32(at + 8, LE);
}

export function headerCommand(view: DataView, at: number): number {
  return view.getUint16(at + 12, LE);
}

export function headerCredits(view: DataView, at: number): number {
  return view.getUint16(at + 14, LE);
}

export function headerFlags(view: DataView, at: number): number {
  return view.getUint32(at + 16, LE);
}

export function headerNextCommand(view: DataView, at: number): number {
  return view.getUint32(at + 20, LE);
}

export function headerMessageId(view: DataView, at: number): bigint {
  return view.getBigUint64(at + 24, LE);
}

export function headerSessionId(view: DataView, at: number): bigint {
  return view.getBigUint64(at + 40, LE);
}

export function setStatus(view: DataView, at: number, status: number): void {
  view.setUint32(at + 8, status, LE);
}

export function setCredits(view: DataView, at: number, credits: number): void {
  view.setUint16(at + 14, credits, LE);
}

export function setFlags(view: DataView, at: number, flags: number): void {
  view.setUint32(at + 16, flags, LE);
}

export function setNextCommand(view: DataView, at: number, distance: number): void {
  view.setUint32(at + 20, distance, LE);
}

export function setMessageId(view: DataView, at: number, messageId: bigint): void {
  view.setBigUint64(at + 24, messageId, LE);
}

/** Turns the header into an async one: sets the flag and the AsyncId in the TreeId's place. */
export function setAsyncId(view: DataView, at: number, asyncId: bigint): void {
  setFlags(view, at, (headerFlags(view, at) | SMB2_FLAGS_ASYNC_COMMAND) >>> 0);
  view.setBigUint64(at + 32, asyncId, LE);
}

export function setTreeId(view: DataView, at: number, treeId: number): void {
  view.setUint32(at + 36, treeId, LE);
}

export function setSessionId(view: DataView, at: number, sessionId: bigint): void {
  view.setBigUint64(at + 40, sessionId, LE);
}

/** Writes the first 16 bytes of `mac` as the signature. */
export function setSignature(view: DataView, at: number, mac: Uint8Array): void {
  put(view, at + SIGNATURE_OFFSET, mac.length === SIGNATURE_SIZE ? mac : mac.subarray(0, 16));
}

export function clearSignature(view: DataView, at: number): void {
  view.setUint32(at + 48, 0, LE);
  view.setUint32(at + 52, 0, LE);
  view.setUint32(at + 56, 0, LE);
  view.setUint32(at + 60, 0, LE);
}

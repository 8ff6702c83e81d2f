import { LE, put } from '../../base/bytes.ts';
import { offsetFromHeader, part } from './variable.ts';

/**
 * [MS-SMB2] 2.2.5 SMB2 SESSION_SETUP Request
 *
 *    0   2  StructureSize         25
 *    2   1  Flags
 *    3   1  SecurityMode
 *    4   4  Capabilities
 *    8   4  Channel               0
 *   12   2  SecurityBufferOffset
 *   14   2  SecurityBufferLength
 *   16   8  PreviousSessionId
 *   24   -  Buffer
 */
export interface SessionSetupRequest {
  readonly flags: number;
  readonly securityMode: number;
  readonly capabilities: number;
  readonly previousSessionId: bigint;
  readonly securityBuffer: Uint8Array;
}
const REQUEST_SIZE = 24;

/** Undefined when the bytes are no SESSION_SETUP Request. */
export function decodeSessionSetupRequest(
  view: DataView,
  at: number,
  end: number,
): SessionSetupRequest | undefined {
  if (end - at < REQUEST_SIZE) return undefined;
  if (view.getUint16(at, LE) !== 25) return undefined;
  const offset = view.getUint16(at + 12, LE);
  const length = view.getUint16(at + 14, LE);
  const securityBuffer = part(view, at, end, REQUEST_SIZE, offset, length);
  if (securityBuffer === undefined) return undefined;
  return {
    flags: view.getUint8(at + 2),
    securityMode: view.getUint8(at + 3),
    capabilities: view.getUint32(at + 4, LE),
    previousSessionId: view.getBigUint64(at + 16, LE),
    securityBuffer,
  };
}

export function encodeSessionSetupRequest(
  view: DataView,
  at: number,
  request: SessionSetupRequest,
): number {
  view.setUint16(at, 25, LE);
  view.setUint8(at + 2, request.flags);
  view.setUint8(at + 3, request.securityMode);
  view.setUint32(at + 4, request.capabilities, LE);
  view.setUint32(at + 8, 0, LE);
  view.setUint16(at + 12, offsetFromHeader(at, at + REQUEST_SIZE), LE);
  view.setUint16(at + 14, request.securityBuffer.length, LE);
  view.setBigUint64(at + 16, request.previousSessionId, LE);
  return put(view, at + REQUEST_SIZE, request.securityBuffer);
}

/**
 * [MS-SMB2] 2.2.6 SMB2 SESSION_SETUP Response
 *
 *    0   2  StructureSize         9
 *    2   2  SessionFlags
 *    4   2  SecurityBufferOffset
 *    6   2  SecurityBufferLength
 *    8   -  Buffer
 */
export interface SessionSetupResponse {
  readonly sessionFlags: number;
  readonly securityBuffer: Uint8Array;
}
const RESPONSE_SIZE = 8;

/** Undefined when the bytes are no SESSION_SETUP Response. */
export function decodeSessionSetupResponse(
  view: DataView,
  at: number,
  end: number,
): SessionSetupResponse | undefined {
  if (end - at < RESPONSE_SIZE) return undefined;
  if (view.getUint16(at, LE) !== 9) return undefined;
  const offset = view.getUint16(at + 4, LE);
  const length = view.getUint16(at + 6, LE);
  const securityBuffer = part(view, at, end, RESPONSE_SIZE, offset, length);
  if (securityBuffer === undefined) return undefined;
  return { sessionFlags: view.getUint16(at + 2, LE), securityBuffer };
}

export function encodeSessionSetupResponse(
  view: DataView,
  at: number,
  response: SessionSetupResponse,
): number {
  view.setUint16(at, 9, LE);
  view.setUint16(at + 2, response.sessionFlags, LE);
  view.setUint16(at + 4, offsetFromHeader(at, at + RESPONSE_SIZE), LE);
  view.setUint16(at + 6, response.securityBuffer.length, LE);
  return put(view, at + RESPONSE_SIZE, response.securityBuffer);
}

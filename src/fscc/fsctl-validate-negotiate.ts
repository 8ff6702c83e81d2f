import { LE, put, slice } from '../base/bytes.ts';

/** What the client says it sent in NEGOTIATE. */
export interface ValidateNegotiateRequest {
  readonly capabilities: number;
  /** 16 bytes, a view of the input. */
  readonly clientGuid: Uint8Array;
  readonly securityMode: number;
  readonly dialects: readonly number[];
}

/** What the server says it answered. */
export interface ValidateNegotiateResponse {
  readonly capabilities: number;
  /** 16 bytes. */
  readonly serverGuid: Uint8Array;
  readonly securityMode: number;
  readonly dialect: number;
}

export const VALIDATE_NEGOTIATE_RESPONSE_SIZE = 24;

/**
 * [MS-SMB2] 2.2.31.4 VALIDATE_NEGOTIATE_INFO Request; undefined when the bytes are none.
 *
 *    0   4  Capabilities
 *    4  16  Guid
 *   20   2  SecurityMode
 *   22   2  DialectCount
 *   24  2n  Dialects
 */
export function decodeValidateNegotiateRequest(
  view: DataView,
  at: number,
  end: number,
): ValidateNegotiateRequest | undefined {
  if (end - at < 24) return undefined;
  const count = view.getUint16(at + 22, LE);
  if (24 + 2 * count > end - at) return undefined;
  const dialects: number[] = [];
  for (let i = 0; i < count; i++) dialects.push(view.getUint16(at + 24 + 2 * i, LE));
  return {
    capabilities: view.getUint32(at, LE),
    clientGuid: slice(view, at + 4, at + 20),
    securityMode: view.getUint16(at + 20, LE),
    dialects,
  };
}

export function encodeValidateNegotiateRequest(
  view: DataView,
  at: number,
  request: ValidateNegotiateRequest,
): number {
  view.setUint32(at, request.capabilities, LE);
  put(view, at + 4, request.clientGuid);
  view.setUint16(at + 20, request.securityMode, LE);
  view.setUint16(at + 22, request.dialects.length, LE);
  let next = at + 24;
  for (const dialect of request.dialects) {
    view.setUint16(next, dialect, LE);
    next += 2;
  }
  return next;
}

/**
 * [MS-SMB2] 2.2.32.6 VALIDATE_NEGOTIATE_INFO Response
 *
 *    0   4  Capabilities
 *    4  16  Guid
 *   20   2  SecurityMode
 *   22   2  Dialect
 */
export function encodeValidateNegotiateResponse(
  view: DataView,
  at: number,
  response: ValidateNegotiateResponse,
): number {
  view.setUint32(at, response.capabilities, LE);
  put(view, at + 4, response.serverGuid);
  view.setUint16(at + 20, response.securityMode, LE);
  view.setUint16(at + 22, response.dialect, LE);
  return at + VALIDATE_NEGOTIATE_RESPONSE_SIZE;
}

/** Undefined when the bytes are no such response. */
export function decodeValidateNegotiateResponse(
  view: DataView,
  at: number,
  end: number,
): ValidateNegotiateResponse | undefined {
  if (end - at < VALIDATE_NEGOTIATE_RESPONSE_SIZE) return undefined;
  return {
    capabilities: view.getUint32(at, LE),
    serverGuid: slice(view, at + 4, at + 20),
    securityMode: view.getUint16(at + 20, LE),
    dialect: view.getUint16(at + 22, LE),
  };
}

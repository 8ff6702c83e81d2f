import { LE, put } from '../../base/bytes.ts';
import { SMB2_DIALECT_311 } from './constants.ts';
import { type Guid, getGuid, setGuid } from './guid.ts';
import {
  decodeNegotiateContexts,
  encodeNegotiateContexts,
  type NegotiateContext,
} from './negotiate-context.ts';
import { offsetFromHeader, padTo8, part, partAt } from './variable.ts';

/**
 * [MS-SMB2] 2.2.3 SMB2 NEGOTIATE Request
 *
 *    0   2  StructureSize           36
 *    2   2  DialectCount
 *    4   2  SecurityMode
 *    6   2  Reserved
 *    8   4  Capabilities
 *   12  16  ClientGuid
 *   28   4  NegotiateContextOffset  a multiple of 8; these three only with dialect 3.1.1 offered,
 *   32   2  NegotiateContextCount   otherwise they are ClientStartTime, 0
 *   34   2  Reserved2
 *   36   -  Dialects                2 bytes each
 *    -   -  NegotiateContextList
 */
export interface NegotiateRequest {
  readonly securityMode: number;
  readonly capabilities: number;
  readonly clientGuid: Guid;
  /** As sent; the handler refuses an empty list. */
  readonly dialects: readonly number[];
  /** Empty unless 3.1.1 is offered. */
  readonly contexts: readonly NegotiateContext[];
}
const REQUEST_SIZE = 36;

/** Undefined when the bytes are no NEGOTIATE Request, its context list included. */
export function decodeNegotiateRequest(
  view: DataView,
  at: number,
  end: number,
): NegotiateRequest | undefined {
  if (end - at < REQUEST_SIZE) return undefined;
  if (view.getUint16(at, LE) !== REQUEST_SIZE) return undefined;
  const dialectsEnd = at + REQUEST_SIZE + 2 * view.getUint16(at + 2, LE);
  if (dialectsEnd > end) return undefined;
  const dialects: number[] = [];
  for (let i = at + REQUEST_SIZE; i < dialectsEnd; i += 2) dialects.push(view.getUint16(i, LE));
  let contexts: readonly NegotiateContext[] | undefined = [];
  if (dialects.includes(SMB2_DIALECT_311)) {
    const offset = view.getUint32(at + 28, LE);
    contexts = contextsAt(view, at, end, dialectsEnd - at, offset, view.getUint16(at + 32, LE));
  }
  if (contexts === undefined) return undefined;
  return {
    securityMode: view.getUint16(at + 4, LE),
    capabilities: view.getUint32(at + 8, LE),
    clientGuid: getGuid(view, at + 12),
    dialects,
    contexts,
  };
}

/** `fixed` is the size of what stands before the list. */
function contextsAt(
  view: DataView,
  at: number,
  end: number,
  fixed: number,
  offset: number,
  count: number,
): readonly NegotiateContext[] | undefined {
  if (count === 0) return [];
  const start = partAt(at, end, fixed, offset, 8, 8);
  return start === undefined ? undefined : decodeNegotiateContexts(view, start, end, count);
}

export function encodeNegotiateRequest(
  view: DataView,
  at: number,
  request: NegotiateRequest,
): number {
  const { dialects, contexts } = request;
  view.setUint16(at, REQUEST_SIZE, LE);
  view.setUint16(at + 2, dialects.length, LE);
  view.setUint16(at + 4, request.securityMode, LE);
  view.setUint16(at + 6, 0, LE);
  view.setUint32(at + 8, request.capabilities, LE);
  setGuid(view, at + 12, request.clientGuid);
  view.setBigUint64(at + 28, 0n, LE);
  const dialectsAt = at + REQUEST_SIZE;
  for (let i = 0; i < dialects.length; i++) view.setUint16(dialectsAt + 2 * i, dialects[i]!, LE);
  const dialectsEnd = dialectsAt + 2 * dialects.length;
  if (contexts.length === 0) return dialectsEnd;
  const contextsStart = padTo8(view, at, dialectsEnd);
  view.setUint32(at + 28, offsetFromHeader(at, contextsStart), LE);
  view.setUint16(at + 32, contexts.length, LE);
  return encodeNegotiateContexts(view, contextsStart, contexts);
}

/**
 * [MS-SMB2] 2.2.4 SMB2 NEGOTIATE Response
 *
 *    0   2  StructureSize           65
 *    2   2  SecurityMode
 *    4   2  DialectRevision
 *    6   2  NegotiateContextCount   3.1.1; otherwise reserved
 *    8  16  ServerGuid
 *   24   4  Capabilities
 *   28   4  MaxTransactSize
 *   32   4  MaxReadSize
 *   36   4  MaxWriteSize
 *   40   8  SystemTime
 *   48   8  ServerStartTime
 *   56   2  SecurityBufferOffset
 *   58   2  SecurityBufferLength
 *   60   4  NegotiateContextOffset  3.1.1, a multiple of 8; otherwise reserved
 *   64   -  Buffer
 *    -   -  NegotiateContextList
 */
export interface NegotiateResponse {
  readonly securityMode: number;
  readonly dialectRevision: number;
  readonly serverGuid: Guid;
  readonly capabilities: number;
  readonly maxTransactSize: number;
  readonly maxReadSize: number;
  readonly maxWriteSize: number;
  /** FILETIME. */
  readonly systemTime: bigint;
  /** FILETIME; servers send 0. */
  readonly serverStartTime: bigint;
  readonly securityBuffer: Uint8Array;
  /** Empty unless 3.1.1 was chosen. */
  readonly contexts: readonly NegotiateContext[];
}
const RESPONSE_SIZE = 64;

/** Undefined when the bytes are no NEGOTIATE Response, its context list included. */
export function decodeNegotiateResponse(
  view: DataView,
  at: number,
  end: number,
): NegotiateResponse | undefined {
  if (end - at < RESPONSE_SIZE) return undefined;
  if (view.getUint16(at, LE) !== 65) return undefined;
  const bufferLength = view.getUint16(at + 58, LE);
  const securityBuffer = part(
    view,
    at,
    end,
    RESPONSE_SIZE,
    view.getUint16(at + 56, LE),
    bufferLength,
  );
  if (securityBuffer === undefined) return undefined;
  const dialectRevision = view.getUint16(at + 4, LE);
  const count = dialectRevision === SMB2_DIALECT_311 ? view.getUint16(at + 6, LE) : 0;
  const contexts = contextsAt(view, at, end, RESPONSE_SIZE, view.getUint32(at + 60, LE), count);
  if (contexts === undefined) return undefined;
  return {
    securityMode: view.getUint16(at + 2, LE),
    dialectRevision,
    serverGuid: getGuid(view, at + 8),
    capabilities: view.getUint32(at + 24, LE),
    maxTransactSize: view.getUint32(at + 28, LE),
    maxReadSize: view.getUint32(at + 32, LE),
    maxWriteSize: view.getUint32(at + 36, LE),
    systemTime: view.getBigUint64(at + 40, LE),
    serverStartTime: view.getBigUint64(at + 48, LE),
    securityBuffer,
    contexts,
  };
}

export function encodeNegotiateResponse(
  view: DataView,
  at: number,
  response: NegotiateResponse,
): number {
  const { securityBuffer, contexts } = response;
  view.setUint16(at, 65, LE);
  view.setUint16(at + 2, response.securityMode, LE);
  view.setUint16(at + 4, response.dialectRevision, LE);
  view.setUint16(at + 6, contexts.length, LE);
  setGuid(view, at + 8, response.serverGuid);
  view.setUint32(at + 24, response.capabilities, LE);
  view.setUint32(at + 28, response.maxTransactSize, LE);
  view.setUint32(at + 32, response.maxReadSize, LE);
  view.setUint32(at + 36, response.maxWriteSize, LE);
  view.setBigUint64(at + 40, response.systemTime, LE);
  view.setBigUint64(at + 48, response.serverStartTime, LE);
  view.setUint16(at + 56, offsetFromHeader(at, at + RESPONSE_SIZE), LE);
  view.setUint16(at + 58, securityBuffer.length, LE);
  view.setUint32(at + 60, 0, LE);
  const bufferEnd = put(view, at + RESPONSE_SIZE, securityBuffer);
  if (contexts.length === 0) return bufferEnd;
  const contextsStart = padTo8(view, at, bufferEnd);
  view.setUint32(at + 60, offsetFromHeader(at, contextsStart), LE);
  return encodeNegotiateContexts(view, contextsStart, contexts);
}

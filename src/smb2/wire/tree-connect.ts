import { LE } from '../../base/bytes.ts';
import { decodeUtf16, encodeUtf16 } from '../../base/utf16le.ts';
import { offsetFromHeader, partAt } from './variable.ts';

/**
 * [MS-SMB2] 2.2.9 SMB2 TREE_CONNECT Request
 *
 *    0   2  StructureSize  9
 *    2   2  Flags          3.1.1; otherwise reserved
 *    4   2  PathOffset
 *    6   2  PathLength
 *    8   -  Buffer         the path, after an extension of 16 bytes when Flags say so (2.2.9.1)
 *
 * The extension's tree connect contexts are skipped: semba offers nothing that they ask for.
 */
export interface TreeConnectRequest {
  readonly flags: number;
  /** `\\server\share`. */
  readonly path: string;
}
const REQUEST_SIZE = 8;

/** Undefined when the bytes are no TREE_CONNECT Request. */
export function decodeTreeConnectRequest(
  view: DataView,
  at: number,
  end: number,
): TreeConnectRequest | undefined {
  if (end - at < REQUEST_SIZE) return undefined;
  if (view.getUint16(at, LE) !== 9) return undefined;
  const length = view.getUint16(at + 6, LE);
  if (length % 2 !== 0) return undefined;
  const start = partAt(at, end, REQUEST_SIZE, view.getUint16(at + 4, LE), length);
  if (start === undefined) return undefined;
  return { flags: view.getUint16(at + 2, LE), path: decodeUtf16(view, start, start + length) };
}

/** Writes the request without an extension. */
export function encodeTreeConnectRequest(
  view: DataView,
  at: number,
  request: TreeConnectRequest,
): number {
  view.setUint16(at, 9, LE);
  view.setUint16(at + 2, request.flags, LE);
  view.setUint16(at + 4, offsetFromHeader(at, at + REQUEST_SIZE), LE);
  view.setUint16(at + 6, request.path.length * 2, LE);
  return encodeUtf16(view, at + REQUEST_SIZE, request.path);
}

/**
 * [MS-SMB2] 2.2.10 SMB2 TREE_CONNECT Response
 *
 *    0   2  StructureSize  16
 *    2   1  ShareType
 *    3   1  Reserved
 *    4   4  ShareFlags
 *    8   4  Capabilities
 *   12   4  MaximalAccess
 */
export interface TreeConnectResponse {
  readonly shareType: number;
  readonly shareFlags: number;
  readonly capabilities: number;
  readonly maximalAccess: number;
}
const RESPONSE_SIZE = 16;

/** Undefined when the bytes are no TREE_CONNECT Response. */
export function decodeTreeConnectResponse(
  view: DataView,
  at: number,
  end: number,
): TreeConnectResponse | undefined {
  if (end - at < RESPONSE_SIZE) return undefined;
  if (view.getUint16(at, LE) !== RESPONSE_SIZE) return undefined;
  return {
    shareType: view.getUint8(at + 2),
    shareFlags: view.getUint32(at + 4, LE),
    capabilities: view.getUint32(at + 8, LE),
    maximalAccess: view.getUint32(at + 12, LE),
  };
}

export function encodeTreeConnectResponse(
  view: DataView,
  at: number,
  response: TreeConnectResponse,
): number {
  view.setUint16(at, RESPONSE_SIZE, LE);
  view.setUint8(at + 2, response.shareType);
  view.setUint8(at + 3, 0);
  view.setUint32(at + 4, response.shareFlags, LE);
  view.setUint32(at + 8, response.capabilities, LE);
  view.setUint32(at + 12, response.maximalAccess, LE);
  return at + RESPONSE_SIZE;
}

import { LE, pad, put, slice } from '../../base/bytes.ts';
import { SMB2_TRANSFORM_PROTOCOL_ID } from './header.ts';

/**
 * [MS-SMB2] 2.2.41 SMB2 TRANSFORM_HEADER
 *
 *    0   4  ProtocolId           0xFD 'S' 'M' 'B'
 *    4  16  Signature
 *   20  16  Nonce                11 bytes with CCM, 12 with GCM, the rest 0
 *   36   4  OriginalMessageSize
 *   40   2  Reserved
 *   42   2  Flags                3.1.1; EncryptionAlgorithm before, SMB2_ENCRYPTION_AES128_CCM:
 *   both 1
 *   44   8  SessionId
 */
export interface TransformHeader {
  readonly signature: Uint8Array;
  /** All 16 bytes. */
  readonly nonce: Uint8Array;
  readonly originalMessageSize: number;
  readonly flags: number;
  readonly sessionId: bigint;
}
export const TRANSFORM_HEADER_SIZE = 52;

/** What the AEAD authenticates besides the message: `[at + 20, at + 52)`. */
export const TRANSFORM_AAD_OFFSET = 20;

/** Undefined when the bytes are no TRANSFORM_HEADER. Compare the size with what follows. */
export function decodeTransformHeader(
  view: DataView,
  at: number,
  end: number,
): TransformHeader | undefined {
  if (end - at < TRANSFORM_HEADER_SIZE) return undefined;
  if (view.getUint32(at, LE) !== SMB2_TRANSFORM_PROTOCOL_ID) return undefined;
  return {
    signature: slice(view, at + 4, at + 20),
    nonce: slice(view, at + 20, at + 36),
    originalMessageSize: view.getUint32(at + 36, LE),
    flags: view.getUint16(at + 42, LE),
    sessionId: view.getBigUint64(at + 44, LE),
  };
}

/** Writes the 52 bytes; a shorter nonce is padded with zeroes. */
export function encodeTransformHeader(view: DataView, at: number, header: TransformHeader): number {
  view.setUint32(at, SMB2_TRANSFORM_PROTOCOL_ID, LE);
  put(view, at + 4, header.signature);
  pad(view, put(view, at + 20, header.nonce), at + 36);
  view.setUint32(at + 36, header.originalMessageSize, LE);
  view.setUint16(at + 40, 0, LE);
  view.setUint16(at + 42, header.flags, LE);
  view.setBigUint64(at + 44, header.sessionId, LE);
  return at + TRANSFORM_HEADER_SIZE;
}

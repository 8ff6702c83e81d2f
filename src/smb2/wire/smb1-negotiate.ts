import { LE } from '../../base/bytes.ts';
import { SMB1_PROTOCOL_ID } from './header.ts';

/**
 * [MS-CIFS] 2.2.3.1 The SMB Header and 2.2.4.52.1 Request of SMB_COM_NEGOTIATE: how a client that
 * may still speak SMB1 starts ([MS-SMB2] 3.3.5.3 Receiving an SMB_COM_NEGOTIATE)
 *
 *    0   4  Protocol       0xFF 'S' 'M' 'B'
 *    4   1  Command        0x72
 *    5   4  Status
 *    9   1  Flags
 *   10   2  Flags2
 *   12   2  PIDHigh
 *   14   8  SecurityFeatures
 *   22   2  Reserved
 *   24   2  TID
 *   26   2  PIDLow
 *   28   2  UID
 *   30   2  MID
 *   32   1  WordCount      0
 *   33   2  ByteCount
 *   35   -  Dialects       each: 0x02, ASCII, NUL
 */
export interface Smb1NegotiateRequest {
  readonly dialects: readonly string[];
}
const FIXED_SIZE = 35;
const SMB_COM_NEGOTIATE = 0x72;
const DIALECT_BUFFER_FORMAT = 0x02;

export const SMB1_DIALECT_SMB_2_002 = 'SMB 2.002';
export const SMB1_DIALECT_SMB_2_WILDCARD = 'SMB 2.???';

/** Undefined when the bytes are no SMB_COM_NEGOTIATE. `at` is the SMB1 header. */
export function decodeSmb1NegotiateRequest(
  view: DataView,
  at: number,
  end: number,
): Smb1NegotiateRequest | undefined {
  if (end - at < FIXED_SIZE) return undefined;
  if (view.getUint32(at, LE) !== SMB1_PROTOCOL_ID) return undefined;
  if (view.getUint8(at + 4) !== SMB_COM_NEGOTIATE || view.getUint8(at + 32) !== 0) return undefined;
  const dialectsAt = at + FIXED_SIZE;
  const dialectsEnd = dialectsAt + view.getUint16(at + 33, LE);
  if (dialectsEnd > end) return undefined;
  return decodeDialects(view, dialectsAt, dialectsEnd);
}

function decodeDialects(view: DataView, at: number, end: number): Smb1NegotiateRequest | undefined {
  const dialects: string[] = [];
  for (let start = at; start < end; ) {
    if (view.getUint8(start) !== DIALECT_BUFFER_FORMAT) return undefined;
    let nul = start + 1;
    while (nul < end && view.getUint8(nul) !== 0) nul++;
    if (nul === end) return undefined;
    const name = Buffer.from(view.buffer, view.byteOffset + start + 1, nul - start - 1);
    dialects.push(name.toString('latin1'));
    start = nul + 1;
  }
  return { dialects };
}

/** [MS-SMB2] 3.2.4.2.2.1 Multi-Protocol Negotiate: Flags2 offers Unicode, NTSTATUS, long names. */
export function encodeSmb1NegotiateRequest(
  view: DataView,
  at: number,
  request: Smb1NegotiateRequest,
): number {
  view.setUint32(at, SMB1_PROTOCOL_ID, LE);
  view.setUint8(at + 4, SMB_COM_NEGOTIATE);
  view.setUint32(at + 5, 0, LE);
  view.setUint8(at + 9, 0x18);
  view.setUint16(at + 10, 0xc843, LE);
  view.setUint16(at + 12, 0, LE);
  view.setBigUint64(at + 14, 0n, LE);
  view.setUint16(at + 22, 0, LE);
  view.setUint16(at + 24, 0xffff, LE);
  view.setUint16(at + 26, 0xfeff, LE);
  view.setUint16(at + 28, 0, LE);
  view.setUint16(at + 30, 0, LE);
  view.setUint8(at + 32, 0);
  let end = at + FIXED_SIZE;
  for (const dialect of request.dialects) {
    view.setUint8(end, DIALECT_BUFFER_FORMAT);
    for (let i = 0; i < dialect.length; i++) view.setUint8(end + 1 + i, dialect.charCodeAt(i));
    end += dialect.length + 2;
    view.setUint8(end - 1, 0);
  }
  view.setUint16(at + 33, end - at - FIXED_SIZE, LE);
  return end;
}

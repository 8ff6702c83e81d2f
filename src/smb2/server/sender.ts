import { recycle, takeBuffer } from '../../base/buffer-pool.ts';
import { LE, viewOf } from '../../base/bytes.ts';
import { TRANSFORM_HEADER_SIZE } from '../crypto/message-cipher.ts';
import type { SendExtras, Transport } from '../transport/transport.ts';
import { SMB2_TRANSFORM_PROTOCOL_ID } from '../wire/header.ts';
import type { Reply } from './reply.ts';
import type { Connection } from './state/connection.ts';
import type { Session } from './state/session.ts';

/** Flags of the TRANSFORM_HEADER, 3.1.1; the same bits mean "AES-128-CCM" in 3.0 and 3.0.2. */
const SMB2_TRANSFORM_HEADER_FLAG_ENCRYPTED = 0x0001;

/**
 * [MS-SMB2] 3.3.4.1 Sending Any Outgoing Message: hands finished and signed responses to the
 * transport as one message, encrypted when the request was (3.3.4.1.4 Encrypting the Message).
 */
export function sendMessage(
  connection: Connection,
  sealedBy: Session | undefined,
  replies: readonly Reply[],
  extras?: SendExtras,
): void {
  const { transport } = connection;
  if (sealedBy !== undefined) {
    const place = replies.length === 1 ? placeIn(replies[0]!, transport.headroom) : undefined;
    if (place !== undefined) sealInPlace(transport, sealedBy, place);
    else sendSealed(connection, sealedBy, plainOf(replies));
    return;
  }
  const chunks: Uint8Array[] = [];
  for (const reply of replies) {
    const start = chunks.length === 0 ? reply.start - transport.headroom : reply.start;
    chunks.push(reply.bytes.subarray(start, reply.end));
  }
  transport.send(chunks, extras);
}

function plainOf(replies: readonly Reply[]): readonly Uint8Array[] {
  const plain: Uint8Array[] = [];
  for (const reply of replies) plain.push(reply.bytes.subarray(reply.start, reply.end));
  return plain;
}

/** [MS-SMB2] 3.3.4.1.4 Encrypting the Message; the memory of `plain` is given back. */
export function sendSealed(
  connection: Connection,
  session: Session,
  plain: readonly Uint8Array[],
): void {
  const { transport } = connection;
  let size = 0;
  for (const chunk of plain) size += chunk.length;
  const bytes = allocate(transport.headroom + TRANSFORM_HEADER_SIZE + size);
  if (!seal(session, bytes.subarray(transport.headroom), plain)) return;
  for (const chunk of plain) recycle(chunk);
  transport.send([bytes]);
}

/** Where the transport writes a large response; undefined: it is small, or has no room there. */
function placeIn({ bytes, start, end }: Reply, headroom: number): Uint8Array | undefined {
  const at = start - TRANSFORM_HEADER_SIZE - headroom;
  return at >= 0 && bytes.length >= POOLED_SIZE_MIN ? bytes.subarray(at, end) : undefined;
}

/**
 * As `sendSealed`, but the ciphertext stands where the response stood: memory of its own would take
 * the processor's cache from both.
 */
function sealInPlace(transport: Transport, session: Session, place: Uint8Array): void {
  const sealed = place.subarray(transport.headroom);
  if (seal(session, sealed, [sealed.subarray(TRANSFORM_HEADER_SIZE)])) transport.send([place]);
}

/** [MS-SMB2] 2.2.41: writes the TRANSFORM_HEADER and the ciphertext; false: it has no key. */
function seal(session: Session, sealed: Uint8Array, plain: readonly Uint8Array[]): boolean {
  const header = sealed.subarray(0, TRANSFORM_HEADER_SIZE);
  const out = sealed.subarray(TRANSFORM_HEADER_SIZE);
  const view = viewOf(header);
  view.setUint32(0, SMB2_TRANSFORM_PROTOCOL_ID, LE);
  view.setUint32(36, out.length, LE);
  view.setUint16(40, 0, LE);
  view.setUint16(42, SMB2_TRANSFORM_HEADER_FLAG_ENCRYPTED, LE);
  view.setBigUint64(44, session.sessionId, LE);
  return session.encryptor?.encrypt(header, plain, out) !== undefined;
}

const POOLED_SIZE_MIN = 16 * 1024;

function allocate(size: number): Uint8Array {
  if (size < POOLED_SIZE_MIN) return Buffer.allocUnsafe(size);
  return takeBuffer(size).subarray(0, size);
}

import { recycle, takeBuffer } from '../../base/buffer-pool.ts';
import { LE, viewOf } from '../../base/bytes.ts';
import { TRANSFORM_HEADER_SIZE } from '../crypto/message-cipher.ts';
import type { SendExtras } from '../transport/transport.ts';
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
    sendSealed(connection, sealedBy, plainOf(replies));
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
  const header = bytes.subarray(transport.headroom, transport.headroom + TRANSFORM_HEADER_SIZE);
  const view = viewOf(header);
  view.setUint32(0, SMB2_TRANSFORM_PROTOCOL_ID, LE);
  view.setUint32(36, size, LE);
  view.setUint16(40, 0, LE);
  view.setUint16(42, SMB2_TRANSFORM_HEADER_FLAG_ENCRYPTED, LE);
  view.setBigUint64(44, session.sessionId, LE);
  const out = bytes.subarray(transport.headroom + TRANSFORM_HEADER_SIZE);
  if (session.encryptor?.encrypt(header, plain, out) === undefined) return;
  for (const chunk of plain) recycle(chunk);
  transport.send([bytes]);
}

const POOLED_SIZE_MIN = 16 * 1024;

function allocate(size: number): Uint8Array {
  if (size < POOLED_SIZE_MIN) return Buffer.allocUnsafe(size);
  return takeBuffer(size).subarray(0, size);
}

import { recycle, takeBuffer } from '../../base/buffer-pool.ts';
import type { Clock } from '../../env/ports.ts';
import type { Compression } from '../compression/algorithms.ts';
import { afterPassing, afterTrying, mayCompress } from '../compression/decide-compression.ts';
import { COMPRESSION_OVERHEAD, compressMessage } from '../compression/message-compressor.ts';
import { READ_RESPONSE_HEAD } from '../wire/read.ts';
import { type Reply, SMB2_HEADER_SIZE } from './reply.ts';
import { sendSealed } from './sender.ts';
import type { Connection } from './state/connection.ts';
import type { Session } from './state/session.ts';

export interface CompressedSend {
  readonly connection: Connection;
  readonly sealedBy: Session | undefined;
  readonly replies: readonly Reply[];
  readonly clock: Clock;
}

/** Bytes before the data of a READ response: they are not compressed. */
const HEAD_SIZE = SMB2_HEADER_SIZE + READ_RESPONSE_HEAD;

/**
 * [MS-SMB2] 3.3.4.1.5 Compressing the Message: sends signed responses as one compressed message,
 * encrypted afterwards. False, and nothing sent, when that does not pay on this connection.
 */
export function sendCompressed({ connection, sealedBy, replies, clock }: CompressedSend): boolean {
  const { compression, transport } = connection;
  let size = 0;
  for (const reply of replies) size += reply.end - reply.start;
  if (compression === undefined) return false;
  if (!mayCompress(connection.compressionGain, size)) {
    connection.compressionGain = afterPassing(connection.compressionGain, size);
    return false;
  }
  const out = takeBuffer(transport.headroom + size + COMPRESSION_OVERHEAD);
  const startMs = clock.monotonicMs();
  const end = compressReplies(replies, compression, out.subarray(transport.headroom));
  const elapsedMs = clock.monotonicMs() - startMs;
  const savedSize = end === 0 ? 0 : size - end;
  connection.compressionGain = afterTrying(connection.compressionGain, { savedSize, elapsedMs });
  if (end === 0) {
    recycle(out);
    return false;
  }
  const { headroom } = transport;
  if (sealedBy === undefined) transport.send([out.subarray(0, headroom + end)]);
  else sendSealed(connection, sealedBy, [out.subarray(headroom, headroom + end)]);
  for (const { bytes } of replies) recycle(bytes);
  return true;
}

/** Where the compressed message ends in `out`; 0: it is not worth it. */
function compressReplies(
  replies: readonly Reply[],
  compression: Compression,
  out: Uint8Array,
): number {
  const message = replies.length === 1 ? bytesOf(replies[0]!) : joined(replies);
  const head = message.subarray(0, HEAD_SIZE);
  return compressMessage({ head, data: message.subarray(HEAD_SIZE) }, compression, out);
}

function bytesOf({ bytes, start, end }: Reply): Uint8Array {
  return bytes.subarray(start, end);
}

/** A compound in one piece: its data is small, what clients read in bulk comes by itself. */
function joined(replies: readonly Reply[]): Uint8Array {
  let size = 0;
  for (const { start, end } of replies) size += end - start;
  const all = Buffer.allocUnsafe(size);
  let at = 0;
  for (const reply of replies) {
    all.set(bytesOf(reply), at);
    at += reply.end - reply.start;
  }
  return all;
}

import { recycle } from '../../base/buffer-pool.ts';
import { LE, viewOf } from '../../base/bytes.ts';
import { isPromise, type MaybePromise } from '../../base/task.ts';
import { decompressMessage } from '../compression/message-decompressor.ts';
import { TRANSFORM_HEADER_SIZE } from '../crypto/message-cipher.ts';
import {
  SMB1_PROTOCOL_ID,
  SMB2_COMPRESSION_PROTOCOL_ID,
  SMB2_PROTOCOL_ID,
  SMB2_TRANSFORM_PROTOCOL_ID,
} from '../wire/header.ts';
import { Chain, type Served } from './chain.ts';
import { answerSmb1Negotiate } from './commands/smb1-negotiate.ts';
import type { Smb2Server } from './server.ts';
import { type Connection, DIALECT_NONE, isLoggedIn } from './state/connection.ts';
import type { Session } from './state/session.ts';

/** [MS-SMB2] 3.3.5.2.1.2: what a compressed segment may have beyond MaxTransactSize. */
const COMPRESSED_SIZE_EXTRA = 256 + 16;

/** [MS-SMB2] 3.3.5.2 Receiving Any Message. */
export function receive(
  server: Smb2Server,
  connection: Connection,
  bytes: Uint8Array,
): MaybePromise<Served> {
  if (bytes.length < 4) return 'broken';
  const view = viewOf(bytes);
  const protocolId = view.getUint32(0, LE);
  if (protocolId === SMB2_PROTOCOL_ID) {
    return new Chain({ server, connection, bytes, view, sealedBy: undefined }).process();
  }
  if (protocolId === SMB2_TRANSFORM_PROTOCOL_ID) return receiveSealed(server, connection, bytes);
  if (protocolId === SMB2_COMPRESSION_PROTOCOL_ID) {
    return receiveCompressed(server, connection, bytes, undefined);
  }
  if (protocolId === SMB1_PROTOCOL_ID && connection.dialect === DIALECT_NONE) {
    return answerSmb1Negotiate(server, connection, bytes) ? 'kept' : 'broken';
  }
  return 'broken';
}

/** [MS-SMB2] 3.3.5.2.1 Decrypting the Message. */
function receiveSealed(
  server: Smb2Server,
  connection: Connection,
  bytes: Uint8Array,
): MaybePromise<Served> {
  if (bytes.length < TRANSFORM_HEADER_SIZE || connection.dialect < 0x0300) return 'broken';
  const view = viewOf(bytes);
  const session = connection.sessions.get(view.getBigUint64(44, LE));
  if (session?.decryptor === undefined || !session.channels.has(connection)) return 'broken';
  // An anonymous session's key is no secret; it may encrypt beside a user's session only.
  if (!session.isSecured && !isLoggedIn(connection)) return 'broken';
  if (view.getUint16(42, LE) !== 1) return 'broken';
  const sealed = bytes.subarray(TRANSFORM_HEADER_SIZE);
  if (view.getUint32(36, LE) !== sealed.length) return 'broken';
  // The message's memory is ours: it is decrypted where it lies.
  const header = bytes.subarray(0, TRANSFORM_HEADER_SIZE);
  const plain = session.decryptor.decrypt(header, [sealed], sealed);
  if (plain === undefined || plain.length < 4) return 'broken';
  session.sawEncrypted = true;
  const plainView = viewOf(plain);
  const protocolId = plainView.getUint32(0, LE);
  if (protocolId === SMB2_COMPRESSION_PROTOCOL_ID) {
    return receiveCompressed(server, connection, plain, session);
  }
  if (protocolId !== SMB2_PROTOCOL_ID) return 'broken';
  return new Chain({
    server,
    connection,
    bytes: plain,
    view: plainView,
    sealedBy: session,
  }).process();
}

/** [MS-SMB2] 3.3.5.2.1.2 Decompressing the Message. */
function receiveCompressed(
  server: Smb2Server,
  connection: Connection,
  bytes: Uint8Array,
  sealedBy: Session | undefined,
): MaybePromise<Served> {
  const { compression } = connection;
  if (compression === undefined) return 'broken';
  const sizeMax = isLoggedIn(connection)
    ? connection.maxTransactSize + COMPRESSED_SIZE_EXTRA
    : server.options.limits.unauthenticatedMessageSize;
  const plain = decompressMessage(bytes, compression, sizeMax);
  if (plain === undefined || plain.length < 4) return 'broken';
  const view = viewOf(plain);
  if (view.getUint32(0, LE) !== SMB2_PROTOCOL_ID) return 'broken';
  const served = new Chain({ server, connection, bytes: plain, view, sealedBy }).process();
  if (!isPromise(served)) {
    recycle(plain);
    return served;
  }
  // Few bytes from the peer hold many here while their request waits: then no more are taken.
  connection.pendingBytes += plain.length;
  server.holdBack(connection);
  return served.then((outcome) => {
    connection.pendingBytes -= plain.length;
    server.letGo(connection);
    recycle(plain);
    return outcome;
  });
}

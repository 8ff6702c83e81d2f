import { LE, viewOf } from '../../base/bytes.ts';
import { STATUS_PENDING } from '../../erref/ntstatus.ts';
import {
  SMB2_FLAGS_ASYNC_COMMAND,
  SMB2_FLAGS_SERVER_TO_REDIR,
  SMB2_NOTIFY_SESSION_CLOSED,
  SMB2_OPLOCK_BREAK,
  SMB2_SERVER_TO_CLIENT_NOTIFICATION,
} from '../wire/constants.ts';
import {
  decodeHeader,
  HEADER_SIZE,
  type Header,
  SMB2_COMPRESSION_PROTOCOL_ID,
  SMB2_PROTOCOL_ID,
} from '../wire/header.ts';
import { decodeLeaseBreakNotification, type LeaseBreakNotification } from '../wire/lease-break.ts';
import { decodeOplockBreak, type OplockBreak } from '../wire/oplock-break.ts';
import { decodeServerToClientNotification } from '../wire/server-to-client-notification.ts';
import { decodeTransformHeader, TRANSFORM_HEADER_SIZE } from '../wire/transform-header.ts';
import type { Channel } from './request.ts';

/** One response of a received message, taken out of its compound and its encryption. */
export interface Response {
  readonly header: Header;
  /** From its header to its end, padding included: what its signature covers. */
  readonly message: Uint8Array;
  readonly isEncrypted: boolean;
  /** STATUS_PENDING with an AsyncId: the final response follows. */
  readonly isInterim: boolean;
}

/** What a server sends of its own accord. */
export type Incoming =
  | { readonly kind: 'oplock'; readonly notification: OplockBreak }
  | { readonly kind: 'lease'; readonly notification: LeaseBreakNotification }
  | { readonly kind: 'session-closed'; readonly sessionId: bigint };

export interface MessageReaderOptions {
  channel(sessionId: bigint): Channel | undefined;
  /** The message that was compressed; undefined when there is none, or it is broken. */
  decompress(message: Uint8Array): Uint8Array | undefined;
  /** Takes a response; returns why the connection must end, if it must. */
  response(response: Response): string | undefined;
  unsolicited(incoming: Incoming): void;
}

/** MessageId of what answers no request: [MS-SMB2] 3.3.4.6. */
const UNSOLICITED_MESSAGE_ID = 0xffff_ffff_ffff_ffffn;

/**
 * [MS-SMB2] 3.2.5.1 Receiving Any Message: decryption and decompression (3.2.5.1.1), compounds
 * (3.2.5.1.9) and notifications (3.2.5.19, 3.2.5.20). Signatures are verified by who knows the
 * request.
 */
export class MessageReader {
  readonly #options: MessageReaderOptions;

  constructor(options: MessageReaderOptions) {
    this.#options = options;
  }

  /** Returns why the connection must end; undefined when all is well. */
  read(message: Uint8Array): string | undefined {
    const transform = decodeTransformHeader(viewOf(message), 0, message.length);
    if (transform === undefined) return this.#readCompressed(message, false);
    const decryptor = this.#options.channel(transform.sessionId)?.decryptor;
    if (decryptor === undefined) return 'an encrypted message of a session without keys';
    const ciphertext = message.subarray(TRANSFORM_HEADER_SIZE);
    if (ciphertext.length !== transform.originalMessageSize) {
      return 'OriginalMessageSize is wrong';
    }
    const head = message.subarray(0, TRANSFORM_HEADER_SIZE);
    const plain = decryptor.decrypt(head, [ciphertext], ciphertext);
    if (plain === undefined) return 'a message does not decrypt';
    return this.#readCompressed(plain, true);
  }

  /** [MS-SMB2] 3.2.5.1.1.2 Decompressing the Message, if it is compressed. */
  #readCompressed(message: Uint8Array, isEncrypted: boolean): string | undefined {
    const isCompressed =
      message.length >= 4 && viewOf(message).getUint32(0, LE) === SMB2_COMPRESSION_PROTOCOL_ID;
    if (!isCompressed) return this.#readPlain(message, isEncrypted);
    const plain = this.#options.decompress(message);
    if (plain === undefined) return 'a message does not decompress';
    return this.#readPlain(plain, isEncrypted);
  }

  #readPlain(message: Uint8Array, isEncrypted: boolean): string | undefined {
    const view = viewOf(message);
    for (let at = 0; ; ) {
      const header = decodeHeader(view, at, message.length);
      if (header === undefined) return describe(view, at);
      if ((header.flags & SMB2_FLAGS_SERVER_TO_REDIR) === 0) return 'a request from the server';
      const end = header.nextCommand === 0 ? message.length : at + header.nextCommand;
      if (end > message.length || end < at + HEADER_SIZE) return 'NextCommand is out of bounds';
      const broken = this.#readOne(header, message.subarray(at, end), isEncrypted);
      if (broken !== undefined || header.nextCommand === 0) return broken;
      at = end;
    }
  }

  #readOne(header: Header, message: Uint8Array, isEncrypted: boolean): string | undefined {
    if (header.messageId === UNSOLICITED_MESSAGE_ID) return this.#readUnsolicited(header, message);
    const isInterim =
      header.status === STATUS_PENDING && (header.flags & SMB2_FLAGS_ASYNC_COMMAND) !== 0;
    return this.#options.response({ header, message, isEncrypted, isInterim });
  }

  #readUnsolicited(header: Header, message: Uint8Array): string | undefined {
    const incoming = decodeUnsolicited(header, message);
    if (incoming === undefined) return `a malformed notification of command ${header.command}`;
    this.#options.unsolicited(incoming);
    return undefined;
  }
}

function decodeUnsolicited(header: Header, message: Uint8Array): Incoming | undefined {
  const view = viewOf(message);
  const end = message.length;
  if (header.command === SMB2_OPLOCK_BREAK) {
    const lease = decodeLeaseBreakNotification(view, HEADER_SIZE, end);
    if (lease !== undefined) return { kind: 'lease', notification: lease };
    const oplock = decodeOplockBreak(view, HEADER_SIZE, end);
    return oplock && { kind: 'oplock', notification: oplock };
  }
  if (header.command !== SMB2_SERVER_TO_CLIENT_NOTIFICATION) return undefined;
  const decoded = decodeServerToClientNotification(view, HEADER_SIZE, end);
  if (decoded?.notificationType !== SMB2_NOTIFY_SESSION_CLOSED) return undefined;
  return { kind: 'session-closed', sessionId: header.sessionId };
}

function describe(view: DataView, at: number): string {
  if (view.byteLength - at < HEADER_SIZE) return 'a message is shorter than its header';
  const id = view.getUint32(at, true);
  return id === SMB2_PROTOCOL_ID ? 'a malformed SMB2 header' : `ProtocolId 0x${id.toString(16)}`;
}

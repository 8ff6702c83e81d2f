import { assert } from '../../base/assert.ts';
import { takeBuffer } from '../../base/buffer-pool.ts';
import { align, concat, pad, viewOf } from '../../base/bytes.ts';
import type { Signer } from '../crypto/signer.ts';
import {
  SMB2_FLAGS_ASYNC_COMMAND,
  SMB2_FLAGS_SIGNED,
  SMB2_TRANSFORM_FLAG_ENCRYPTED,
} from '../wire/constants.ts';
import { encodeHeader, HEADER_SIZE, type Header, setNextCommand } from '../wire/header.ts';
import { encodeTransformHeader, TRANSFORM_HEADER_SIZE } from '../wire/transform-header.ts';
import type { MessageCompressor } from './message-compression.ts';
import type { Channel, HeaderFields, Request, SendOptions } from './request.ts';

/** Bytes of one message in order, the first chunk beginning with `headroom` bytes to spare. */
export type Frame = readonly Uint8Array[];

/** A request with what the connection chose for its header. */
export interface Outgoing {
  readonly request: Request<unknown>;
  readonly messageId: bigint;
  readonly creditCharge: number;
  readonly credits: number;
  readonly flags: number;
}

export interface WriteOptions extends SendOptions {
  readonly headroom: number;
  readonly sign: boolean;
  readonly encrypt: boolean;
  /** Undefined: the message goes out as it is. */
  readonly compressor?: MessageCompressor | undefined;
}

/**
 * [MS-SMB2] 3.2.4.1 Sending Any Outgoing Message, once credits are there: header, body, padding to
 * 8 between the requests of a compound (3.2.4.1.4), signature (3.2.4.1.1), compression (3.2.4.1.9),
 * encryption (3.2.4.1.8).
 */
export function writeMessage(requests: readonly Outgoing[], options: WriteOptions): Frame {
  const { headroom, encrypt, channel } = options;
  const signer = options.sign ? channel?.signer : undefined;
  assert(!options.sign || signer !== undefined, 'signing needs an authenticated session');
  const plain: Uint8Array[] = [];
  for (let i = 0; i < requests.length; i++) {
    const room = i === 0 && !encrypt ? headroom : 0;
    const last = i === requests.length - 1;
    writeRequest(plain, requests[i]!, { options, room, last, signer });
  }
  const room = encrypt ? 0 : headroom;
  const signed = changed(plain, room, options);
  const message = options.compressor?.compress(signed, room) ?? signed;
  const frame = encrypt ? encryptMessage(message, channel, headroom) : message;
  if (options.tamperSent === undefined) return frame;
  const bytes = concat(...frame);
  return [concat(bytes.subarray(0, headroom), options.tamperSent(bytes.slice(headroom)))];
}

interface Place {
  readonly options: WriteOptions;
  readonly room: number;
  readonly last: boolean;
  readonly signer: Signer | undefined;
}

/** Appends the chunks of one request to `chunks`. */
function writeRequest(chunks: Uint8Array[], outgoing: Outgoing, place: Place): void {
  const { request } = outgoing;
  const { room, last, signer } = place;
  const head = Buffer.allocUnsafe(room + HEADER_SIZE + request.size + 8);
  const view = viewOf(head);
  const fields = { ...place.options.header, ...request.header };
  encodeHeader(view, room, headerOf(outgoing, fields, place));
  let end = request.encode(view, room + HEADER_SIZE);
  assert(end <= head.length - 8, `body of command ${request.command} exceeds its size`);

  const payload = request.payload ?? NO_BYTES;
  const length = end - room + payload.length;
  const padding = last ? 0 : align(length, 8) - length;
  if (payload.length === 0) end = pad(view, end, end + padding);
  const message: Uint8Array[] = [head.subarray(room, end)];
  if (payload.length > 0) message.push(payload);
  if (payload.length > 0 && padding > 0) message.push(new Uint8Array(padding));

  setNextCommand(view, room, fields.nextCommand ?? (last ? 0 : length + padding));
  signer?.sign(message);
  chunks.push(head.subarray(0, end), ...message.slice(1));
}

const NO_BYTES = new Uint8Array(0);

function headerOf(outgoing: Outgoing, fields: HeaderFields, { options, signer }: Place): Header {
  const { request } = outgoing;
  const isAsync = fields.asyncId !== undefined ? SMB2_FLAGS_ASYNC_COMMAND : 0;
  const isSigned = signer !== undefined ? SMB2_FLAGS_SIGNED : 0;
  return {
    command: fields.command ?? request.command,
    creditCharge: fields.creditCharge ?? outgoing.creditCharge,
    credits: fields.credits ?? outgoing.credits,
    flags: (outgoing.flags | (fields.flags ?? 0) | isAsync | isSigned) >>> 0,
    messageId: fields.messageId ?? outgoing.messageId,
    asyncId: fields.asyncId ?? 0n,
    treeId: fields.treeId ?? 0,
    sessionId: fields.sessionId ?? options.channel?.sessionId ?? 0n,
    status: fields.channelSequence ?? 0,
    nextCommand: 0,
  };
}

/** Lets `sent` see, and `tamperSigned` change, the message behind its headroom. */
function changed(plain: Frame, headroom: number, options: WriteOptions): Frame {
  const { sent, tamperSigned } = options;
  if (tamperSigned !== undefined) {
    const bytes = concat(...plain);
    plain = [concat(bytes.subarray(0, headroom), tamperSigned(bytes.slice(headroom)))];
  }
  sent?.([plain[0]!.subarray(headroom), ...plain.slice(1)]);
  return plain;
}

/** [MS-SMB2] 3.1.4.3 Encrypting the Message. */
function encryptMessage(plain: Frame, channel: Channel | undefined, headroom: number): Frame {
  assert(
    channel?.encryptor !== undefined,
    'encryption needs a session of dialect 3.x with a cipher',
  );
  let originalMessageSize = 0;
  for (const chunk of plain) originalMessageSize += chunk.length;
  const head = Buffer.allocUnsafe(headroom + TRANSFORM_HEADER_SIZE);
  encodeTransformHeader(viewOf(head), headroom, {
    signature: NO_SIGNATURE,
    nonce: NO_BYTES,
    originalMessageSize,
    flags: SMB2_TRANSFORM_FLAG_ENCRYPTED,
    sessionId: channel.sessionId,
  });
  const isLarge = originalMessageSize >= POOLED_SIZE_MIN;
  const out = isLarge ? takeBuffer(originalMessageSize) : undefined;
  return [head, ...channel.encryptor.encrypt(head.subarray(headroom), plain, out)];
}

/** From here on the transport gives memory back to the pool. */
const POOLED_SIZE_MIN = 16 * 1024;

const NO_SIGNATURE = new Uint8Array(16);

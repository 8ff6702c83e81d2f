/**
 * Whose connection it is, from its first bytes: [MS-SMB2] 2.2.3 SMB2 NEGOTIATE Request, behind the
 * four bytes of [MS-SMB2] 2.1 Transport, or an SMB_COM_NEGOTIATE ([MS-SMB2] 3.3.5.3).
 */
import { LE, viewOf } from '../../base/bytes.ts';
import { encodeFrameHeader, FRAME_HEADER_SIZE } from '../../smb2/transport/tcp/framing.ts';
import { SMB2_NEGOTIATE } from '../../smb2/wire/constants.ts';
import { type Guid, getGuid, NO_GUID } from '../../smb2/wire/guid.ts';
import { SMB2_PROTOCOL_ID } from '../../smb2/wire/header.ts';

const COMMAND_AT = FRAME_HEADER_SIZE + 12;
const CLIENT_GUID_AT = FRAME_HEADER_SIZE + 64 + 12;
const GUID_SIZE = 16;

/** Bytes that always tell. */
export const IDENTIFYING_SIZE: number = CLIENT_GUID_AT + GUID_SIZE;

/**
 * The ClientGuid; 'nobody': a client that says none yet, or breaks the protocol, which is for the
 * worker to say; 'more': it is not in these bytes yet.
 */
export function identifyClient(bytes: Uint8Array): { readonly guid: Guid } | 'nobody' | 'more' {
  if (bytes.length === 0) return 'more';
  if (bytes[0] !== 0) return 'nobody';
  if (bytes.length < FRAME_HEADER_SIZE + 4) return 'more';
  const view = viewOf(bytes);
  if (view.getUint32(FRAME_HEADER_SIZE, LE) !== SMB2_PROTOCOL_ID) return 'nobody';
  const length = view.getUint32(0);
  if (length < IDENTIFYING_SIZE - FRAME_HEADER_SIZE) return 'nobody';
  if (bytes.length < IDENTIFYING_SIZE) return 'more';
  if (view.getUint16(COMMAND_AT, LE) !== SMB2_NEGOTIATE) return 'nobody';
  const guid = getGuid(view, CLIENT_GUID_AT);
  // A client of dialect 2.0.2 says zeros.
  return guid === NO_GUID ? 'nobody' : { guid };
}

/** A message as it looked on the wire. */
export function frameOf(message: Uint8Array): Uint8Array {
  const head = message.subarray(0, IDENTIFYING_SIZE - FRAME_HEADER_SIZE);
  const bytes = new Uint8Array(FRAME_HEADER_SIZE + head.length);
  encodeFrameHeader(bytes, 0, message.length);
  bytes.set(head, FRAME_HEADER_SIZE);
  return bytes;
}

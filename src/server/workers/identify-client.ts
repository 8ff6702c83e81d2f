/**
 * Whose connection it is, from its first bytes: [MS-SMB2] 2.2.3 SMB2 NEGOTIATE Request, behind the
 * four bytes of [MS-SMB2] 2.1 Transport, perhaps after an SMB_COM_NEGOTIATE ([MS-SMB2] 3.3.5.3).
 */
import { LE, viewOf } from '../../base/bytes.ts';
import { FRAME_HEADER_SIZE } from '../../smb2/transport/tcp/framing.ts';
import { SMB2_NEGOTIATE } from '../../smb2/wire/constants.ts';
import { type Guid, getGuid, NO_GUID } from '../../smb2/wire/guid.ts';
import { SMB1_PROTOCOL_ID, SMB2_PROTOCOL_ID } from '../../smb2/wire/header.ts';

const COMMAND_AT = FRAME_HEADER_SIZE + 12;
const CLIENT_GUID_AT = FRAME_HEADER_SIZE + 64 + 12;
const GUID_SIZE = 16;
/** Bytes of an SMB_COM_NEGOTIATE: those that clients send have some 200. */
const SMB1_SIZE_MAX = 4096;

/** Bytes of an SMB2 message that always tell. */
export const IDENTIFYING_SIZE: number = CLIENT_GUID_AT + GUID_SIZE;

/**
 * The ClientGuid; an SMB1 message, whole, that is to be answered first; 'nobody': a client that has
 * none, or breaks the protocol, which is for the worker to say; 'broken': what no worker need see;
 * 'more': it is not in these bytes yet.
 */
export type Said =
  | { readonly guid: Guid }
  | { readonly smb1: Uint8Array }
  | 'nobody'
  | 'broken'
  | 'more';

export function identifyClient(bytes: Uint8Array): Said {
  if (bytes.length === 0) return 'more';
  if (bytes[0] !== 0) return 'nobody';
  if (bytes.length < FRAME_HEADER_SIZE + 4) return 'more';
  const view = viewOf(bytes);
  const length = view.getUint32(0);
  const protocolId = view.getUint32(FRAME_HEADER_SIZE, LE);
  if (protocolId === SMB1_PROTOCOL_ID) return smb1Of(bytes, length);
  if (protocolId !== SMB2_PROTOCOL_ID) return 'nobody';
  if (length < IDENTIFYING_SIZE - FRAME_HEADER_SIZE) return 'nobody';
  if (bytes.length < IDENTIFYING_SIZE) return 'more';
  if (view.getUint16(COMMAND_AT, LE) !== SMB2_NEGOTIATE) return 'nobody';
  const guid = getGuid(view, CLIENT_GUID_AT);
  // A client of dialect 2.0.2 says zeros.
  return guid === NO_GUID ? 'nobody' : { guid };
}

function smb1Of(bytes: Uint8Array, length: number): Said {
  if (length > SMB1_SIZE_MAX) return 'broken';
  const end = FRAME_HEADER_SIZE + length;
  return bytes.length < end ? 'more' : { smb1: bytes.subarray(FRAME_HEADER_SIZE, end) };
}

/** What has been read of a connection until it is known whose it is. */
export class FirstBytes {
  #bytes = new Uint8Array(2 * IDENTIFYING_SIZE);
  #filled = 0;
  #at = 0;

  /** Where the next bytes go. */
  room(): Uint8Array {
    return this.#bytes.subarray(this.#filled);
  }

  /** So many more came. */
  received(count: number): Said {
    this.#filled += count;
    const said = identifyClient(this.rest);
    if (this.#filled === this.#bytes.length) this.#grow();
    // An SMB1 message after the one that was answered is none of [MS-SMB2] 3.3.5.3.
    return this.#at > 0 && typeof said === 'object' && 'smb1' in said ? 'nobody' : said;
  }

  /** The SMB1 message is answered: what follows it counts. */
  answered(message: Uint8Array): Said {
    this.#at += FRAME_HEADER_SIZE + message.length;
    return this.received(0);
  }

  /** What its worker has to be given. */
  get rest(): Uint8Array {
    return this.#bytes.subarray(this.#at, this.#filled);
  }

  #grow(): void {
    const bytes = new Uint8Array(this.#bytes.length + SMB1_SIZE_MAX);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }
}

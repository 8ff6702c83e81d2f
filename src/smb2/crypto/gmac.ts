import { createCipheriv, createSecretKey } from 'node:crypto';
import { cryptoLibrary } from './crypto-library.ts';
import type { Evp } from './evp.ts';
import type { MessageMac } from './mac.ts';

const NONCE_SIZE = 12;
const TAG_SIZE = 16;

/** AES-128-GMAC: AES-GCM (SP 800-38D) with the message as additional data and no plaintext. */
export function createGmac(key: Uint8Array): MessageMac {
  const { evp } = cryptoLibrary();
  return evp === undefined ? nodeGmac(key) : evpGmac(evp, key);
}

function evpGmac(evp: Evp, key: Uint8Array): MessageMac {
  const context = evp.newContext('aes_128_gcm', key, 'encrypt');
  const nonce = new Uint8Array(NONCE_SIZE);
  const tag = new Uint8Array(TAG_SIZE);
  return (chunks) => {
    writeGmacNonce(nonce, chunks[0]!);
    context.start(nonce);
    for (const chunk of chunks) context.authenticate(chunk);
    context.finish(tag);
    return tag;
  };
}

function nodeGmac(key: Uint8Array): MessageMac {
  const secret = createSecretKey(key);
  const nonce = new Uint8Array(NONCE_SIZE);
  return (chunks) => {
    writeGmacNonce(nonce, chunks[0]!);
    const cipher = createCipheriv('aes-128-gcm', secret, nonce);
    for (const chunk of chunks) cipher.setAAD(chunk);
    cipher.final();
    return cipher.getAuthTag();
  };
}

const COMMAND_AT = 12;
const FLAGS_AT = 16;
const MESSAGE_ID_AT = 24;
const SMB2_CANCEL = 0x000c;
const SMB2_FLAGS_SERVER_TO_REDIR = 0x01;

/**
 * [MS-SMB2] 3.1.4.1 Signing An Outgoing Message, the nonce of AES-GMAC:
 *
 *    0   8  MessageId
 *    8   4  bit 0: the server sends; bit 1: an SMB2 CANCEL request; the rest zero
 *
 * A CANCEL has the MessageId of the request that it cancels, hence its bit.
 */
export function writeGmacNonce(nonce: Uint8Array, header: Uint8Array): void {
  for (let i = 0; i < 8; i++) nonce[i] = header[MESSAGE_ID_AT + i]!;
  const server = header[FLAGS_AT]! & SMB2_FLAGS_SERVER_TO_REDIR;
  const command = header[COMMAND_AT]! | (header[COMMAND_AT + 1]! << 8);
  nonce[8] = server | (command === SMB2_CANCEL && server === 0 ? 2 : 0);
  nonce[9] = 0;
  nonce[10] = 0;
  nonce[11] = 0;
}

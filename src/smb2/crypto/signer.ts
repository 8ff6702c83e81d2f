import { assert, unreachable } from '../../base/assert.ts';
import {
  type MessageBytes,
  SIGNING_AES_CMAC,
  SIGNING_AES_GMAC,
  SIGNING_HMAC_SHA256,
  type SigningAlgorithmId,
} from './algorithms.ts';
import { createCmac } from './cmac.ts';
import { createGmac } from './gmac.ts';
import { createHmacSha256 } from './hmac.ts';
import type { MessageMac } from './mac.ts';

/**
 * [MS-SMB2] 3.1.4.1 Signing An Outgoing Message and 3.1.5.1 Verifying an Incoming Message, with one
 * key. A signer holds no state between messages; one serves both directions of a channel.
 */
export interface Signer {
  readonly algorithm: SigningAlgorithmId;
  /**
   * Signs one message (not a compound chain) in place: the Signature field, bytes [48, 64), is
   * written. The caller has set SMB2_FLAGS_SIGNED and the message is final, padding included.
   * AES-GMAC takes its nonce from the header's MessageId, Command and Flags.
   */
  sign(message: MessageBytes): void;
  /** Whether the Signature field is right, in time that does not tell where it differs. */
  verify(message: MessageBytes): boolean;
}

/** `key` is Session.SigningKey or Channel.SigningKey: 16 bytes (HMAC-SHA256 takes any length). */
export function createSigner(algorithm: SigningAlgorithmId, key: Uint8Array): Signer {
  return new HeaderSigner(algorithm, createMac(algorithm, key));
}

function createMac(algorithm: SigningAlgorithmId, key: Uint8Array): MessageMac {
  switch (algorithm) {
    case SIGNING_HMAC_SHA256:
      return createHmacSha256(key);
    case SIGNING_AES_CMAC:
      return createCmac(key);
    case SIGNING_AES_GMAC:
      return createGmac(key);
    default:
      return unreachable(algorithm);
  }
}

const SIGNATURE_AT = 48;
const SIGNATURE_SIZE = 16;
const SIGNATURE_END = SIGNATURE_AT + SIGNATURE_SIZE;

/** The Signature field's handling, the same for every algorithm. */
class HeaderSigner implements Signer {
  readonly algorithm: SigningAlgorithmId;
  readonly #mac: MessageMac;
  readonly #received: Uint8Array = new Uint8Array(SIGNATURE_SIZE);

  constructor(algorithm: SigningAlgorithmId, mac: MessageMac) {
    this.algorithm = algorithm;
    this.#mac = mac;
  }

  sign(message: MessageBytes): void {
    const chunks = chunksOf(message);
    const header = headerOf(chunks);
    header.fill(0, SIGNATURE_AT, SIGNATURE_END);
    const mac = this.#mac(chunks);
    for (let i = 0; i < SIGNATURE_SIZE; i++) header[SIGNATURE_AT + i] = mac[i]!;
  }

  verify(message: MessageBytes): boolean {
    const chunks = chunksOf(message);
    const header = headerOf(chunks);
    const received = this.#received;
    for (let i = 0; i < SIGNATURE_SIZE; i++) received[i] = header[SIGNATURE_AT + i]!;
    header.fill(0, SIGNATURE_AT, SIGNATURE_END);
    const mac = this.#mac(chunks);
    let difference = 0;
    for (let i = 0; i < SIGNATURE_SIZE; i++) {
      const byte = received[i]!;
      difference |= mac[i]! ^ byte;
      header[SIGNATURE_AT + i] = byte;
    }
    return difference === 0;
  }
}

function chunksOf(message: MessageBytes): readonly Uint8Array[] {
  return message instanceof Uint8Array ? [message] : message;
}

function headerOf(chunks: readonly Uint8Array[]): Uint8Array {
  const header = chunks[0];
  assert(header !== undefined && header.length >= SIGNATURE_END, 'no whole SMB2 header to sign');
  return header;
}

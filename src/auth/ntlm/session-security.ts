import { LE, put, viewOf } from '../../base/bytes.ts';
import type { Integrity } from '../mechanism.ts';
import { equalSecret, hmacMd5, md5 } from './crypto.ts';
import {
  has,
  NTLMSSP_NEGOTIATE_56,
  NTLMSSP_NEGOTIATE_128,
  NTLMSSP_NEGOTIATE_KEY_EXCH,
} from './flags.ts';
import { Rc4 } from './rc4.ts';

type Direction = 'client-to-server' | 'server-to-client';

export interface SessionSecurityOptions {
  readonly role: 'client' | 'server';
  /** With NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY: the other kind is not made here. */
  readonly flags: number;
  readonly exportedSessionKey: Uint8Array;
  readonly micExpected: boolean;
}

/**
 * [MS-NLMP] 3.4.4.2 With Extended Session Security: signatures for SPNEGO's mechListMIC, which is
 * the first message of each direction (sequence number 0); [MS-SPNG] 3.3.5.1 resets the RC4 state
 * behind it, so that every signature made here starts afresh.
 */
export function createIntegrity(options: SessionSecurityOptions): Integrity {
  const outgoing = options.role === 'client' ? 'client-to-server' : 'server-to-client';
  const incoming = options.role === 'client' ? 'server-to-client' : 'client-to-server';
  return {
    micExpected: options.micExpected,
    getMic: (message) => signature(options, outgoing, message),
    verifyMic: (message, mic) => equalSecret(signature(options, incoming, message), mic),
  };
}

const SIGNATURE_VERSION = 1;

/** [MS-NLMP] 2.2.2.9.2: Version (4), Checksum (8), SeqNum (4). */
function signature(
  options: SessionSecurityOptions,
  direction: Direction,
  message: Uint8Array,
): Uint8Array {
  const sequence = new Uint8Array(4);
  const key = signKey(options.exportedSessionKey, direction);
  let checksum = hmacMd5(key, sequence, message).subarray(0, 8);
  if (has(options.flags, NTLMSSP_NEGOTIATE_KEY_EXCH)) {
    checksum = new Rc4(sealKey(options, direction)).apply(checksum);
  }
  const bytes = new Uint8Array(16);
  const view = viewOf(bytes);
  view.setUint32(0, SIGNATURE_VERSION, LE);
  put(view, 4, checksum);
  put(view, 12, sequence);
  return bytes;
}

/** [MS-NLMP] 3.4.5.2 SIGNKEY. */
export function signKey(exportedSessionKey: Uint8Array, direction: Direction): Uint8Array {
  return md5(exportedSessionKey, magic(direction, 'signing'));
}

/** [MS-NLMP] 3.4.5.3 SEALKEY. */
export function sealKey(
  { flags, exportedSessionKey }: Pick<SessionSecurityOptions, 'flags' | 'exportedSessionKey'>,
  direction: Direction,
): Uint8Array {
  const size = has(flags, NTLMSSP_NEGOTIATE_128) ? 16 : has(flags, NTLMSSP_NEGOTIATE_56) ? 7 : 5;
  return md5(exportedSessionKey.subarray(0, size), magic(direction, 'sealing'));
}

function magic(direction: Direction, purpose: 'signing' | 'sealing'): Uint8Array {
  return new TextEncoder().encode(`session key to ${direction} ${purpose} key magic constant\0`);
}

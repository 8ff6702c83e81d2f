import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { concat } from '../../base/bytes.ts';
import { utf16Bytes } from '../../base/utf16le.ts';
import { Rc4 } from './rc4.ts';

/** [MS-NLMP] 3.3.2 NTLM v2 Authentication and 3.1.5.1.2: the computations both ends share. */

export const KEY_SIZE = 16;

/** NTOWFv2: `ntHash` keyed over the upper-cased user name and the domain as the client sent it. */
export function ntOwfV2(ntHash: Uint8Array, userName: string, domainName: string): Uint8Array {
  return hmacMd5(ntHash, utf16Bytes(toUpper(userName) + domainName));
}

/** NTProofStr over the server's challenge and the client's blob (`temp`). */
export function ntProof(
  responseKey: Uint8Array,
  serverChallenge: Uint8Array,
  temp: Uint8Array,
): Uint8Array {
  return hmacMd5(responseKey, serverChallenge, temp);
}

/** SessionBaseKey, which for NTLMv2 is the KeyExchangeKey too (3.4.5.1 KXKEY). */
export function sessionBaseKey(responseKey: Uint8Array, proof: Uint8Array): Uint8Array {
  return hmacMd5(responseKey, proof);
}

/** The MIC of an AUTHENTICATE_MESSAGE whose MIC field is zero in `authenticate`. */
export function messageIntegrityCode(
  exportedSessionKey: Uint8Array,
  negotiate: Uint8Array,
  challenge: Uint8Array,
  authenticate: Uint8Array,
): Uint8Array {
  return hmacMd5(exportedSessionKey, negotiate, challenge, authenticate);
}

export function hmacMd5(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(
    createHmac('md5', key)
      .update(concat(...parts))
      .digest(),
  );
}

export function md5(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(
    createHash('md5')
      .update(concat(...parts))
      .digest(),
  );
}

export function rc4(key: Uint8Array, input: Uint8Array): Uint8Array {
  return new Rc4(key).apply(input);
}

/** Compares in a time that does not depend on where they differ. */
export function equalSecret(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * Upper case a code unit at a time as Windows has it: a letter whose upper case is several (ß)
 * stays.
 */
export function toUpper(text: string): string {
  let upper = '';
  for (let i = 0; i < text.length; i++) {
    const mapped = text[i]!.toUpperCase();
    upper += mapped.length === 1 ? mapped : text[i];
  }
  return upper;
}

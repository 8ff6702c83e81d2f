import { createHmac, createSecretKey } from 'node:crypto';
import { cryptoLibrary } from './crypto-library.ts';
import type { MessageMac } from './mac.ts';

/** [MS-SMB2] 3.1.4.1, dialects 2.0.2 and 2.1 (and 3.1.1 by choice): HMAC-SHA256, first 16 bytes. */
export function createHmacSha256(key: Uint8Array): MessageMac {
  const { evp } = cryptoLibrary();
  return evp === undefined ? nodeHmac(key) : evp.newHmac(key);
}

function nodeHmac(key: Uint8Array): MessageMac {
  const secret = createSecretKey(key);
  return (chunks) => {
    const hmac = createHmac('sha256', secret);
    for (const chunk of chunks) hmac.update(chunk);
    return hmac.digest();
  };
}

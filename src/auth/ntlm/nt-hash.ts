import md4 from 'js-md4';
import { utf16Bytes } from '../../base/utf16le.ts';

/** NTOWFv1 ([MS-NLMP] 3.3.1): MD4 of the password's UTF-16LE bytes; what an account stores. */
export function ntHash(password: string): Uint8Array {
  return new Uint8Array(md4.arrayBuffer(utf16Bytes(password)));
}

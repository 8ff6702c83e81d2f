/**
 * 8.3 names ([MS-FSCC] 2.1.5.2.1), computed from the long name and kept nowhere, so that a file
 * has the same one after a restart and on every server: its first character, five digits of a
 * hash, '~', one digit more, and the extension's first three characters. Digits are 0-9 and A-Z.
 */
import { upcase } from '../fscc/upcase.ts';

/** Whether a name is an 8.3 name itself; then it has no other. */
export function isEightDotThree(name: string): boolean {
  return EIGHT_DOT_THREE.test(name);
}

/** Whether a name could be one that `shortNameOf` makes. Upper and lower case are the same. */
export function hasShortNameShape(name: string): boolean {
  return name.charCodeAt(6) === TILDE && SHORT_NAME.test(name);
}

/** The 8.3 name of a file whose name is none, as clients see both; '' of one whose name is. */
export function shortNameOf(name: string): string {
  if (isEightDotThree(name)) return '';
  const upper = upcase(name);
  let hash = FNV_OFFSET;
  for (let i = 0; i < upper.length; i++) {
    hash = Math.imul(hash ^ upper.charCodeAt(i), FNV_PRIME);
  }
  const digits = ((hash >>> 0) % DIGITS_MAX).toString(36).toUpperCase().padStart(6, '0');
  const dot = upper.lastIndexOf('.');
  const stem = legalOf(dot > 0 ? upper.slice(0, dot) : upper, 1) || '_';
  const extension = dot > 0 ? legalOf(upper.slice(dot + 1), 3) : '';
  const base = `${stem}${digits.slice(0, 5)}~${digits.slice(5)}`;
  return extension === '' ? base : `${base}.${extension}`;
}

/** FileAlternateNameInformation: the 8.3 name, be it the name itself; '' where there is none. */
export function alternateNameOf(name: string, isMade: boolean): string {
  if (isEightDotThree(name)) return name;
  return isMade && name !== '' ? shortNameOf(name) : '';
}

const EIGHT_DOT_THREE = /^[A-Za-z0-9!#$%&'()@^_`{}~-]{1,8}(\.[A-Za-z0-9!#$%&'()@^_`{}~-]{1,3})?$/;
const SHORT_NAME = /^[A-Z0-9_$!][A-Z0-9]{5}~[A-Z0-9](\.[A-Z0-9_$!]{1,3})?$/i;
const ILLEGAL = /[^A-Z0-9_$!]/g;
const TILDE = 0x7e;
const DIGITS_MAX = 36 ** 6;
const FNV_OFFSET = 0x811c_9dc5;
const FNV_PRIME = 0x0100_0193;

function legalOf(upper: string, length: number): string {
  return upper.replace(ILLEGAL, '').slice(0, length);
}

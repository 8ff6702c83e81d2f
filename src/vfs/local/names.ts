/**
 * Names between JavaScript and the kernel, reversible both ways.
 *
 * A name is UTF-8 where it can be. A lone surrogate (Windows allows it) is its three bytes of
 * WTF-8. Bytes that are no UTF-8 (Linux allows them) are U+DC80..U+DCFF, one each, as Python's
 * "surrogateescape" has it. A string of such escapes that would read back as something else (they
 * spell valid UTF-8) names nothing and cannot be encoded.
 */
import { EINVAL, ENAMETOOLONG, type Errno } from '../errno.ts';
import { PATH_MAX } from './linux.ts';

/** A reusable buffer for one NUL-terminated path. */
export class PathBuffer {
  /** Large enough for the longest path and the four bytes that one step may write. */
  readonly bytes: Buffer = Buffer.alloc(PATH_MAX + 8);

  /** The kernel's form of `text`; EINVAL with a NUL in it, ENAMETOOLONG beyond PATH_MAX. */
  set(text: string): 0 | Errno {
    const { bytes } = this;
    if (text.length >= PATH_MAX) return ENAMETOOLONG;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) return this.#setWide(text, i);
      if (unit === 0) return EINVAL;
      bytes[i] = unit;
    }
    bytes[text.length] = 0;
    return 0;
  }

  #setWide(text: string, asciiLength: number): 0 | Errno {
    const { bytes } = this;
    let at = asciiLength;
    let escapes = false;
    for (let i = asciiLength; i < text.length; i++) {
      if (at >= PATH_MAX) return ENAMETOOLONG;
      const point = text.codePointAt(i)!;
      if (point === 0) return EINVAL;
      if (point > 0xffff) i++;
      if (isEscape(point)) {
        escapes = true;
        bytes[at++] = point & 0xff;
      } else {
        at = putCodePoint(bytes, at, point);
      }
    }
    if (at >= PATH_MAX) return ENAMETOOLONG;
    bytes[at] = 0;
    return escapes && decodeName(bytes, 0, at) !== text ? EINVAL : 0;
  }
}

/** The JavaScript form of the bytes `[at, end)`. */
export function decodeName(bytes: Buffer, at: number, end: number): string {
  let i = at;
  while (i < end && bytes[i]! < 0x80) i++;
  if (i === end) return bytes.toString('latin1', at, end);
  const text = bytes.toString('utf8', at, end);
  return text.includes('\ufffd') ? decodeOdd(bytes, at, end) : text;
}

/** With surrogates as themselves where that can be undone, else with all their bytes escaped. */
function decodeOdd(bytes: Buffer, at: number, end: number): string {
  return decodeAs('wtf-8', bytes, at, end) ?? decodeAs('utf-8', bytes, at, end)!;
}

/** Undefined for WTF-8 whose surrogates would form a pair, or look like an escape, when decoded. */
function decodeAs(
  form: 'wtf-8' | 'utf-8',
  bytes: Buffer,
  at: number,
  end: number,
): string | undefined {
  let text = '';
  let afterHigh = false;
  for (let i = at; i < end; ) {
    const size = sequenceSize(bytes, i, end);
    const point = size === 0 ? 0 : codePoint(bytes, i, size);
    const escaped = size === 0 || (form === 'utf-8' && isSurrogate(point));
    if (isEscape(point) && !escaped) return undefined;
    if (afterHigh && (escaped || isLow(point))) return undefined;
    text += escaped ? String.fromCharCode(0xdc00 | bytes[i]!) : String.fromCodePoint(point);
    afterHigh = !escaped && isHigh(point);
    i += escaped ? 1 : size;
  }
  return text;
}

/** Bytes of the well-formed UTF-8 (or WTF-8 surrogate) sequence at `at`; 0 when there is none. */
function sequenceSize(bytes: Buffer, at: number, end: number): number {
  const first = bytes[at]!;
  const size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (first > 0xf4 || at + size > end) return 0;
  for (let i = 1; i < size; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 0;
  if (size < 3) return size;
  const second = bytes[at + 1]!;
  const overlong = (first === 0xe0 && second < 0xa0) || (first === 0xf0 && second < 0x90);
  return overlong || (first === 0xf4 && second > 0x8f) ? 0 : size;
}

function codePoint(bytes: Buffer, at: number, size: number): number {
  const first = bytes[at]!;
  if (size === 1) return first;
  let point = first & (0xff >> (size + 1));
  for (let i = 1; i < size; i++) point = (point << 6) | (bytes[at + i]! & 0x3f);
  return point;
}

function putCodePoint(bytes: Buffer, at: number, point: number): number {
  if (point < 0x80) {
    bytes[at] = point;
    return at + 1;
  }
  const more = point < 0x800 ? 1 : point < 0x1_0000 ? 2 : 3;
  bytes[at] = ((0xff << (7 - more)) & 0xff) | (point >> (6 * more));
  for (let i = 1; i <= more; i++) bytes[at + i] = 0x80 | ((point >> (6 * (more - i))) & 0x3f);
  return at + more + 1;
}

const isEscape = (unit: number): boolean => unit >= 0xdc80 && unit <= 0xdcff;
const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isSurrogate = (point: number): boolean => point >= 0xd800 && point <= 0xdfff;
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

/**
 * The little of ASN.1 that SPNEGO needs (ITU-T X.690): tag, definite length, value.
 *
 * Strict: single-byte tags, definite lengths of at most four bytes, nothing beyond its parent.
 * Deviation: a length written longer than needed (BER) is taken, since clients exist that reserve
 * its bytes first; what is signed is always the bytes as they came.
 */
export interface Element {
  readonly tag: number;
  /** The element with its tag and length: `[from, end)`; its value: `[at, end)`. */
  readonly from: number;
  readonly at: number;
  readonly end: number;
}

export const DER_BIT_STRING = 0x03;
export const DER_OCTET_STRING = 0x04;
export const DER_OID = 0x06;
export const DER_ENUMERATED = 0x0a;
export const DER_GENERAL_STRING = 0x1b;
export const DER_SEQUENCE = 0x30;

/** Tag of `[n]` EXPLICIT and of `[APPLICATION n]`, both constructed. */
export function contextTag(n: number): number {
  return 0xa0 | n;
}

export function applicationTag(n: number): number {
  return 0x60 | n;
}

/** The element that starts at `from` and fits before `end`; undefined when none does. */
export function readElement(bytes: Uint8Array, from: number, end: number): Element | undefined {
  if (end - from < 2) return undefined;
  const tag = bytes[from]!;
  if ((tag & 0x1f) === 0x1f) return undefined;
  const first = bytes[from + 1]!;
  if (first < 0x80) return fits({ tag, from, at: from + 2, end: from + 2 + first }, end);

  const lengthSize = first & 0x7f;
  const at = from + 2 + lengthSize;
  if (lengthSize === 0 || lengthSize > 4 || at > end) return undefined;
  let length = 0;
  for (let i = from + 2; i < at; i++) length = length * 256 + bytes[i]!;
  return fits({ tag, from, at, end: at + length }, end);
}

function fits(element: Element, end: number): Element | undefined {
  return element.end <= end ? element : undefined;
}

/** The element with this tag that fills `[at, end)` exactly. */
export function readOnly(
  bytes: Uint8Array,
  within: { readonly at: number; readonly end: number },
  tag: number,
): Element | undefined {
  const element = readElement(bytes, within.at, within.end);
  return element?.tag === tag && element.end === within.end ? element : undefined;
}

/** The elements that fill `[at, end)`, at most `max` of them; undefined when they do not. */
export function readAll(
  bytes: Uint8Array,
  within: { readonly at: number; readonly end: number },
  max: number,
): readonly Element[] | undefined {
  const elements: Element[] = [];
  let at = within.at;
  while (at < within.end) {
    const element = readElement(bytes, at, within.end);
    if (element === undefined || elements.length === max) return undefined;
    elements.push(element);
    at = element.end;
  }
  return elements;
}

/** One element around `contents`, with the shortest length. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const content of contents) size += content.length;
  const lengthSize = size < 0x80 ? 0 : size < 0x100 ? 1 : size < 0x1_0000 ? 2 : 3;
  const bytes = new Uint8Array(2 + lengthSize + size);
  bytes[0] = tag;
  bytes[1] = lengthSize === 0 ? size : 0x80 | lengthSize;
  for (let i = 0; i < lengthSize; i++) bytes[2 + i] = size >> (8 * (lengthSize - 1 - i));
  let at = 2 + lengthSize;
  for (const content of contents) {
    bytes.set(content, at);
    at += content.length;
  }
  return bytes;
}

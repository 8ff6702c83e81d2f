import { align, pad, slice } from '../../base/bytes.ts';

/** Bytes of the SMB2 header before each body; a message's offsets count from the header. */
const HEADER_SIZE = 64;

const NOTHING = new Uint8Array(0);

/**
 * Where a variable part starts in the view; undefined when it is not inside the message. The one
 * check of every Offset/Length pair (style.md 10).
 *
 * `at` is the body, `end` the message's end, `fixed` the size of the body's fixed part, which the
 * part must not overlap; `offset` (from the SMB2 header, a multiple of `unit`) and `length` are the
 * peer's claims. An empty part may claim any offset: Windows sends 0 and stale ones alike.
 */
export function partAt(
  at: number,
  end: number,
  fixed: number,
  offset: number,
  length: number,
  unit: 1 | 8 = 1,
): number | undefined {
  if (length === 0) return at + fixed;
  const start = at - HEADER_SIZE + offset;
  if (start < at + fixed || start + length > end) return undefined;
  if (offset % unit !== 0) return undefined;
  return start;
}

/** The bytes of a variable part, without a copy; the arguments are those of `partAt`. */
export function part(
  view: DataView,
  at: number,
  end: number,
  fixed: number,
  offset: number,
  length: number,
): Uint8Array | undefined {
  if (length === 0) return NOTHING;
  const start = partAt(at, end, fixed, offset, length);
  return start === undefined ? undefined : slice(view, start, start + length);
}

/** The offset field for a part that is written at `position` of a message with its body at `at`. */
export function offsetFromHeader(at: number, position: number): number {
  return position - at + HEADER_SIZE;
}

/** Zeroes up to the next multiple of 8 counted from `base`, and returns that position. */
export function padTo8(view: DataView, base: number, position: number): number {
  return pad(view, position, base + align(position - base, 8));
}

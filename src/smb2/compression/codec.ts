/**
 * One algorithm. `compress` returns how many bytes of `out` it wrote, or 0 when `out` is too small
 * or the data shrinks by less than an eighth. `decompress` fills `out` exactly; false when the
 * source says anything else, however it is made up: its time is proportional to both sizes.
 */
export interface Codec {
  readonly compress: (source: Uint8Array, out: Uint8Array) => number;
  readonly decompress: (source: Uint8Array, out: Uint8Array) => boolean;
}

/** Whether `written` bytes are too many for `read` ones: asked after each block. */
export function isHopeless(read: number, written: number): boolean {
  return written > read - (read >>> 3);
}

/** From here on a copy by the runtime is cheaper than a loop. */
const BULK_SIZE = 24;

/** Copies `[from, to)` of `source` to `at` of `out`, where there is room; returns the end. */
export function copyLiterals(
  source: Uint8Array,
  { from, to }: { readonly from: number; readonly to: number },
  out: Uint8Array,
  at: number,
): number {
  if (to - from > BULK_SIZE) {
    out.set(source.subarray(from, to), at);
    return at + to - from;
  }
  for (let i = from; i < to; i++) out[at++] = source[i]!;
  return at;
}

/** Repeats what stands `distance` bytes before `at`; the caller has checked both ends. */
export function copyMatch(out: Uint8Array, at: number, distance: number, length: number): void {
  const end = at + length;
  const from = at - distance;
  if (length <= BULK_SIZE) {
    for (let to = at, i = from; to < end; ) out[to++] = out[i++]!;
  } else if (distance === 1) {
    out.fill(out[from]!, at, end);
  } else {
    // Each pass doubles what stands there to be copied.
    for (let to = at; to < end; ) {
      const size = Math.min(to - from, end - to);
      out.copyWithin(to, from, from + size);
      to += size;
    }
  }
}

/** `DataView`'s little-endian flag, named. */
export const LE = true;

/** A view over exactly the bytes of `bytes`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Rounds up to a multiple of `unit`, a power of two. */
export function align(value: number, unit: 2 | 4 | 8 | 16): number {
  return (value + unit - 1) & ~(unit - 1);
}

/** Zeroes `[at, end)` and returns `end`: the way to write padding and reserved bytes. */
export function pad(view: DataView, at: number, end: number): number {
  for (let i = at; i < end; i++) view.setUint8(i, 0);
  return end;
}

/** Copies `bytes` to `at` and returns the end offset. */
export function put(view: DataView, at: number, bytes: Uint8Array): number {
  new Uint8Array(view.buffer, view.byteOffset + at, bytes.length).set(bytes);
  return at + bytes.length;
}

/** The bytes `[at, end)` of a view, without a copy. */
export function slice(view: DataView, at: number, end: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, end - at);
}

/** The one way from a u64 of the wire to a file offset: undefined above 2^53 - 1 (style.md 11). */
export function toOffset(value: bigint): number | undefined {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= 0n ? Number(value) : undefined;
}

/** Reads a u64 that fits a file offset without making a bigint; undefined above 2^53 - 1. */
export function getOffset(view: DataView, at: number): number | undefined {
  const high = view.getUint32(at + 4, LE);
  return high > 0x1f_ffff ? undefined : high * 0x1_0000_0000 + view.getUint32(at, LE);
}

/** Writes a file offset (a safe non-negative integer) as u64. */
export function setOffset(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 0x1_0000_0000, LE);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), LE);
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * Memory for large messages, used again: a fresh mebibyte costs more in page faults and garbage
 * collection than the bytes that go through it.
 *
 * Who owns a message owns its memory, and may `recycle` it when nobody reads it any more. Memory
 * that did not come from here is left alone, so a layer need not know where bytes were made; what
 * is never recycled is collected as any other garbage.
 */
const UNIT = 64 * 1024;
/** Bytes kept for the next message at the most. */
const FREE_SIZE_MAX = 64 * 1024 * 1024;

const pooled: WeakMap<ArrayBufferLike, 'in use' | 'free'> = new WeakMap();
const freeBySize: Map<number, Uint8Array[]> = new Map();
let freeSize = 0;

/** At least `size` bytes with anything in them; the rest of the last 64 KiB comes too. */
export function takeBuffer(size: number): Uint8Array {
  const rounded = Math.ceil(size / UNIT) * UNIT;
  const free = freeBySize.get(rounded)?.pop();
  if (free !== undefined) {
    freeSize -= rounded;
    pooled.set(free.buffer, 'in use');
    return free;
  }
  const fresh = Buffer.allocUnsafeSlow(rounded);
  pooled.set(fresh.buffer, 'in use');
  return fresh;
}

/** Gives the memory under `bytes` back; a second time, or for memory of others, does nothing. */
export function recycle(bytes: Uint8Array): void {
  const memory = bytes.buffer;
  if (memory.byteLength < UNIT || pooled.get(memory) !== 'in use') return;
  const size = memory.byteLength;
  if (freeSize + size > FREE_SIZE_MAX && !makeRoom(size)) return;
  pooled.set(memory, 'free');
  freeSize += size;
  const list = freeBySize.get(size);
  if (list === undefined) freeBySize.set(size, [Buffer.from(memory)]);
  else list.push(Buffer.from(memory));
}

/** Drops memory of other sizes: what was asked for long ago must not keep today's out. */
function makeRoom(size: number): boolean {
  for (const [other, list] of freeBySize) {
    if (other === size) continue;
    while (freeSize + size > FREE_SIZE_MAX && list.pop() !== undefined) freeSize -= other;
    if (list.length === 0) freeBySize.delete(other);
  }
  return freeSize + size <= FREE_SIZE_MAX;
}

/**
 * A message on a byte stream between processes
 *
 *    0   4  Length   bytes of what follows, little-endian; 1 to `BUS_FRAME_SIZE_MAX`
 *    4   -  Text     UTF-8 of JSON: [name, body]
 */
import { LE, viewOf } from '../base/bytes.ts';
import { BUS_FRAME_SIZE_MAX } from '../base/limits.ts';

const HEADER_SIZE = 4;

export interface Frame {
  readonly name: string;
  readonly json: unknown;
}

/** Undefined: longer than a frame may be. */
export function encodeFrame(name: string, json: unknown): Uint8Array | undefined {
  const body = JSON.stringify([name, json]);
  const length = Buffer.byteLength(body);
  if (length > BUS_FRAME_SIZE_MAX) return undefined;
  const bytes = Buffer.allocUnsafe(HEADER_SIZE + length);
  viewOf(bytes).setUint32(0, length, LE);
  bytes.write(body, HEADER_SIZE);
  return bytes;
}

/** Cuts a byte stream into frames. After a false from `push` the stream is of no use. */
export class FrameCutter {
  readonly #deliver: (frame: Frame) => void;
  /** What came of a frame that is not whole; its header first. */
  readonly #pieces: Uint8Array[] = [];
  #held = 0;
  #wanted = HEADER_SIZE;

  constructor(deliver: (frame: Frame) => void) {
    this.#deliver = deliver;
  }

  /** False: no frame, or a longer one than may be. The chunk's memory is the cutter's from here. */
  push(chunk: Uint8Array): boolean {
    this.#pieces.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#wanted) return true;
    const bytes = joined(this.#pieces, this.#held);
    this.#pieces.length = 0;
    const used = this.#cut(bytes);
    if (used < 0) return false;
    const rest = bytes.subarray(used);
    this.#held = rest.length;
    if (rest.length > 0) this.#pieces.push(rest);
    return true;
  }

  /** Delivers the whole frames; bytes used, -1 where the stream is broken. */
  #cut(bytes: Uint8Array): number {
    const view = viewOf(bytes);
    let at = 0;
    for (;;) {
      this.#wanted = HEADER_SIZE;
      if (bytes.length - at < HEADER_SIZE) return at;
      const length = view.getUint32(at, LE);
      if (length === 0 || length > BUS_FRAME_SIZE_MAX) return -1;
      this.#wanted = HEADER_SIZE + length;
      if (bytes.length - at < this.#wanted) return at;
      const frame = parse(bytes.subarray(at + HEADER_SIZE, at + this.#wanted));
      if (frame === undefined) return -1;
      at += this.#wanted;
      this.#deliver(frame);
    }
  }
}

function joined(pieces: readonly Uint8Array[], size: number): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function parse(bytes: Uint8Array): Frame | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString());
  } catch {
    return undefined;
  }
  if (!Array.isArray(value) || value.length !== 2 || typeof value[0] !== 'string') return undefined;
  return { name: value[0], json: value[1] };
}

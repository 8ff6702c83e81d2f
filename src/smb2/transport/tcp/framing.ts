import { takeBuffer } from '../../../base/buffer-pool.ts';

/**
 * [MS-SMB2] 2.1 Transport, direct TCP: each message stands behind four bytes.
 *
 *    0   1  Zero
 *    1   3  StreamProtocolLength   bytes of the message, big-endian
 */
export const FRAME_HEADER_SIZE = 4;
/** Bytes of a message: what the length's 24 bits can say. */
export const FRAME_SIZE_MAX = 0xff_ffff;

/** Bytes that one receive may bring; messages within it are handed on without a copy. */
const SLAB_SIZE = 64 * 1024;
/** A slab with less room than this is left to its messages and a new one begun. */
const SLAB_ROOM_MIN = 8 * 1024;

/** Writes the four bytes before a message of `length` bytes. */
export function encodeFrameHeader(bytes: Uint8Array, at: number, length: number): void {
  bytes[at] = 0;
  bytes[at + 1] = length >>> 16;
  bytes[at + 2] = length >>> 8;
  bytes[at + 3] = length;
}

/**
 * Cuts a byte stream into messages. The stream is received straight into `room()`: small messages
 * are views of a slab, a large one gets memory of its own size of which the rest of the message is
 * received in place. The slab is filled from its start again when nobody kept a message of it; else
 * it is theirs, and a new one is begun in its time.
 */
export class FrameReader {
  #slab: Uint8Array = Buffer.allocUnsafeSlow(SLAB_SIZE);
  /** `[#start, #end)` of the slab: received and not yet handed on. */
  #start = 0;
  #end = 0;
  /** A message of the slab is still somebody's. */
  #isKept = false;
  /** A message larger than the slab's rest, and how much of it has come. */
  #large: Uint8Array | undefined;
  #largeFilled = 0;
  readonly #deliver: (message: Uint8Array) => boolean;
  messageSizeMax: number;

  /** `deliver` tells whether the message's memory may be used again. */
  constructor(messageSizeMax: number, deliver: (message: Uint8Array) => boolean) {
    this.messageSizeMax = messageSizeMax;
    this.#deliver = deliver;
  }

  /** True while a message has begun and not ended. */
  get partial(): boolean {
    return this.#large !== undefined || this.#end > this.#start;
  }

  /** Where the next bytes of the stream go. */
  room(): Uint8Array {
    if (this.#large !== undefined) return this.#large.subarray(this.#largeFilled);
    if (this.#start === this.#end && !this.#isKept) {
      this.#start = 0;
      this.#end = 0;
      return this.#slab;
    }
    if (SLAB_SIZE - this.#end < SLAB_ROOM_MIN) this.#renew();
    return this.#slab.subarray(this.#end);
  }

  /**
   * Takes note of `count` bytes received in `room()` and delivers the messages they complete.
   * False when the stream is broken: no zero byte, or a message over the limit.
   */
  received(count: number): boolean {
    if (this.#large !== undefined) {
      this.#largeFilled += count;
      if (this.#largeFilled < this.#large.length) return true;
      const message = this.#large;
      this.#large = undefined;
      this.#deliver(message);
      return true;
    }
    this.#end += count;
    return this.#cut();
  }

  #cut(): boolean {
    while (this.#end - this.#start >= FRAME_HEADER_SIZE) {
      const slab = this.#slab;
      const at = this.#start;
      if (slab[at] !== 0) return false;
      const length = (slab[at + 1]! << 16) | (slab[at + 2]! << 8) | slab[at + 3]!;
      if (length > this.messageSizeMax) return false;
      const body = at + FRAME_HEADER_SIZE;
      if (body + length > this.#end) {
        if (body + length > SLAB_SIZE) this.#beginLarge(body, length);
        return true;
      }
      this.#start = body + length;
      if (!this.#deliver(slab.subarray(body, body + length))) this.#isKept = true;
    }
    return true;
  }

  #beginLarge(body: number, length: number): void {
    const large = takeBuffer(length).subarray(0, length);
    large.set(this.#slab.subarray(body, this.#end));
    this.#large = large;
    this.#largeFilled = this.#end - body;
    this.#start = this.#end;
  }

  /** What is left moves to the start: of this slab, or of a new one when its messages need it. */
  #renew(): void {
    const rest = this.#slab.subarray(this.#start, this.#end);
    if (this.#isKept) this.#slab = Buffer.allocUnsafeSlow(SLAB_SIZE);
    this.#slab.set(rest);
    this.#isKept = false;
    this.#start = 0;
    this.#end = rest.length;
  }
}

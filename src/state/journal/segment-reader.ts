import type { JournalFile } from './disk.ts';
import {
  decodeFrame,
  decodeHeader,
  FRAME_HEADER_SIZE,
  type FrameHeader,
  frameLength,
  frameSize,
  HEADER_SIZE,
  type SegmentHeader,
} from './journal-format.ts';

/** Bytes that are read at once. */
const WINDOW_SIZE = 1024 * 1024;

export interface Frame extends FrameHeader {
  readonly at: number;
  /** Behind its padding. */
  readonly end: number;
  /** Until the next call. */
  readonly entries: Uint8Array;
}

/** Frames of one segment, wherever they are asked for. Reading in order is what it is fast at. */
export class SegmentReader {
  readonly number: number;
  readonly size: number;
  readonly header: SegmentHeader | 'other' | undefined;
  readonly #file: JournalFile;
  #window: Uint8Array = new Uint8Array(WINDOW_SIZE);
  #windowAt = 0;
  #windowEnd = 0;

  constructor(file: JournalFile, number: number) {
    this.#file = file;
    this.number = number;
    this.size = file.size();
    const header = decodeHeader(this.#bytes(0, HEADER_SIZE));
    this.header = header === 'other' || header?.number === number ? header : undefined;
  }

  /** It was being made when the server ended: nothing was ever written to it. */
  get isUnfinished(): boolean {
    return this.size <= HEADER_SIZE;
  }

  /** Undefined: no frame begins here, or it is not as it was written. */
  frameAt(at: number): Frame | undefined {
    if (typeof this.header !== 'object') return undefined;
    const length = frameLength(this.#bytes(at, FRAME_HEADER_SIZE));
    if (length === undefined || at + frameSize(length) > this.size) return undefined;
    const bytes = this.#bytes(at, frameSize(length));
    const header = decodeFrame(bytes, this.header.salt);
    if (header === undefined) return undefined;
    const entries = bytes.subarray(FRAME_HEADER_SIZE, FRAME_HEADER_SIZE + length);
    return { ...header, at, end: at + bytes.length, entries };
  }

  /** The next frame that is as it was written, wherever it begins. Cost: all bytes up to it. */
  nextFrame(from: number): Frame | undefined {
    for (let at = from; at + FRAME_HEADER_SIZE <= this.size; at += 8) {
      const frame = this.frameAt(at);
      if (frame !== undefined) return frame;
    }
    return undefined;
  }

  #bytes(at: number, size: number): Uint8Array {
    if (at < this.#windowAt || at + size > this.#windowEnd) this.#fill(at, size);
    const start = at - this.#windowAt;
    return this.#window.subarray(start, Math.min(start + size, this.#windowEnd - this.#windowAt));
  }

  #fill(at: number, size: number): void {
    if (size > this.#window.length) this.#window = new Uint8Array(size);
    this.#windowAt = at;
    this.#windowEnd = at + this.#file.read(this.#window, at);
  }
}

import { LE, viewOf } from '../../base/bytes.ts';
import type { JournalDisk, JournalFile } from './disk.ts';
import {
  encodeHeader,
  type FrameHeader,
  finishFrame,
  HEADER_SIZE,
  segmentName,
} from './journal-format.ts';

/**
 * Zeros that are written ahead: where a file does not grow, its sync has half to do, and there is
 * room for a while when others fill the disk.
 */
const RESERVE_SIZE = 256 * 1024;
const ZEROS = new Uint8Array(RESERVE_SIZE);

/** The segment that is written. Throws the system's error, and is then as it was before. */
export class Segment {
  readonly number: number;
  /** Behind the last frame. */
  end: number;
  readonly #file: JournalFile;
  readonly #salt: number;
  #size: number;

  /** Whatever is behind `end` goes. */
  constructor(
    file: JournalFile,
    { number, end, salt }: { readonly number: number; readonly end: number; readonly salt: number },
  ) {
    this.#file = file;
    this.number = number;
    this.end = end;
    this.#size = end;
    this.#salt = salt;
    file.truncate(end);
  }

  /** A new one; the disk has nothing of it yet. */
  static create(disk: JournalDisk, number: number): Segment {
    const salt = viewOf(disk.random.bytes(4)).getUint32(0, LE);
    const file = disk.create(segmentName(number));
    try {
      file.write(encodeHeader({ number, salt }), 0);
      return new Segment(file, { number, end: HEADER_SIZE, salt });
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** `frame` has room for its header in front of the entries, and zeros behind them. */
  write(frame: Uint8Array, header: FrameHeader): void {
    finishFrame(frame, this.#salt, header);
    if (this.end + frame.length > this.#size) this.#reserve();
    this.#file.write(frame, this.end);
    this.end += frame.length;
    this.#size = Math.max(this.#size, this.end);
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  syncNow(): void {
    this.#file.syncNow();
  }

  close(): void {
    this.#file.close();
  }

  /** On a disk that is nearly full there may be room for the frame all the same. */
  #reserve(): void {
    try {
      this.#file.write(ZEROS, this.#size);
      this.#size += RESERVE_SIZE;
    } catch {
      // The frame is written next, and tells.
      this.#file.truncate(this.#size);
    }
  }
}

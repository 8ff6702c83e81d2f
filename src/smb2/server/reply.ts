import { assert } from '../../base/assert.ts';
import { takeBuffer } from '../../base/buffer-pool.ts';
import { viewOf } from '../../base/bytes.ts';
import type { FileRange } from '../../base/io-buffer.ts';

/**
 * Memory for one response. Small ones are cut from a slab that is never reused, so that a reply
 * that waits in a socket's queue needs no copy; large ones come from the pool, to which the
 * transport gives them back once they are sent.
 */
export const SMB2_HEADER_SIZE = 64;
/** Bytes before the header: the transport's framing and a TRANSFORM_HEADER fit there. */
export const REPLY_HEADROOM = 64;
/** Bytes after the body: padding to 8 within a compound. */
const REPLY_TAILROOM = 8;
const SLAB_SIZE = 64 * 1024;

/** Memory that responses are cut from, and the one view of it. */
interface ReplyMemory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/**
 * Where one response is written: header at `start`, body at `body`, both in `view`, which may have
 * other responses before and behind.
 */
export class Reply {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Offset of the SMB2 header. */
  readonly start: number;
  /** Offset of the body, and how far it may reach. */
  readonly body: number;
  readonly limit: number;
  /** End of what is written; moved by `finish`. */
  end: number;
  /** A handler wrote a body, also for a status that is no success. */
  hasBody = false;
  /** The body's end, to be sent behind `end`. */
  file: FileRange | undefined;

  constructor({ bytes, view }: ReplyMemory, at: number, bodySize: number) {
    this.bytes = bytes;
    this.view = view;
    this.start = at + REPLY_HEADROOM;
    this.body = this.start + SMB2_HEADER_SIZE;
    this.limit = this.body + bodySize;
    this.end = this.body;
  }

  /** Bytes of memory that it takes. */
  get size(): number {
    return REPLY_HEADROOM + this.limit - this.start + REPLY_TAILROOM;
  }

  /** The handler's body ends at `end`. */
  finish(end: number): void {
    if (end > this.limit) assert(false, `a response of ${this.limit} bytes ends at ${end}`);
    this.end = end;
    this.hasBody = true;
  }
}

let slab = memoryOf(Buffer.allocUnsafeSlow(SLAB_SIZE));
let slabAt = 0;

/** Room for a response whose body takes at most `bodySize` bytes. */
export function allocateReply(bodySize: number): Reply {
  const size = REPLY_HEADROOM + SMB2_HEADER_SIZE + bodySize + REPLY_TAILROOM;
  if (size > SLAB_SIZE / 4) return new Reply(memoryOf(takeBuffer(size)), 0, bodySize);
  if (slabAt + size > SLAB_SIZE) {
    slab = memoryOf(Buffer.allocUnsafeSlow(SLAB_SIZE));
    slabAt = 0;
  }
  const reply = new Reply(slab, slabAt, bodySize);
  slabAt += (size + 7) & ~7;
  return reply;
}

function memoryOf(bytes: Uint8Array): ReplyMemory {
  return { bytes, view: viewOf(bytes) };
}

import { getOffset, LE, pad, put, setOffset, slice } from '../base/bytes.ts';

/** [MS-SMB2] 2.2.31.1.1 SRV_COPYCHUNK. */
export interface CopyChunk {
  readonly sourceOffset: number;
  readonly targetOffset: number;
  readonly length: number;
}

export interface CopyChunkCopy {
  /** 24 bytes that FSCTL_SRV_REQUEST_RESUME_KEY gave out for the source. */
  readonly sourceKey: Uint8Array;
  readonly chunks: readonly CopyChunk[];
}

export const RESUME_KEY_SIZE = 24;
const COPY_HEADER_SIZE = 32;
const CHUNK_SIZE = 24;

/**
 * [MS-SMB2] 2.2.31.1 SRV_COPYCHUNK_COPY; undefined when the bytes are none, an offset above
 * 2^53 - 1 included. `at` and `end` are the IOCTL's input buffer; the key is a view of it.
 *
 *    0  24  SourceKey
 *   24   4  ChunkCount
 *   28   4  Reserved
 *   32 24n  Chunks: SourceOffset 8, TargetOffset 8, Length 4, Reserved 4
 */
export function decodeCopyChunkCopy(
  view: DataView,
  at: number,
  end: number,
): CopyChunkCopy | undefined {
  if (end - at < COPY_HEADER_SIZE) return undefined;
  const count = view.getUint32(at + 24, LE);
  if (count > (end - at - COPY_HEADER_SIZE) / CHUNK_SIZE) return undefined;
  const chunks: CopyChunk[] = [];
  for (let i = 0; i < count; i++) {
    const chunkAt = at + COPY_HEADER_SIZE + CHUNK_SIZE * i;
    const sourceOffset = getOffset(view, chunkAt);
    const targetOffset = getOffset(view, chunkAt + 8);
    if (sourceOffset === undefined || targetOffset === undefined) return undefined;
    chunks.push({ sourceOffset, targetOffset, length: view.getUint32(chunkAt + 16, LE) });
  }
  return { sourceKey: slice(view, at, at + RESUME_KEY_SIZE), chunks };
}

export function copyChunkCopySize(chunkCount: number): number {
  return COPY_HEADER_SIZE + CHUNK_SIZE * chunkCount;
}

export function encodeCopyChunkCopy(view: DataView, at: number, copy: CopyChunkCopy): number {
  put(view, at, copy.sourceKey);
  view.setUint32(at + 24, copy.chunks.length, LE);
  view.setUint32(at + 28, 0, LE);
  let next = at + COPY_HEADER_SIZE;
  for (const chunk of copy.chunks) {
    setOffset(view, next, chunk.sourceOffset);
    setOffset(view, next + 8, chunk.targetOffset);
    view.setUint32(next + 16, chunk.length, LE);
    view.setUint32(next + 20, 0, LE);
    next += CHUNK_SIZE;
  }
  return next;
}

/** What was copied, or, with STATUS_INVALID_PARAMETER, the server's limits. */
export interface CopyChunkResult {
  readonly chunksWritten: number;
  readonly chunkBytesWritten: number;
  readonly totalBytesWritten: number;
}

export const COPY_CHUNK_RESPONSE_SIZE = 12;

/**
 * [MS-SMB2] 2.2.32.1 SRV_COPYCHUNK_RESPONSE
 *
 *    0   4  ChunksWritten
 *    4   4  ChunkBytesWritten
 *    8   4  TotalBytesWritten
 */
export function encodeCopyChunkResponse(
  view: DataView,
  at: number,
  result: CopyChunkResult,
): number {
  view.setUint32(at, result.chunksWritten, LE);
  view.setUint32(at + 4, result.chunkBytesWritten, LE);
  view.setUint32(at + 8, result.totalBytesWritten, LE);
  return at + COPY_CHUNK_RESPONSE_SIZE;
}

export function decodeCopyChunkResponse(
  view: DataView,
  at: number,
  end: number,
): CopyChunkResult | undefined {
  if (end - at < COPY_CHUNK_RESPONSE_SIZE) return undefined;
  return {
    chunksWritten: view.getUint32(at, LE),
    chunkBytesWritten: view.getUint32(at + 4, LE),
    totalBytesWritten: view.getUint32(at + 8, LE),
  };
}

export const RESUME_KEY_RESPONSE_SIZE = 32;

/**
 * [MS-SMB2] 2.2.32.3 SRV_REQUEST_RESUME_KEY Response
 *
 *    0  24  ResumeKey
 *   24   4  ContextLength   0
 *   28   4  Context         Windows sends four bytes of it
 */
export function encodeResumeKeyResponse(view: DataView, at: number, key: Uint8Array): number {
  return pad(view, put(view, at, key), at + RESUME_KEY_RESPONSE_SIZE);
}

/** The 24 bytes of the key; undefined when the bytes are none. */
export function decodeResumeKeyResponse(
  view: DataView,
  at: number,
  end: number,
): Uint8Array | undefined {
  if (end - at < RESUME_KEY_SIZE + 4) return undefined;
  return slice(view, at, at + RESUME_KEY_SIZE).slice();
}

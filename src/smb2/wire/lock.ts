import { LE } from '../../base/bytes.ts';
import { decodeEmptyBody, type EmptyBody, encodeEmptyBody } from './empty-body.ts';
import { type FileId, getFileId, setFileId } from './file-id.ts';

/**
 * [MS-SMB2] 2.2.26 SMB2 LOCK Request
 *
 *    0   2  StructureSize  48: includes one lock
 *    2   2  LockCount
 *    4   4  LockSequenceNumber in the low 4 bits, LockSequenceIndex in the others
 *    8  16  FileId
 *   24   -  Locks          24 bytes each
 */
export interface LockRequest {
  readonly lockSequenceNumber: number;
  readonly lockSequenceIndex: number;
  readonly fileId: FileId;
  /** As sent; the handler refuses an empty list. */
  readonly locks: readonly LockElement[];
}
const LOCKS_OFFSET = 24;
const REQUEST_SIZE = 48;

/**
 * [MS-SMB2] 2.2.26.1 SMB2_LOCK_ELEMENT Structure
 *
 *    0   8  Offset
 *    8   8  Length
 *   16   4  Flags
 *   20   4  Reserved
 */
export interface LockElement {
  readonly offset: bigint;
  readonly length: bigint;
  readonly flags: number;
}
const ELEMENT_SIZE = 24;

/** Undefined when the bytes are no LOCK Request, all its locks included. */
export function decodeLockRequest(
  view: DataView,
  at: number,
  end: number,
): LockRequest | undefined {
  if (end - at < REQUEST_SIZE) return undefined;
  if (view.getUint16(at, LE) !== REQUEST_SIZE) return undefined;
  const locksEnd = at + LOCKS_OFFSET + ELEMENT_SIZE * view.getUint16(at + 2, LE);
  if (locksEnd > end) return undefined;
  const locks: LockElement[] = [];
  for (let i = at + LOCKS_OFFSET; i < locksEnd; i += ELEMENT_SIZE) {
    locks.push({
      offset: view.getBigUint64(i, LE),
      length: view.getBigUint64(i + 8, LE),
      flags: view.getUint32(i + 16, LE),
    });
  }
  const sequence = view.getUint32(at + 4, LE);
  return {
    lockSequenceNumber: sequence & 0xf,
    lockSequenceIndex: sequence >>> 4,
    fileId: getFileId(view, at + 8),
    locks,
  };
}

export function encodeLockRequest(view: DataView, at: number, request: LockRequest): number {
  const sequence = (request.lockSequenceIndex << 4) | request.lockSequenceNumber;
  view.setUint16(at, REQUEST_SIZE, LE);
  view.setUint16(at + 2, request.locks.length, LE);
  view.setUint32(at + 4, sequence >>> 0, LE);
  setFileId(view, at + 8, request.fileId);
  let end = at + LOCKS_OFFSET;
  for (const lock of request.locks) {
    view.setBigUint64(end, lock.offset, LE);
    view.setBigUint64(end + 8, lock.length, LE);
    view.setUint32(end + 16, lock.flags, LE);
    view.setUint32(end + 20, 0, LE);
    end += ELEMENT_SIZE;
  }
  return end;
}

/** [MS-SMB2] 2.2.27 SMB2 LOCK Response */
export function decodeLockResponse(view: DataView, at: number, end: number): EmptyBody | undefined {
  return decodeEmptyBody(view, at, end);
}

export function encodeLockResponse(view: DataView, at: number): number {
  return encodeEmptyBody(view, at);
}

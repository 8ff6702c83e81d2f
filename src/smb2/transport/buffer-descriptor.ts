import { LE, viewOf } from '../../base/bytes.ts';

/**
 * [MS-SMBD] 2.2.3.1 Buffer Descriptor V1 Structure
 *
 *    0   8  Offset   the provider's, of the first byte
 *    8   4  Token    steering tag of the registered memory
 *   12   4  Length   bytes
 */
export interface BufferDescriptor {
  readonly offset: bigint;
  readonly token: number;
  readonly length: number;
}

export const BUFFER_DESCRIPTOR_SIZE = 16;

/** One or more descriptors, and nothing else; undefined when the bytes are not that. */
export function decodeBufferDescriptors(
  bytes: Uint8Array,
): readonly BufferDescriptor[] | undefined {
  if (bytes.length === 0 || bytes.length % BUFFER_DESCRIPTOR_SIZE !== 0) return undefined;
  const view = viewOf(bytes);
  const descriptors: BufferDescriptor[] = [];
  for (let at = 0; at < bytes.length; at += BUFFER_DESCRIPTOR_SIZE) {
    descriptors.push({
      offset: view.getBigUint64(at, LE),
      token: view.getUint32(at + 8, LE),
      length: view.getUint32(at + 12, LE),
    });
  }
  return descriptors;
}

export function encodeBufferDescriptors(descriptors: readonly BufferDescriptor[]): Uint8Array {
  const bytes = new Uint8Array(descriptors.length * BUFFER_DESCRIPTOR_SIZE);
  const view = viewOf(bytes);
  let at = 0;
  for (const { offset, token, length } of descriptors) {
    view.setBigUint64(at, offset, LE);
    view.setUint32(at + 8, token, LE);
    view.setUint32(at + 12, length, LE);
    at += BUFFER_DESCRIPTOR_SIZE;
  }
  return bytes;
}

/** Bytes that all of them describe. */
export function describedSize(descriptors: readonly BufferDescriptor[]): number {
  let size = 0;
  for (const { length } of descriptors) size += length;
  return size;
}

/**
 * The descriptors of `length` bytes from byte `at` of what `descriptors` describe: the first one's
 * tail, those between, the last one's head. Undefined when it is not all inside.
 *
 * [MS-SMBD] 3.1.4.5 RDMA Write to Peer Buffer, 3.1.4.6 RDMA Read from Peer Buffer.
 */
export function subsegment(
  descriptors: readonly BufferDescriptor[],
  at: number,
  length: number,
): readonly BufferDescriptor[] | undefined {
  const parts: BufferDescriptor[] = [];
  let skip = at;
  let left = length;
  for (const { offset, token, length: size } of descriptors) {
    if (left === 0) break;
    const taken = Math.min(size - skip, left);
    if (taken > 0) parts.push({ offset: offset + BigInt(skip), token, length: taken });
    skip = Math.max(0, skip - size);
    left -= Math.max(0, taken);
  }
  return left === 0 ? parts : undefined;
}

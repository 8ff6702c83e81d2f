import { takeBuffer } from '../../../base/buffer-pool.ts';
import type { FileRange } from '../../../base/io-buffer.ts';
import { socketCalls } from './socket-calls.ts';

/** Whether this machine sends files without reading them. */
export function sendsRanges(): boolean {
  return socketCalls() !== undefined;
}

/**
 * Hands `head` and a range of a file to the kernel, on a socket that has nothing queued; how many
 * bytes of both it took. Errors show at the next write.
 */
export function sendRange(fd: number, head: Uint8Array, range: FileRange): number {
  const calls = socketCalls();
  const headSent = calls === undefined ? 0 : Math.max(0, calls.sendMore(fd, head));
  if (calls === undefined || headSent < head.length) return headSent;
  let sent = 0;
  while (sent < range.length) {
    const file = { fd: range.fd, offset: range.offset + sent };
    const count = calls.sendFile(fd, file, range.length - sent);
    // The socket is full or gone, or somebody cut the file.
    if (count <= 0) break;
    sent += count;
  }
  return headSent + sent;
}

/**
 * What is left of them from byte `from` on, in memory of the pool. A file that was cut meanwhile
 * reads as zeroes: the head has told the length.
 */
export function restOf(head: Uint8Array, range: FileRange, from: number): Uint8Array {
  const size = head.length + range.length - from;
  // Of the whole message's size: the pool would keep memory of every size that is left.
  const rest = takeBuffer(head.length + range.length).subarray(0, size);
  const headLeft = Math.max(0, head.length - from);
  rest.set(head.subarray(head.length - headLeft));
  const target = rest.subarray(headLeft);
  const count = range.read(target, range.length - target.length);
  if (count < target.length) target.fill(0, Math.max(0, count));
  return rest;
}

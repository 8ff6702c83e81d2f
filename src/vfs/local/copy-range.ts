/** Copies a range of an open file into another one, or lets both share its blocks. */
import { EBADF, EINVAL, ENOSYS, EOPNOTSUPP, type Errno, EXDEV, failed } from '../errno.ts';
import { readInThread, STEP_SIZE, type ThreadedFile, writeInThread } from './file-bytes.ts';
import { cloneRangeThread, copyFileRangeThread } from './thread-calls.ts';

/** In bytes: where it begins in the source and in the target. */
interface CopiedRange {
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

/** Bytes copied, which may be fewer than asked for. */
export async function copyRange(
  source: ThreadedFile,
  target: ThreadedFile,
  range: CopiedRange,
): Promise<number | Errno> {
  if (range.length === 0) return 0;
  const from = { fd: source.fd, offset: range.from };
  const to = { fd: target.fd, offset: range.to };
  const call = source.inThread(copyFileRangeThread(from, to, range.length));
  const count = await target.inThread(call);
  const unable = count === EXDEV || count === EINVAL || count === EOPNOTSUPP || count === ENOSYS;
  return unable ? copyThroughMemory(source, target, range) : count;
}

/** Between file systems, and for overlapping ranges, which copy_file_range(2) refuses. */
async function copyThroughMemory(
  source: ThreadedFile,
  target: ThreadedFile,
  range: CopiedRange,
): Promise<number | Errno> {
  if (target.isClosed || source.isClosed) return EBADF;
  const step = new Uint8Array(Math.min(range.length, STEP_SIZE));
  const count = await readInThread(source, step, 0, range.from);
  if (failed(count) || count === 0) return count;
  return target.isClosed ? EBADF : writeInThread(target, [step.subarray(0, count)], range.to);
}

/** The target's range shares the source's blocks afterwards. */
export async function cloneRange(
  source: ThreadedFile,
  target: ThreadedFile,
  range: CopiedRange,
): Promise<0 | Errno> {
  // A length of 0 means the rest of the file to the kernel.
  if (range.length === 0) return 0;
  const from = { fd: source.fd, offset: range.from };
  const to = { fd: target.fd, offset: range.to };
  const call = source.inThread(cloneRangeThread(from, to, range.length));
  const cloned = await target.inThread(call);
  return failed(cloned) ? cloned : 0;
}

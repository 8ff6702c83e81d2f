/**
 * The system calls of local/ that may block, in threads. As those of syscalls.ts, but the buffers
 * live until the thread is done with them.
 */
import type { Errno } from '../errno.ts';
import { define, N, type Native, outcome } from './libc.ts';
import { FICLONERANGE } from './linux.ts';
import { cloneRangeArgument } from './syscalls.ts';

const c = {
  pread: define('int64_t pread(int, void*, size_t, int64_t)'),
  pwrite: define('int64_t pwrite(int, void*, size_t, int64_t)'),
  ioctl: define('int ioctl(int, unsigned long, void*)'),
  fsync: define('int fsync(int)'),
  fdatasync: define('int fdatasync(int)'),
  syncfs: define('int syncfs(int)'),
  geteuid: define('uint32_t geteuid()'),
  copyFileRange: define('long syscall(long, long, void*, long, void*, long, long)'),
};

/**
 * Koffi refuses a call when its queue (256, process-wide) is full, so calls beyond this many wait
 * here. Its threads are about as many as cores; what is below only keeps them busy.
 */
const THREAD_CALLS_MAX = 128;
let threadCalls = 0;
const waiting: (() => void)[] = [];

function inThread(call: Native, ...args: readonly unknown[]): Promise<number | Errno> {
  return new Promise((resolve, reject) => {
    const start = (): void => {
      threadCalls++;
      try {
        // `start` holds `args`: the buffers live until the thread is done with them.
        call.async(...args, (error: unknown, result: number) => {
          const answer = outcome(result); // Koffi brings the thread's errno along.
          ended();
          if (error) reject(error);
          else resolve(answer);
        });
      } catch (error) {
        ended();
        reject(error);
      }
    };
    if (threadCalls < THREAD_CALLS_MAX) start();
    else waiting.push(start);
  });
}

function ended(): void {
  threadCalls--;
  waiting.shift()?.();
}

export function preadThread(
  fd: number,
  target: Uint8Array,
  offset: number,
): Promise<number | Errno> {
  return inThread(c.pread, fd, target, target.length, offset);
}

export function pwriteThread(
  fd: number,
  bytes: Uint8Array,
  offset: number,
): Promise<number | Errno> {
  return inThread(c.pwrite, fd, bytes, bytes.length, offset);
}

export function syncThread(fd: number, dataOnly: boolean): Promise<number | Errno> {
  return inThread(dataOnly ? c.fdatasync : c.fsync, fd);
}

export function syncfsThread(fd: number): Promise<number | Errno> {
  return inThread(c.syncfs, fd);
}

export function copyFileRangeThread(
  source: { readonly fd: number; readonly offset: number },
  target: { readonly fd: number; readonly offset: number },
  length: number,
): Promise<number | Errno> {
  const from = new BigInt64Array([BigInt(source.offset)]);
  const to = new BigInt64Array([BigInt(target.offset)]);
  return inThread(c.copyFileRange, N.copyFileRange, source.fd, from, target.fd, to, length, 0);
}

/** ioctl_ficlonerange(2): the target's range shares the source's blocks. */
export function cloneRangeThread(
  source: { readonly fd: number; readonly offset: number },
  target: { readonly fd: number; readonly offset: number },
  length: number,
): Promise<number | Errno> {
  const range = cloneRangeArgument(source, target.offset, length);
  return inThread(c.ioctl, target.fd, FICLONERANGE, range);
}

/** Makes libuv start its threads, which inherit whom this one acts as now. */
export function startThreads(): void {
  void inThread(c.geteuid);
}

/**
 * The C library, through koffi: the only file of local/ that loads it. Only syscalls.ts and
 * thread-calls.ts, which declare what they call, know it besides.
 */
import koffi from 'koffi';
import type { Errno } from '../errno.ts';

export type Native = ((...args: readonly unknown[]) => number) & {
  async(...args: readonly unknown[]): void;
};

/** Numbers of the calls that the C library does not wrap (or not everywhere). */
const NUMBERS = {
  x64: {
    getdents64: 217,
    setgroups: 116,
    setfsuid: 122,
    setfsgid: 123,
    renameat2: 316,
    copyFileRange: 326,
    preadv2: 327,
    statx: 332,
    openat2: 437,
    getxattrat: 464,
    cachestat: 451,
  },
  arm64: {
    getdents64: 61,
    setgroups: 159,
    setfsuid: 151,
    setfsgid: 152,
    renameat2: 276,
    copyFileRange: 285,
    preadv2: 286,
    statx: 291,
    openat2: 437,
    getxattrat: 464,
    cachestat: 451,
  },
} as const;

const supported =
  process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64');
if (!supported) {
  throw new Error(
    `local storage needs Linux on x64 or arm64; this is ${process.platform} on ${process.arch}`,
  );
}
export const N: (typeof NUMBERS)[keyof typeof NUMBERS] =
  NUMBERS[process.arch as keyof typeof NUMBERS];

const libc = koffi.load(null);
export const define = (prototype: string): Native => libc.func(prototype) as unknown as Native;

/** Where a buffer is, for structures that point at it. */
export const addressOf: typeof koffi.address = koffi.address;

export function outcome(result: number): number | Errno {
  return result < 0 ? (-koffi.errno() as Errno) : result;
}

export function done(result: number): 0 | Errno {
  return result < 0 ? (-koffi.errno() as Errno) : 0;
}

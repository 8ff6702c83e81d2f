/**
 * POSIX outcomes as values: a negative `Errno` where a call fails, its plain result where it does
 * not. Storage that is not POSIX (memory, a bucket) answers with the same numbers. Linux's values.
 */
export type Errno = number & { readonly errno: unique symbol };

/** True for the failure arm of a `T | Errno`. Byte counts are never negative, so they pass. */
export function failed(result: unknown): result is Errno {
  return typeof result === 'number' && result < 0;
}

const e = (value: number): Errno => -value as Errno;

export const EPERM: Errno = e(1);
export const ENOENT: Errno = e(2);
export const EIO: Errno = e(5);
export const ENXIO: Errno = e(6);
export const E2BIG: Errno = e(7);
export const EBADF: Errno = e(9);
export const EAGAIN: Errno = e(11);
export const ENOMEM: Errno = e(12);
export const EACCES: Errno = e(13);
export const EBUSY: Errno = e(16);
export const EEXIST: Errno = e(17);
export const EXDEV: Errno = e(18);
export const ENODEV: Errno = e(19);
export const ENOTDIR: Errno = e(20);
export const EISDIR: Errno = e(21);
export const EINVAL: Errno = e(22);
export const ENFILE: Errno = e(23);
export const EMFILE: Errno = e(24);
export const ETXTBSY: Errno = e(26);
export const EFBIG: Errno = e(27);
export const ENOSPC: Errno = e(28);
export const EROFS: Errno = e(30);
export const EMLINK: Errno = e(31);
export const ERANGE: Errno = e(34);
export const ENAMETOOLONG: Errno = e(36);
export const ENOSYS: Errno = e(38);
export const ENOTEMPTY: Errno = e(39);
export const ELOOP: Errno = e(40);
export const ENODATA: Errno = e(61);
export const EOVERFLOW: Errno = e(75);
export const EOPNOTSUPP: Errno = e(95);
export const EDQUOT: Errno = e(122);
export const ESTALE: Errno = e(116);

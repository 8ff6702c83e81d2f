/** Extended attributes of an open file and of a directory's entries. */
import { ENODATA, EOPNOTSUPP, ERANGE, type Errno, failed } from '../errno.ts';
import { AT_SYMLINK_NOFOLLOW, XATTR_SIZE_MAX } from './linux.ts';
import { decodeName, PathBuffer } from './names.ts';
import * as sys from './syscalls.ts';

/** Values and lists are at most XATTR_SIZE_MAX bytes in Linux, so one buffer does for all. */
const buffer = Buffer.allocUnsafeSlow(XATTR_SIZE_MAX);
/**
 * Tried first: the kernel clears as much memory as it is asked for, which costs 1.5 us at 64 KiB.
 */
const small = buffer.subarray(0, 4096);

/** How a file is reached: by a descriptor with access, or a pinned one by its path in /proc. */
export type XattrHandle = number | Uint8Array;

export function getXattr(handle: XattrHandle, name: string): Uint8Array | Errno {
  const encoded = xattrName(name);
  if (failed(encoded)) return encoded;
  const get = (target: Uint8Array): number | Errno =>
    typeof handle === 'number'
      ? sys.fgetxattr(handle, encoded, target)
      : sys.getxattr(handle, encoded, target);
  return value(get);
}

/** As getXattr for what is at `path` below `dir`; with `flags` 0 a link at its end is followed. */
export function getXattrAt(
  dir: number,
  path: Uint8Array,
  flags: number,
  name: string,
): Uint8Array | Errno {
  const encoded = xattrName(name);
  if (failed(encoded)) return encoded;
  return value((target) => sys.getxattrat(dir, path, flags, encoded, target));
}

/** The xattr of an entry, without following a link. */
export function getEntryXattr(
  dir: { readonly fd: number; readonly hasGetxattrat: boolean },
  path: PathBuffer,
  entry: string,
  name: string,
): Uint8Array | Errno {
  const { fd, hasGetxattrat } = dir;
  const named = path.set(hasGetxattrat ? entry : `/proc/self/fd/${fd}/${entry}`);
  if (failed(named)) return named;
  if (hasGetxattrat) return getXattrAt(fd, path.bytes, AT_SYMLINK_NOFOLLOW, name);
  const encoded = xattrName(name);
  if (failed(encoded)) return encoded;
  return value((target) => sys.lgetxattr(path.bytes, encoded, target));
}

export function setXattr(handle: XattrHandle, name: string, bytes: Uint8Array): 0 | Errno {
  const encoded = xattrName(name);
  if (failed(encoded)) return encoded;
  return typeof handle === 'number'
    ? sys.fsetxattr(handle, encoded, bytes)
    : sys.setxattr(handle, encoded, bytes);
}

export function removeXattr(handle: XattrHandle, name: string): 0 | Errno {
  const encoded = xattrName(name);
  if (failed(encoded)) return encoded;
  return typeof handle === 'number'
    ? sys.fremovexattr(handle, encoded)
    : sys.removexattr(handle, encoded);
}

export function listXattrs(handle: XattrHandle): string[] | Errno {
  const size =
    typeof handle === 'number' ? sys.flistxattr(handle, buffer) : sys.listxattr(handle, buffer);
  if (size === EOPNOTSUPP) return [];
  if (failed(size)) return size;
  const names: string[] = [];
  for (let at = 0; at < size; ) {
    const end = buffer.indexOf(0, at);
    names.push(decodeName(buffer, at, end));
    at = end + 1;
  }
  return names;
}

/** A file system (or file type) without xattrs has none of any name. */
export function withoutXattrs(value: Uint8Array | Errno): Uint8Array | Errno {
  return value === EOPNOTSUPP ? ENODATA : value;
}

function value(get: (target: Uint8Array) => number | Errno): Uint8Array | Errno {
  const first = get(small);
  const size = first === ERANGE ? get(buffer) : first;
  return failed(size) ? size : new Uint8Array(buffer.subarray(0, size));
}

/** The few names that the server uses itself are encoded once; clients' names come and go. */
const NAMES_MAX = 64;
const names = new Map<string, Uint8Array>();

function xattrName(name: string): Uint8Array | Errno {
  const known = names.get(name);
  if (known !== undefined) return known;
  const path = new PathBuffer();
  const named = path.set(name);
  if (failed(named)) return named;
  const encoded = new Uint8Array(path.bytes.subarray(0, path.bytes.indexOf(0) + 1));
  if (names.size < NAMES_MAX) names.set(name, encoded);
  return encoded;
}

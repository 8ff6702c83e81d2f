/**
 * [MS-DTYP] 2.3.3 FILETIME: a count of 100 ns since 1601-01-01 UTC, here always a signed bigint as
 * [MS-FSCC] 2.4.7 uses it.
 */
export type FileTime = bigint;

/** 1970-01-01 UTC as FILETIME. */
export const FILE_TIME_OF_1970 = 116_444_736_000_000_000n;

/** [MS-FSCC] 2.4.7 values that are no time: leave as is, stop and resume automatic updates. */
export const FILE_TIME_UNCHANGED = 0n;
export const FILE_TIME_FREEZE = -1n;
export const FILE_TIME_THAW = -2n;

/** Nanoseconds since 1970 of a storage time, as FILETIME; times before 1601 become 0. */
export function fileTimeOfNs(ns: bigint): FileTime {
  const fileTime = (ns >= 0n ? ns / 100n : (ns - 99n) / 100n) + FILE_TIME_OF_1970;
  return fileTime < 0n ? 0n : fileTime;
}

/** Nanoseconds since 1970 of a real FILETIME (not one of the special values). */
export function nsOfFileTime(fileTime: FileTime): bigint {
  return (fileTime - FILE_TIME_OF_1970) * 100n;
}

/** Milliseconds since 1970, as a JavaScript date counts them. */
export function msOfFileTime(fileTime: FileTime): number {
  return Number((fileTime - FILE_TIME_OF_1970) / 10_000n);
}

export function fileTimeOfMs(ms: number): FileTime {
  return BigInt(Math.floor(ms)) * 10_000n + FILE_TIME_OF_1970;
}

/** [MS-FSA] 2.1.5.15.2: -1 and -2 are meaningful, everything below is no valid time. */
export function isSettableFileTime(fileTime: FileTime): boolean {
  return fileTime >= FILE_TIME_THAW;
}

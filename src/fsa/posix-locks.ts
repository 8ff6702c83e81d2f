/**
 * Byte-range locks that local processes see too: each open's locks on the unnamed stream are held
 * as locks of its open file description (F_OFD_SETLK) besides. The record decides among clients;
 * the kernel only among them and local processes.
 *
 * POSIX knows one lock for each byte and holder, a client may stack a shared one on an exclusive
 * one: the stronger counts. What lies beyond 2^63 - 1 no local process can lock, nor is it held.
 */
import { EACCES, EAGAIN, EBADF, failed } from '../vfs/errno.ts';
import type { PosixLockType } from '../vfs/vfs.ts';
import type { ByteRangeLock } from './file-record.ts';
import type { LocalOpen } from './local-open.ts';
import type { LockRange } from './surface.ts';

/** Where POSIX ranges end. */
const OFFSET_END = (1n << 63n) - 1n;

type Range = Pick<LockRange, 'offset' | 'length'>;

export interface PosixSegment {
  readonly start: bigint;
  /** Exclusive; OFFSET_END is no end. */
  readonly end: bigint;
  readonly type: PosixLockType;
}

/** What a holder of `locks` holds of a range, piece by piece. Pure. */
export function posixSegments(
  locks: readonly Omit<ByteRangeLock, 'openId' | 'streamKey'>[],
  range: Range,
): readonly PosixSegment[] {
  const from = clip(range.offset);
  const to = clip(range.offset + range.length);
  if (from >= to) return [];
  const cuts = new Set([from, to]);
  for (const { offset, length } of locks) {
    for (const cut of [clip(offset), clip(offset + length)]) {
      if (cut > from && cut < to) cuts.add(cut);
    }
  }
  const at = [...cuts].sort((a, b) => (a < b ? -1 : 1));
  const segments: PosixSegment[] = [];
  for (let i = 0; i + 1 < at.length; i++) {
    const [start, end] = [at[i]!, at[i + 1]!];
    const over = locks.filter(
      ({ offset, length }) => offset <= start && end <= clipEnd(offset, length),
    );
    const isExclusive = over.some(({ exclusive }) => exclusive);
    const type = over.length === 0 ? 'none' : isExclusive ? 'exclusive' : 'shared';
    const last = segments.at(-1);
    if (last?.type === type) segments[segments.length - 1] = { ...last, end };
    else segments.push({ start, end, type });
  }
  return segments;
}

/**
 * Makes the kernel hold, within `ranges`, what `locks` says; false when a local process has some of
 * it locked. An open without a descriptor for data holds nothing.
 */
export function applyPosixLocks(
  open: LocalOpen,
  locks: readonly ByteRangeLock[],
  ranges: readonly Range[],
): boolean {
  const { file } = open;
  if (open.streamName !== '' || file.setPosixLock === undefined) return true;
  const own = locks.filter(({ openId, streamKey }) => openId === open.openId && streamKey === '');
  for (const range of ranges) {
    for (const { start, end, type } of posixSegments(own, range)) {
      const length = end === OFFSET_END ? 0n : end - start;
      let result = file.setPosixLock(type, start, length);
      // An exclusive lock takes a descriptor that may write.
      if (result === EBADF && type === 'exclusive') {
        result = file.setPosixLock('shared', start, length);
      }
      if (result === EAGAIN || result === EACCES) return false;
      if (failed(result) && result !== EBADF) {
        open.volume.env.log.debug({ path: open.path, errno: result }, 'lock not seen locally');
      }
    }
  }
  return true;
}

function clip(at: bigint): bigint {
  return at < OFFSET_END ? at : OFFSET_END;
}

function clipEnd(offset: bigint, length: bigint): bigint {
  return clip(offset + length);
}

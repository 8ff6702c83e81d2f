import {
  COMPRESSION_PAUSE_SIZE_MAX,
  COMPRESSION_PAUSE_SIZE_MIN,
  COMPRESSION_SAVING_MIN,
  COMPRESSION_SIZE_MIN,
} from '../../base/limits.ts';

/**
 * What one connection has seen of compression:
 *
 *   trying --T0--> paused --T1--> trying
 *
 *   trying   each message is compressed
 *   paused   `pauseSize` bytes more pass as they are
 *   T0 afterTrying    one did not shrink, or they took longer than they saved
 *   T1 afterPassing   the pause is over; after the next try in vain it is twice as long
 */
export interface CompressionGain {
  /** Bytes left of a pause. */
  readonly pauseSize: number;
  /** Bytes of the next pause. */
  readonly nextPauseSize: number;
  /** Milliseconds spent since they were last weighed, and bytes that they saved. */
  readonly spentMs: number;
  readonly savedSize: number;
}

export const NO_GAIN_YET: CompressionGain = {
  pauseSize: 0,
  nextPauseSize: COMPRESSION_PAUSE_SIZE_MIN,
  spentMs: 0,
  savedSize: 0,
};

/** Milliseconds of work that are weighed together: single messages are too short to be timed. */
const WEIGHED_MS = 10;

/** Whether a message of `size` bytes is to be compressed. */
export function mayCompress(gain: CompressionGain, size: number): boolean {
  return size >= COMPRESSION_SIZE_MIN && gain.pauseSize <= 0;
}

/** T1: a message went out as it is. */
export function afterPassing(gain: CompressionGain, size: number): CompressionGain {
  return gain.pauseSize <= 0 ? gain : { ...gain, pauseSize: gain.pauseSize - size };
}

/** T0: a message was compressed in `elapsedMs` and shrank by `savedSize`; 0: it did not. */
export function afterTrying(
  gain: CompressionGain,
  { savedSize, elapsedMs }: { readonly savedSize: number; readonly elapsedMs: number },
): CompressionGain {
  if (savedSize === 0) return pause(gain);
  const spentMs = gain.spentMs + elapsedMs;
  const saved = gain.savedSize + savedSize;
  if (spentMs < WEIGHED_MS) return { ...gain, spentMs, savedSize: saved };
  return saved < spentMs * COMPRESSION_SAVING_MIN ? pause(gain) : NO_GAIN_YET;
}

function pause({ nextPauseSize }: CompressionGain): CompressionGain {
  return {
    pauseSize: nextPauseSize,
    nextPauseSize: Math.min(2 * nextPauseSize, COMPRESSION_PAUSE_SIZE_MAX),
    spentMs: 0,
    savedSize: 0,
  };
}

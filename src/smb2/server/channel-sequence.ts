/** [MS-SMB2] 3.3.5.2.10 Verifying the Channel Sequence Number. Pure but for the counters given. */

/**
 * Open.ChannelSequence, Open.OutstandingRequestCount and Open.OutstandingPreRequestCount. Counted
 * are the requests that were suspended: those served at once are over before the next one is seen.
 */
export interface SequenceCounters {
  channelSequence: number;
  outstanding: number;
  outstandingBefore: number;
}

const SEQUENCE_MASK = 0xffff;
/** A difference beyond it means that the number is an older one: 16 bits wrap around. */
const NEWER_MAX = 0x7fff;

/**
 * Takes note of a request's ChannelSequence. False: it comes from before a channel failed, or it is
 * a replay while requests from before are still being served; what changes the file then fails with
 * STATUS_FILE_NOT_AVAILABLE. Only a request that is true counts.
 *
 * Windows: 8 and Server 2012, and Samba, take a replay with a newer number while requests of the
 * number before are being served; a write that is done late would undo what came after its replay.
 */
export function acceptSequence(
  counters: SequenceCounters,
  channelSequence: number,
  isReplay: boolean,
): boolean {
  const difference = (channelSequence - counters.channelSequence) & SEQUENCE_MASK;
  if (difference > NEWER_MAX) return false;
  if (difference > 0) {
    counters.outstandingBefore += counters.outstanding;
    counters.outstanding = 0;
    counters.channelSequence = channelSequence;
  }
  return !isReplay || counters.outstandingBefore === 0;
}

/** A request of this number is suspended. */
export function countOutstanding(counters: SequenceCounters): void {
  counters.outstanding++;
}

/** [MS-SMB2] 3.3.4.1: a suspended request that was counted is answered. */
export function discountOutstanding(counters: SequenceCounters, channelSequence: number): void {
  if (channelSequence === counters.channelSequence) counters.outstanding--;
  else counters.outstandingBefore--;
}

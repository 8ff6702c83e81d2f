/**
 * Listing ahead: while the client looks at one answer, the entries of the next are told. Client and
 * server then work at the same time, which they do not while each waits for the other.
 *
 *     none --T0 tellAhead()--> filling --T1 all of the batch, or enough--> full
 *     filling, full --T2 takeAhead(): the next query--> taken --T3 nextAhead(): the last--> none
 *     filling, full --T4 takeAhead(): something changed; the expiry: nobody came--> none
 *
 * What is told ahead is as old as the network is slow. It counts for LISTING_FRESH_MS, and not once
 * the server answered anybody a request that may have changed something: who has that answer sees
 * the change. The names wait in the cursor's batch, so that what is dropped is told again.
 */
import {
  LISTING_AHEAD_MAX,
  LISTING_ANSWER_MIN,
  LISTING_FRESH_MS,
  LISTING_SLICE_MS,
} from '../base/limits.ts';
import { type Task, wait } from '../base/task.ts';
import type { DirectoryEntryData } from '../fscc/file-metadata.ts';
import { type Ahead, type DirectoryCursor, matchingName } from './directory-cursor.ts';
import type { LocalOpen } from './local-open.ts';
import { tellAtOnce } from './tell-entry.ts';

/** What a query may use of what was told ahead. `changes`: as the caller counts them now. */
export function takeAhead(open: LocalOpen, cursor: DirectoryCursor, changes: number): void {
  const { ahead } = cursor;
  if (ahead === undefined) return;
  ahead.isFilling = false;
  const ageMs = open.volume.env.clock.monotonicMs() - ahead.startMs;
  if (ahead.changes === changes && ageMs <= LISTING_FRESH_MS) return;
  drop(cursor, ahead);
  cursor.readsAhead = false;
}

/** Entries that can be given without looking at anything. */
export function aheadCount({ cursor }: LocalOpen): number {
  return cursor?.ahead === undefined ? 0 : cursor.ahead.entries.length - cursor.ahead.at;
}

/** The next one of them; undefined when none is left. */
export function nextAhead(cursor: DirectoryCursor): DirectoryEntryData | undefined {
  const { ahead } = cursor;
  if (ahead === undefined) return undefined;
  while (ahead.at < ahead.entries.length) {
    const entry = ahead.entries[ahead.at++];
    cursor.next++;
    if (entry !== undefined) return entry;
  }
  drop(cursor, ahead);
  return undefined;
}

/** Whether it pays to answer soon, with few entries, and tell the next meanwhile. */
export function mayTellAhead({ cursor }: LocalOpen): boolean {
  if (cursor === undefined || !cursor.readsAhead || !cursor.isPlain) return false;
  return cursor.phase === 'entries' && cursor.next < cursor.batch.length;
}

/** Tells the rest of the batch ahead, in slices between which others are served. */
export function* tellAhead(open: LocalOpen, changes: number): Task<void> {
  const { cursor, volume } = open;
  if (cursor === undefined || !mayTellAhead(open)) return;
  if (aheadCount(open) >= LISTING_ANSWER_MIN) return;
  if (cursor.ahead !== undefined) drop(cursor, cursor.ahead);
  const { clock, timers } = volume.env;
  const startMs = clock.monotonicMs();
  const expiry = timers.after(LISTING_FRESH_MS, () => {
    if (ahead.at === 0) cursor.readsAhead = false;
    drop(cursor, ahead);
  });
  const ahead: Ahead = { entries: [], at: 0, changes, startMs, isFilling: true, expiry };
  cursor.ahead = ahead;
  while (ahead.isFilling) {
    yield* wait(timers.turn());
    if (open.closed || open.cursor !== cursor || cursor.ahead !== ahead) return;
    if (ahead.isFilling) ahead.isFilling = fillSlice(open, cursor, ahead);
  }
}

/** False: that is all there is to tell, or to tell at once. */
function fillSlice(open: LocalOpen, cursor: DirectoryCursor, { entries }: Ahead): boolean {
  const { clock } = open.volume.env;
  const startMs = clock.monotonicMs();
  do {
    const found = cursor.batch[cursor.next + entries.length];
    if (found === undefined || entries.length >= LISTING_AHEAD_MAX) return false;
    const name = matchingName(open, cursor, found);
    const entry = name === undefined ? undefined : tellAtOnce(open, found, name);
    if (name !== undefined && entry === undefined) return false;
    entries.push(entry);
  } while (clock.monotonicMs() - startMs < LISTING_SLICE_MS);
  return true;
}

/** All was given, or nobody came for it. */
function drop(cursor: DirectoryCursor, ahead: Ahead): void {
  ahead.isFilling = false;
  ahead.expiry.cancel();
  cursor.ahead = undefined;
}

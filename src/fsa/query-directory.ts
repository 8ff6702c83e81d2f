/** [MS-FSA] 2.1.5.6.3 Directory Information Queries. */
import { assert } from '../base/assert.ts';
import { TURN_TIME_MS } from '../base/limits.ts';
import { isPromise, type MaybePromise, run, type Task, wait } from '../base/task.ts';
import { FILE_LIST_DIRECTORY } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_MORE_FILES,
  STATUS_NO_SUCH_FILE,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import type { DirectoryEntryData } from '../fscc/file-metadata.ts';
import { compilePattern } from '../fscc/patterns.ts';
import { failed } from '../vfs/errno.ts';
import type { DirectoryEntry } from '../vfs/vfs.ts';
import { type DirectoryCursor, matchingName } from './directory-cursor.ts';
import { nextAhead, takeAhead } from './list-ahead.ts';
import type { LocalOpen } from './local-open.ts';
import { isStreamsFolder, joinPath, lastOf, nameFromDisk, nameToDisk } from './names.ts';
import type { DirectoryQuery } from './surface.ts';
import { dotEntry, nameEntry, tellAtOnce, tellEntry } from './tell-entry.ts';

/**
 * Begins a search, or goes on with it. With STATUS_SUCCESS at least one entry follows.
 *
 * STATUS_INVALID_PARAMETER: not a directory. STATUS_ACCESS_DENIED: not opened for listing.
 * STATUS_NO_SUCH_FILE: a search that begins finds nothing. STATUS_NO_MORE_FILES: the end.
 */
export function* queryDirectory(open: LocalOpen, query: DirectoryQuery): Task<NtStatus> {
  if (open.closed) return STATUS_FILE_CLOSED;
  if (!open.isDirectory) return STATUS_INVALID_PARAMETER;
  if ((open.grantedAccess & FILE_LIST_DIRECTORY) === 0) return STATUS_ACCESS_DENIED;
  const cursor = prepare(open, query);
  takeAhead(open, cursor, query.changes ?? 0);
  if (cursor.held === undefined) {
    const next = nextOf(open, cursor);
    cursor.held = isPromise(next) ? yield* wait(next) : next;
  }
  if (cursor.held !== undefined) {
    cursor.isFirst = false;
    return STATUS_SUCCESS;
  }
  return cursor.isFirst ? STATUS_NO_SUCH_FILE : STATUS_NO_MORE_FILES;
}

/** The next matching entry, undefined at the end. '.' and '..' come first. */
export function nextEntry(open: LocalOpen): MaybePromise<DirectoryEntryData | undefined> {
  const { cursor } = open;
  assert(cursor !== undefined, 'an entry is read before a query');
  if (cursor.held === undefined) {
    const next = nextOf(open, cursor);
    if (isPromise(next)) return run(produceLast(cursor, next));
    cursor.last = next;
    return next;
  }
  cursor.last = cursor.held;
  cursor.held = undefined;
  return cursor.last;
}

/** The entry that `nextEntry` answered last comes again. */
export function ungetEntry(open: LocalOpen): void {
  const { cursor } = open;
  // Another query may have begun the search anew while this one waited for an entry.
  if (cursor?.last !== undefined) cursor.held = cursor.last;
}

/** The cursor, set to where this query begins. */
function prepare(open: LocalOpen, query: DirectoryQuery): DirectoryCursor {
  let { cursor } = open;
  if (cursor === undefined || query.reopen || query.restart) {
    // A restart without a pattern keeps the one there is.
    const keeps = cursor !== undefined && query.pattern === '';
    const pattern = keeps ? cursor!.pattern : compilePattern(query.pattern || '*');
    cursor = {
      pattern,
      namesOnly: false,
      withApple: false,
      phase: 'dot',
      rewind: true,
      batch: NO_ENTRIES,
      next: 0,
      held: undefined,
      last: undefined,
      isFirst: true,
      isPlain: false,
      ahead: undefined,
      readsAhead: true,
    };
    open.cursor = cursor;
  }
  // What a name may show takes more than the name.
  const { accessBasedEnumeration } = open.volume.options;
  cursor.namesOnly = query.namesOnly === true && !accessBasedEnumeration;
  cursor.withApple = query.withApple === true;
  cursor.isPlain =
    !cursor.namesOnly && !cursor.withApple && !open.isPosix && !accessBasedEnumeration;
  return cursor;
}

const NO_ENTRIES: readonly DirectoryEntry[] = [];
/** Names between two looks at the clock, while none matches. */
const SCANNED_PER_LOOK = 16;

function* produceLast(
  cursor: DirectoryCursor,
  next: Promise<DirectoryEntryData | undefined>,
): Task<DirectoryEntryData | undefined> {
  cursor.last = yield* wait(next);
  return cursor.last;
}

/** What was told ahead, what can be told at once, or what takes longer. */
function nextOf(
  open: LocalOpen,
  cursor: DirectoryCursor,
): MaybePromise<DirectoryEntryData | undefined> {
  const told = nextAhead(cursor);
  if (told !== undefined) return told;
  if (cursor.isPlain && cursor.phase === 'entries' && cursor.next < cursor.batch.length) {
    const found = cursor.batch[cursor.next]!;
    const name = matchingName(open, cursor, found);
    const entry = name === undefined ? undefined : tellAtOnce(open, found, name);
    if (entry !== undefined) {
      cursor.next++;
      return entry;
    }
  }
  return run(produce(open, cursor));
}

function* produce(open: LocalOpen, cursor: DirectoryCursor): Task<DirectoryEntryData | undefined> {
  const { pattern } = cursor;
  for (;;) {
    switch (cursor.phase) {
      case 'dot':
        cursor.phase = 'dot-dot';
        if (pattern.matches('.')) return yield* dotEntry(open, '.');
        break;
      case 'dot-dot':
        cursor.phase = pattern.literal === undefined ? 'entries' : 'single';
        if (pattern.matches('..')) return yield* dotEntry(open, '..');
        break;
      case 'single': {
        cursor.phase = 'end';
        const entry = yield* singleEntry(open, cursor, pattern.literal!);
        if (entry !== undefined) return entry;
        break;
      }
      case 'entries': {
        const entry = yield* scanEntry(open, cursor);
        if (entry !== undefined) return entry;
        cursor.phase = 'end';
        break;
      }
      case 'end':
        return undefined;
    }
  }
}

/** The next entry on disk that matches and can be told about; undefined at the directory's end. */
function* scanEntry(
  open: LocalOpen,
  cursor: DirectoryCursor,
): Task<DirectoryEntryData | undefined> {
  const { file } = open;
  const { clock, timers } = open.volume.env;
  let startMs = clock.monotonicMs();
  for (let scanned = 1; ; ) {
    while (cursor.next < cursor.batch.length) {
      if (scanned++ % SCANNED_PER_LOOK === 0 && clock.monotonicMs() - startMs > TURN_TIME_MS) {
        yield* wait(timers.turn());
        if (open.closed || open.cursor !== cursor) return undefined;
        startMs = clock.monotonicMs();
        // Another query on this open may have read on.
        continue;
      }
      const found = cursor.batch[cursor.next++]!;
      const name = matchingName(open, cursor, found);
      if (name === undefined) continue;
      if (cursor.namesOnly) return nameEntry(found, name, open.volume.options);
      const stating = file.statEntry(found.name);
      const stat = isPromise(stating) ? yield* wait(stating) : stating;
      const entry = yield* tellEntry(open, found.name, name, stat);
      if (entry !== undefined) return entry;
    }
    if (open.closed) return undefined;
    const reading = file.readDirectory(cursor.rewind);
    const batch = isPromise(reading) ? yield* wait(reading) : reading;
    cursor.rewind = false;
    if (failed(batch)) open.volume.env.log.warn({ path: open.path, errno: batch }, 'unreadable');
    if (failed(batch) || batch.length === 0) return undefined;
    cursor.batch = batch;
    cursor.next = 0;
  }
}

/** A search for one name looks it up instead of reading the directory. */
function* singleEntry(
  open: LocalOpen,
  cursor: DirectoryCursor,
  literal: string,
): Task<DirectoryEntryData | undefined> {
  if (/[/\\\0]/.test(literal) || literal === '.' || literal === '..') return undefined;
  const { file, volume } = open;
  let onDisk = open.isPosix ? literal : nameToDisk(literal);
  if (isStreamsFolder(onDisk, volume.options)) return undefined;
  let stat = yield* wait(file.statEntry(onDisk));
  if (failed(stat) && open.isPosix) return undefined;
  if (failed(stat)) {
    const path = joinPath(open.path, onDisk);
    const found = yield* volume.names.resolve(open.security.credentials, path);
    if (found.kind !== 'found') return undefined;
    onDisk = lastOf(found.path);
    stat = yield* wait(file.statEntry(onDisk));
    if (failed(stat)) return undefined;
  }
  const name = open.isPosix ? onDisk : nameFromDisk(onDisk);
  if (cursor.namesOnly)
    return nameEntry({ name: onDisk, type: stat.type, inode: stat.inode }, name, volume.options);
  return yield* tellEntry(open, onDisk, name, stat);
}

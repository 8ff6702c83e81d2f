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
import {
  FILE_ATTRIBUTE_DIRECTORY,
  FILE_ATTRIBUTE_NORMAL,
  FILE_ATTRIBUTE_REPARSE_POINT,
} from '../fscc/file-attributes.ts';
import type { DirectoryEntryData } from '../fscc/file-metadata.ts';
import { compilePattern, type NamePattern } from '../fscc/patterns.ts';
import { IO_REPARSE_TAG_SYMLINK } from '../fscc/reparse-data.ts';
import { ENODATA, type Errno, failed } from '../vfs/errno.ts';
import type { DirectoryEntry, FileStat } from '../vfs/vfs.ts';
import { appleAttributesOf } from './apple.ts';
import { DOSATTRIB_XATTR } from './dos-attributes.ts';
import { mayListEntry } from './entry-access.ts';
import { isDirectoryTarget, isUnfollowed } from './link-target.ts';
import type { LocalOpen } from './local-open.ts';
import { fileIdOf, metadataOf, storedAttributes } from './metadata.ts';
import { isStreamsFolder, joinPath, lastOf, nameFromDisk, nameToDisk, parentOf } from './names.ts';
import { posixMetadataOf, unknownPosix, withPosix } from './posix.ts';
import { REPARSE_XATTR, reparseTagOf } from './reparse-xattr.ts';
import { shortNameOf } from './short-names.ts';
import type { DirectoryQuery } from './surface.ts';
import type { VolumeOptions } from './volume.ts';

/**
 * What one open of a directory remembers between queries.
 *
 *     dot --> dot-dot --> entries --> end
 *     dot --> single --> end                       for a name without wildcards
 *
 * Every phase falls through to the next in `produce`; a restart goes back to dot.
 */
export interface DirectoryCursor {
  pattern: NamePattern;
  namesOnly: boolean;
  withApple: boolean;
  phase: 'dot' | 'dot-dot' | 'single' | 'entries' | 'end';
  rewind: boolean;
  batch: readonly DirectoryEntry[];
  next: number;
  /**
   * The entry that comes next, because the reader had no room for it or to see that one is there.
   */
  held: DirectoryEntryData | undefined;
  last: DirectoryEntryData | undefined;
  /** No query was answered since the search began. */
  isFirst: boolean;
}

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
  if (cursor.held === undefined) cursor.held = yield* produce(open, cursor);
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
  if (cursor.held === undefined) return run(produceNext(open, cursor));
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
    };
    open.cursor = cursor;
  }
  // What a name may show takes more than the name.
  const { accessBasedEnumeration } = open.volume.options;
  cursor.namesOnly = query.namesOnly === true && !accessBasedEnumeration;
  cursor.withApple = query.withApple === true;
  return cursor;
}

const NO_ENTRIES: readonly DirectoryEntry[] = [];
/** Names between two looks at the clock, while none matches. */
const SCANNED_PER_LOOK = 16;

function* produceNext(
  open: LocalOpen,
  cursor: DirectoryCursor,
): Task<DirectoryEntryData | undefined> {
  cursor.last = yield* produce(open, cursor);
  return cursor.last;
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
  const { pattern } = cursor;
  const { clock, timers } = open.volume.env;
  const { shortNames } = open.volume.options;
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
      if (isStreamsFolder(found.name, open.volume.options)) continue;
      const name = open.isPosix ? found.name : nameFromDisk(found.name);
      if (!pattern.matchesAll && !pattern.matches(name)) {
        const shortName = shortNames ? shortNameOf(name) : '';
        if (shortName === '' || !pattern.matches(shortName)) continue;
      }
      if (cursor.namesOnly) return nameEntry(found, name, open.volume.options);
      const stating = file.statEntry(found.name);
      const stat = isPromise(stating) ? yield* wait(stating) : stating;
      const entry = yield* tell(open, found.name, name, stat);
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
  return yield* tell(open, onDisk, name, stat);
}

/**
 * An entry with its metadata, a link that is followed with its target's; undefined when it vanished
 * or must not be seen.
 */
function* tell(
  open: LocalOpen,
  onDisk: string,
  name: string,
  found: FileStat | Errno,
): Task<DirectoryEntryData | undefined> {
  if (failed(found)) return undefined;
  const { volume, file } = open;
  let stat = found;
  let value: Uint8Array | Errno = ENODATA;
  if (stat.type === 'symlink' && !open.isPosix) {
    const path = joinPath(open.path, onDisk);
    const target = yield* wait(volume.vfs.stat(open.security.credentials, path));
    if (failed(target) || !volume.options.followLinks) {
      return yield* tellLink(open, { onDisk, path, name, stat, target });
    }
    stat = target;
  } else if (volume.vfs.capabilities.xattrs) {
    const getting = file.getEntryXattr(onDisk, DOSATTRIB_XATTR, found);
    value = isPromise(getting) ? yield* wait(getting) : getting;
  }
  if (volume.options.accessBasedEnumeration) {
    const isLink = found.type === 'symlink';
    if (!(yield* mayListEntry(open, { onDisk, stat, isLink }))) return undefined;
  }
  const stored = storedAttributes(value, stat);
  let reparseTag = stat.type === 'symlink' ? IO_REPARSE_TAG_SYMLINK : 0;
  let reparseData: Uint8Array | Errno | undefined;
  if ((stored.attributes & FILE_ATTRIBUTE_REPARSE_POINT) !== 0 && stat === found) {
    reparseData = yield* wait(file.getEntryXattr(onDisk, REPARSE_XATTR));
    reparseTag = reparseTagOf(reparseData);
  }
  const shortName = volume.options.shortNames ? shortNameOf(name) : '';
  const extras = {
    name,
    deletePending: false,
    streamSize: undefined,
    eaSize: stored.eaSize,
    shortName,
    reparseTag,
  };
  const metadata = metadataOf(volume.options, stat, stored, extras);
  if (open.cursor?.withApple === true) {
    const { attributes } = metadata;
    return { ...metadata, apple: yield* appleAttributesOf(open, { onDisk, stat, attributes }) };
  }
  if (!open.isPosix) return metadata;
  return { ...metadata, posix: posixMetadataOf(metadata, stat, reparseData) };
}

/** A link that clients follow themselves, if at all. */
function* tellLink(
  open: LocalOpen,
  link: {
    readonly onDisk: string;
    readonly path: string;
    readonly name: string;
    readonly stat: FileStat;
    readonly target: FileStat | Errno;
  },
): Task<DirectoryEntryData | undefined> {
  const { volume, security } = open;
  const { onDisk, path, name, stat, target } = link;
  if (volume.options.accessBasedEnumeration) {
    const isSeen = failed(target)
      ? isUnfollowed(target)
      : yield* mayListEntry(open, { onDisk, stat: target, isLink: true });
    if (!isSeen) return undefined;
  }
  const text = yield* wait(volume.vfs.readLink(security.credentials, path));
  if (failed(text)) return undefined;
  const isDirectoryLink = failed(target) ? isDirectoryTarget(text) : target.type === 'directory';
  return metadataOf(volume.options, stat, storedAttributes(ENODATA, stat), {
    name,
    deletePending: false,
    streamSize: undefined,
    eaSize: 0,
    reparseTag: IO_REPARSE_TAG_SYMLINK,
    isDirectoryLink,
  });
}

/** '.' is the directory itself; '..' its parent, the root its own. */
function* dotEntry(open: LocalOpen, name: '.' | '..'): Task<DirectoryEntryData | undefined> {
  const { volume, file, path } = open;
  let stat: FileStat | Errno;
  let value: Uint8Array | Errno = ENODATA;
  if (name === '.' || path === '') {
    stat = yield* wait(file.stat());
    value = failed(stat) ? stat : yield* wait(file.getXattr(DOSATTRIB_XATTR, stat));
  } else {
    stat = yield* wait(volume.vfs.stat(open.security.credentials, parentOf(path)));
  }
  if (failed(stat)) return undefined;
  const extras = { name, deletePending: false, streamSize: undefined, eaSize: 0 };
  const metadata = metadataOf(volume.options, stat, storedAttributes(value, stat), extras);
  if (!open.isPosix) return metadata;
  // What is above the root is nobody's business.
  if (name === '..' && path === '') return { ...metadata, posix: unknownPosix(metadata) };
  return yield* withPosix(open, metadata, stat);
}

/** For FileNamesInformation: what the directory itself tells. */
function nameEntry(
  found: DirectoryEntry,
  name: string,
  options: VolumeOptions,
): DirectoryEntryData {
  const isDirectory = found.type === 'directory';
  return {
    creationTime: 0n,
    lastAccessTime: 0n,
    lastWriteTime: 0n,
    changeTime: 0n,
    attributes: isDirectory ? FILE_ATTRIBUTE_DIRECTORY : FILE_ATTRIBUTE_NORMAL,
    endOfFile: 0,
    allocationSize: 0,
    numberOfLinks: 1,
    deletePending: false,
    isDirectory,
    fileId: fileIdOf(found.inode, options),
    eaSize: 0,
    reparseTag: 0,
    name,
    shortName: '',
    fileIndex: 0,
  };
}

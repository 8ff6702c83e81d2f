import type { TimerHandle } from '../env/ports.ts';
import type { DirectoryEntryData } from '../fscc/file-metadata.ts';
import type { NamePattern } from '../fscc/patterns.ts';
import type { DirectoryEntry } from '../vfs/vfs.ts';
import type { LocalOpen } from './local-open.ts';
import { isStreamsFolder, nameFromDisk } from './names.ts';
import { shortNameOf } from './short-names.ts';

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
  /** Entries are told as any client gets them: `tellAtOnce` does for most of them. */
  isPlain: boolean;
  /** What was told before it was asked for; see list-ahead.ts. */
  ahead: Ahead | undefined;
  /** Telling ahead was not in vain yet. */
  readsAhead: boolean;
}

/** Entries that were told before they were asked for. */
export interface Ahead {
  /**
   * For each name of the batch from the cursor's next on; undefined: clients do not see it. What is
   * before `at` was given.
   */
  readonly entries: (DirectoryEntryData | undefined)[];
  at: number;
  /** The caller's count of changes when it began. */
  readonly changes: number;
  readonly startMs: number;
  isFilling: boolean;
  /** When it is too old for anybody. */
  readonly expiry: TimerHandle;
}

/** The name that clients see, undefined where the search is not for it. */
export function matchingName(
  open: LocalOpen,
  { pattern }: DirectoryCursor,
  found: DirectoryEntry,
): string | undefined {
  const { options } = open.volume;
  if (isStreamsFolder(found.name, options)) return undefined;
  const name = open.isPosix ? found.name : nameFromDisk(found.name);
  if (pattern.matchesAll || pattern.matches(name)) return name;
  const shortName = options.shortNames ? shortNameOf(name) : '';
  return shortName !== '' && pattern.matches(shortName) ? name : undefined;
}

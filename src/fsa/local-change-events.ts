/** Changes by local processes and the server's own reports of them, in each other's terms. Pure. */
import {
  FILE_NOTIFY_CHANGE_ATTRIBUTES,
  FILE_NOTIFY_CHANGE_EA,
  FILE_NOTIFY_CHANGE_LAST_ACCESS,
  FILE_NOTIFY_CHANGE_LAST_WRITE,
  FILE_NOTIFY_CHANGE_SECURITY,
  FILE_NOTIFY_CHANGE_SIZE,
} from '../fscc/notify-filter.ts';
import {
  FILE_ACTION_ADDED,
  FILE_ACTION_MODIFIED,
  FILE_ACTION_REMOVED,
  FILE_ACTION_RENAMED_NEW_NAME,
  FILE_ACTION_RENAMED_OLD_NAME,
} from '../fscc/notify-information.ts';
import type { EntryChange } from '../vfs/vfs.ts';
import { type NotifyEvent, nameEvent } from './notify-list.ts';

const ATTRIBUTES =
  FILE_NOTIFY_CHANGE_ATTRIBUTES |
  FILE_NOTIFY_CHANGE_LAST_WRITE |
  FILE_NOTIFY_CHANGE_LAST_ACCESS |
  FILE_NOTIFY_CHANGE_EA |
  FILE_NOTIFY_CHANGE_SECURITY;
const CONTENT = FILE_NOTIFY_CHANGE_SIZE | FILE_NOTIFY_CHANGE_LAST_WRITE;

export type LocalChange = EntryChange & { readonly path: string };

/**
 * Without what the feed tells of one event: the first such change on the path, and what belongs to
 * it. Others may be of events that another process has yet to report. Pure.
 */
export function withoutOne<C extends Pick<EntryChange, 'kind'> & { readonly path: string }>(
  pending: readonly C[],
  path: string,
  kinds: readonly EntryChange['kind'][],
): C[] {
  const left: C[] = [];
  let state: 'before' | 'within' | 'behind' = 'before';
  let hasName = false;
  for (const change of pending) {
    if (change.path !== path || state === 'behind') {
      left.push(change);
      continue;
    }
    const isName = change.kind !== 'content' && change.kind !== 'attributes';
    const isOf = kinds.includes(change.kind) && !(isName && hasName);
    if (isOf) {
      state = 'within';
      hasName ||= isName;
    } else {
      if (state === 'within') state = 'behind';
      left.push(change);
    }
  }
  return left;
}

/** As if a client had done it. */
export function eventOf(change: LocalChange): NotifyEvent {
  switch (change.kind) {
    case 'added':
    case 'moved-here':
      return nameEvent(change, FILE_ACTION_ADDED);
    case 'removed':
    case 'moved-away':
      return nameEvent(change, FILE_ACTION_REMOVED);
    case 'content':
      return modified(change, CONTENT);
    case 'attributes':
      return modified(change, ATTRIBUTES);
  }
}

function modified({ path }: LocalChange, filter: number): NotifyEvent {
  return { action: FILE_ACTION_MODIFIED, filter, unless: 0, path, streamName: '' };
}

/** What the feed tells of an event that the server reports. */
export function kindsOf({
  action,
  streamName,
  filter,
}: NotifyEvent): readonly EntryChange['kind'][] {
  if (streamName !== '') return OF_ATTRIBUTES;
  switch (action) {
    case FILE_ACTION_ADDED:
      return OF_CREATION;
    case FILE_ACTION_REMOVED:
      return OF_REMOVAL;
    case FILE_ACTION_RENAMED_OLD_NAME:
      return OF_REMOVAL;
    case FILE_ACTION_RENAMED_NEW_NAME:
      return OF_ARRIVAL;
    default:
      return (filter & CONTENT) === 0 ? OF_ATTRIBUTES : OF_CONTENT;
  }
}

const OF_ATTRIBUTES = ['attributes'] as const;
const OF_CONTENT = ['content', 'attributes'] as const;
const OF_CREATION = ['added', 'moved-here', 'content', 'attributes'] as const;
const OF_REMOVAL = ['removed', 'moved-away', 'attributes'] as const;
const OF_ARRIVAL = ['moved-here', 'attributes'] as const;

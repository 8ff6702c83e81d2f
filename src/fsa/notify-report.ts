/**
 * What the operations of the object store tell the watchers of directories: the events of [MS-FSA]
 * 2.1.5.x, "send directory change notification". Each costs two tests while nobody watches, or
 * leases a directory: then what the server did is not taken for what local processes do.
 */
import { STATUS_DELETE_PENDING } from '../erref/ntstatus.ts';
import {
  FILE_NOTIFY_CHANGE_ATTRIBUTES,
  FILE_NOTIFY_CHANGE_CREATION,
  FILE_NOTIFY_CHANGE_EA,
  FILE_NOTIFY_CHANGE_FILE_NAME,
  FILE_NOTIFY_CHANGE_LAST_WRITE,
  FILE_NOTIFY_CHANGE_SIZE,
  FILE_NOTIFY_CHANGE_STREAM_NAME,
  FILE_NOTIFY_CHANGE_STREAM_SIZE,
  FILE_NOTIFY_CHANGE_STREAM_WRITE,
} from '../fscc/notify-filter.ts';
import {
  FILE_ACTION_ADDED,
  FILE_ACTION_ADDED_STREAM,
  FILE_ACTION_MODIFIED,
  FILE_ACTION_MODIFIED_STREAM,
  FILE_ACTION_REMOVED,
  FILE_ACTION_REMOVED_STREAM,
  FILE_ACTION_RENAMED_NEW_NAME,
  FILE_ACTION_RENAMED_OLD_NAME,
} from '../fscc/notify-information.ts';
import type { LocalOpen } from './local-open.ts';
import { parentOf } from './names.ts';
import { type NotifyEvent, nameEvent } from './notify-list.ts';
import type { Volume } from './volume.ts';

/** What became of one name. */
export interface NameEvent {
  readonly path: string;
  readonly isDirectory: boolean;
}

interface RenameNames {
  readonly from: string;
  readonly to: string;
  readonly isDirectory: boolean;
}

/** [MS-FSA] 2.1.5.1.1 Creation of a New File; 2.1.5.15.6 FileLinkInformation. */
export function reportAdded(volume: Volume, event: NameEvent): void {
  volume.localLeaseBreaks?.note(event.path, 'added');
  if (volume.changeNotifyList.isEmpty) return;
  reportName(volume, event, FILE_ACTION_ADDED);
}

/**
 * [MS-FSA] 2.1.5.5 Server Requests Closing an Open, of what is to be deleted. A directory that is
 * still open has gone from under those who watch it (POSIX semantics).
 */
export function reportRemoved(volume: Volume, event: NameEvent): void {
  volume.localLeaseBreaks?.note(event.path, 'removed');
  if (volume.changeNotifyList.isEmpty) return;
  if (event.isDirectory) volume.changeNotifyList.endAll(event.path, STATUS_DELETE_PENDING);
  reportName(volume, event, FILE_ACTION_REMOVED);
}

/**
 * [MS-FSA] 2.1.5.15.11 FileRenameInformation: old and new name within a directory, a removal and an
 * addition between two. `replaced`: a file of the new name went.
 *
 * Windows: whoever wants changes of attributes and not of names learns that the new name changed
 * (smbtorture smb2.notify.mask-change, smb2.notify.rec).
 */
export function reportRenamed(volume: Volume, names: RenameNames, replaced: boolean): void {
  const { changeNotifyList, localLeaseBreaks } = volume;
  const { from, to, isDirectory } = names;
  localLeaseBreaks?.note(from, 'removed');
  localLeaseBreaks?.note(to, 'added');
  if (changeNotifyList.isEmpty) return;
  if (isDirectory) changeNotifyList.moved(from, to);
  changeNotifyList.report(...renameEvents(names, replaced));
}

function renameEvents({ from, to, isDirectory }: RenameNames, replaced: boolean): NotifyEvent[] {
  const stays = parentOf(from) === parentOf(to);
  const oldAction = stays ? FILE_ACTION_RENAMED_OLD_NAME : FILE_ACTION_REMOVED;
  const newAction = stays ? FILE_ACTION_RENAMED_NEW_NAME : FILE_ACTION_ADDED;
  const events = [
    nameEvent({ path: from, isDirectory }, oldAction),
    nameEvent({ path: to, isDirectory }, newAction),
  ];
  if (replaced) events.unshift(nameEvent({ path: to, isDirectory }, FILE_ACTION_REMOVED));
  if (isDirectory) return events;
  events.push({
    action: FILE_ACTION_MODIFIED,
    filter: FILE_NOTIFY_CHANGE_ATTRIBUTES | FILE_NOTIFY_CHANGE_CREATION,
    unless: FILE_NOTIFY_CHANGE_FILE_NAME,
    path: to,
    streamName: '',
  });
  return events;
}

/** Attributes, times, EAs or security of a file changed: FILE_NOTIFY_CHANGE_* in `filter`. */
export function reportModified(open: LocalOpen, filter: number): void {
  // Not everything that changes has a filter: a change time has none.
  open.volume.localLeaseBreaks?.note(open.path, 'modified');
  if (filter !== 0) tellModified(open, filter);
}

function tellModified({ volume, path }: LocalOpen, filter: number): void {
  if (volume.changeNotifyList.isEmpty) return;
  const action = FILE_ACTION_MODIFIED;
  volume.changeNotifyList.report({ action, filter, unless: 0, path, streamName: '' });
}

/**
 * The content of an open's stream changed. `filter`: FILE_NOTIFY_CHANGE_SIZE, LAST_WRITE or both. A
 * write tells both: whether it made the file longer would cost a stat.
 */
export function reportContent(open: LocalOpen, filter: number): void {
  const { volume, path, streamName } = open;
  // Else its closing notes it.
  if (!open.contentChanged) volume.localLeaseBreaks?.note(path, 'modified');
  if (volume.changeNotifyList.isEmpty) return;
  if (streamName === '') {
    tellModified(open, filter);
    return;
  }
  const streamFilter =
    (filter & FILE_NOTIFY_CHANGE_SIZE ? FILE_NOTIFY_CHANGE_STREAM_SIZE : 0) |
    (filter & FILE_NOTIFY_CHANGE_LAST_WRITE ? FILE_NOTIFY_CHANGE_STREAM_WRITE : 0);
  const action = FILE_ACTION_MODIFIED_STREAM;
  volume.changeNotifyList.report({ action, filter: streamFilter, unless: 0, path, streamName });
}

export const CONTENT_WRITTEN: number = FILE_NOTIFY_CHANGE_SIZE | FILE_NOTIFY_CHANGE_LAST_WRITE;

/** [MS-FSA] 2.1.5.1.2: FILE_OVERWRITE and FILE_SUPERSEDE change a file's attributes and EAs too. */
export function reportOverwritten(open: LocalOpen): void {
  if (open.streamName === '') {
    reportModified(open, CONTENT_WRITTEN | FILE_NOTIFY_CHANGE_ATTRIBUTES | FILE_NOTIFY_CHANGE_EA);
  } else {
    reportContent(open, CONTENT_WRITTEN);
  }
}

export function reportStreamAdded(open: LocalOpen, streamName: string): void {
  reportStreamName(open, streamName, FILE_ACTION_ADDED_STREAM);
}

export function reportStreamRemoved(open: LocalOpen, streamName: string): void {
  reportStreamName(open, streamName, FILE_ACTION_REMOVED_STREAM);
}

function reportStreamName({ volume, path }: LocalOpen, streamName: string, action: number): void {
  volume.localLeaseBreaks?.note(path, 'modified');
  if (volume.changeNotifyList.isEmpty) return;
  const filter = FILE_NOTIFY_CHANGE_STREAM_NAME;
  volume.changeNotifyList.report({ action, filter, unless: 0, path, streamName });
}

function reportName(volume: Volume, name: NameEvent, action: number): void {
  volume.changeNotifyList.report(nameEvent(name, action));
}

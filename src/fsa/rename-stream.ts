import { type Task, wait } from '../base/task.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import { upcase } from '../fscc/upcase.ts';
import { ENODATA, ENOSPC, type Errno, failed } from '../vfs/errno.ts';
import type { VfsFile } from '../vfs/vfs.ts';
import { breakParentOf } from './break-parent.ts';
import { decideStreamRenamed } from './decide-rename.ts';
import { statusOf } from './errno-to-ntstatus.ts';
import type { LocalOpen } from './local-open.ts';
import { parseStreamName } from './names.ts';
import { reportStreamAdded, reportStreamRemoved } from './notify-report.ts';
import {
  findStream,
  removeStream,
  type StreamBacking,
  streamSize,
  streamXattr,
} from './stream-backing.ts';
import type { NewName } from './surface.ts';
import { followStream } from './volume-peers.ts';

/**
 * Gives a named stream a new name; ':' makes it the unnamed one.
 *
 * [MS-FSA] 2.1.5.15.11.1 Algorithm for Performing Stream Rename. STATUS_INVALID_PARAMETER: the open
 * is of no named stream, or the stream that is to be replaced is not empty.
 * STATUS_OBJECT_NAME_COLLISION: it stands and must not be replaced. STATUS_ACCESS_DENIED: it is
 * open.
 */
export function* renameStream(open: LocalOpen, target: NewName): Task<NtStatus> {
  const newName = parseStreamName(target.newName);
  if (newName === undefined) return STATUS_OBJECT_NAME_INVALID;
  if (open.streamName === '' || open.backing === undefined) return STATUS_INVALID_PARAMETER;
  const { file } = open;
  const from = yield* findStream(open.volume.streams, file, open.streamName);
  if (failed(from)) return statusOf(from);
  if (newName === '') {
    return yield* becomeUnnamed(open, { from, stream: open.backing }, target.replaceIfExists);
  }
  const to = streamXattr(newName);
  if (to === from) return STATUS_SUCCESS;
  const newKey = upcase(newName);
  if (newKey !== open.streamKey) {
    const free = yield* makeRoom(open, newName, target.replaceIfExists);
    if (free !== STATUS_SUCCESS) return free;
  }
  const value = yield* wait(file.getXattr(from));
  if (failed(value)) return statusOf(value);
  const stored = yield* wait(file.setXattr(to, value));
  if (failed(stored)) return statusOf(stored);
  const removed = yield* wait(file.removeXattr(from));
  if (failed(removed) && removed !== ENODATA) return statusOf(removed);
  yield* follow(open, newName);
  return STATUS_SUCCESS;
}

/** Removes an empty stream of the name. */
function* makeRoom(open: LocalOpen, name: string, replace: boolean): Task<NtStatus> {
  const { file, volume } = open;
  const existing = yield* findStream(volume.streams, file, name);
  if (existing === ENODATA) return STATUS_SUCCESS;
  if (failed(existing)) return statusOf(existing);
  if (!replace) return STATUS_OBJECT_NAME_COLLISION;
  const record = yield* wait(volume.files.get(open.fileKey));
  const key = upcase(name);
  if (record?.opens.some((other) => other.streamKey === key)) return STATUS_ACCESS_DENIED;
  const value = yield* wait(file.getXattr(existing));
  const size = failed(value) ? value : yield* streamSize(volume.streams, file, value);
  if (!failed(size) && size.size > 0) return STATUS_INVALID_PARAMETER;
  const removed = yield* removeStream(volume.streams, file, existing);
  return failed(removed) ? statusOf(removed) : STATUS_SUCCESS;
}

/** The content moves into the file, which has to be empty; the open is then of the file. */
function* becomeUnnamed(
  open: LocalOpen,
  source: { readonly from: string; readonly stream: StreamBacking },
  replace: boolean,
): Task<NtStatus> {
  if (!replace) return STATUS_OBJECT_NAME_COLLISION;
  const { volume, security, path } = open;
  const stat = yield* wait(open.file.stat());
  if (failed(stat)) return statusOf(stat);
  if (stat.type === 'directory') return STATUS_OBJECT_NAME_INVALID;
  if (stat.size > 0) return STATUS_INVALID_PARAMETER;
  const record = yield* wait(volume.files.get(open.fileKey));
  if (record?.opens.some((other) => other.streamKey === '')) return STATUS_ACCESS_DENIED;
  const opening = volume.vfs.open(security.credentials, path, { access: 'readwrite' });
  const file = yield* wait(opening);
  if (failed(file)) return statusOf(file);
  const copied = yield* copyInto(source.stream, file);
  if (failed(copied)) {
    yield* wait(file.truncate(0));
    file.close();
    return statusOf(copied);
  }
  yield* removeStream(volume.streams, file, source.from);
  open.file.close();
  open.file = file;
  yield* follow(open, '');
  return STATUS_SUCCESS;
}

/** Everything that a stream holds, into an empty file. */
function* copyInto(stream: StreamBacking, file: VfsFile): Task<0 | Errno> {
  const size = yield* wait(stream.size());
  if (failed(size)) return size;
  const buffer = new Uint8Array(Math.min(size, COPY_STEP_SIZE));
  for (let at = 0; at < size; ) {
    const count = yield* wait(stream.read(buffer, at));
    if (failed(count)) return count;
    if (count === 0) return 0;
    const written = yield* wait(file.write([buffer.subarray(0, count)], at));
    if (failed(written)) return written;
    if (written < count) return ENOSPC;
    at += count;
  }
  return 0;
}

const COPY_STEP_SIZE = 1024 * 1024;

/** All opens of the stream, here and in the record, get its new name. */
function* follow(open: LocalOpen, streamName: string): Task<void> {
  const { volume, fileKey, streamKey: from } = open;
  yield* breakParentOf(open);
  reportStreamRemoved(open, open.streamName);
  if (streamName !== '') reportStreamAdded(open, streamName);
  const streamKey = upcase(streamName);
  const to = { streamKey, streamName };
  yield* wait(volume.files.update(fileKey, (current) => decideStreamRenamed(current, from, to)));
  followStream(volume.opens.ofFile(fileKey), from, to);
  volume.peers?.tell(volume.id, { kind: 'stream-renamed', fileKey, from, ...to });
}

/**
 * A file copied with all that belongs to it, as Apple's clients ask for by an FSCTL_SRV_COPYCHUNK
 * without chunks (AAPL_SUPPORTS_OSX_COPYFILE; Samba's vfs_fruit copies data and streams).
 */
import { type Task, wait } from '../base/task.ts';
import { FILE_READ_EA, FILE_WRITE_ATTRIBUTES, FILE_WRITE_EA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../erref/ntstatus.ts';
import type { FileMetadata } from '../fscc/file-metadata.ts';
import { EOPNOTSUPP, type Errno, failed } from '../vfs/errno.ts';
import { isStanding } from './apple-streams.ts';
import { loadEas, storeEaSize, storeEas } from './ea-store.ts';
import { statusOf } from './errno-to-ntstatus.ts';
import { copyRange } from './fs-control.ts';
import { queryMetadata, setBasic, setEndOfFile } from './information.ts';
import type { LocalOpen } from './local-open.ts';
import { reportStreamAdded } from './notify-report.ts';
import { hasStreams } from './open-request.ts';
import { sizeOf } from './read-write.ts';
import {
  createStream,
  NamedStream,
  removeStreams,
  streamOfXattr,
  streamXattr,
} from './stream-backing.ts';
import type { CountOutcome } from './surface.ts';

/** Bytes of a stream that are held at once. */
const STREAM_STEP_SIZE = 1024 * 1024;

/**
 * Makes the target's data and streams those of the source, and, as far as both opens were granted
 * it, EAs and times. `count` is the bytes of data.
 *
 * STATUS_INVALID_DEVICE_REQUEST: a directory. STATUS_INVALID_PARAMETER: a stream, a link, or one
 * file twice. STATUS_SHARING_VIOLATION: a stream of the target is open. Others as `copyRange`; what
 * was copied before a failure stays.
 */
export function* copyWholeFile(source: LocalOpen, target: LocalOpen): Task<CountOutcome> {
  const refused = yield* checkCopy(source, target);
  if (refused !== STATUS_SUCCESS) return { status: refused, count: 0 };
  const told = yield* queryMetadata(source);
  if (told.metadata === undefined) return { status: told.status, count: 0 };
  const size = yield* sizeOf(source);
  if (failed(size)) return { status: statusOf(size), count: 0 };
  const all = { sourceOffset: 0, targetOffset: 0, length: size };
  const copied = yield* copyRange(source, target, all);
  if (copied.status !== STATUS_SUCCESS) return copied;
  let status = yield* setEndOfFile(target, size);
  if (status === STATUS_SUCCESS) status = yield* copyStreams(source, target);
  if (status === STATUS_SUCCESS) status = yield* copyEas(source, target);
  if (status === STATUS_SUCCESS) status = yield* copyTimes(told.metadata, target);
  return { status, count: status === STATUS_SUCCESS ? copied.count : 0 };
}

function* checkCopy(source: LocalOpen, target: LocalOpen): Task<NtStatus> {
  if (source.closed || target.closed) return STATUS_FILE_CLOSED;
  if (source.isDirectory || target.isDirectory) return STATUS_INVALID_DEVICE_REQUEST;
  const isPlain = source.backing === undefined && target.backing === undefined;
  if (!isPlain || source.fileKey === target.fileKey) return STATUS_INVALID_PARAMETER;
  const record = yield* wait(target.volume.files.get(target.fileKey));
  const isBusy = record?.opens.some(({ streamKey }) => streamKey !== '') === true;
  return isBusy ? STATUS_SHARING_VIOLATION : STATUS_SUCCESS;
}

function* copyStreams(source: LocalOpen, target: LocalOpen): Task<NtStatus> {
  if (!hasStreams(source.volume) || !hasStreams(target.volume)) return STATUS_SUCCESS;
  const old = yield* wait(target.file.listXattrs());
  const xattrs = yield* wait(source.file.listXattrs());
  for (const list of [old, xattrs]) {
    if (failed(list)) return list === EOPNOTSUPP ? STATUS_SUCCESS : statusOf(list);
  }
  yield* removeStreams(target.volume.streams, target.file, old as readonly string[]);
  for (const xattr of xattrs as readonly string[]) {
    if (streamOfXattr(xattr) === undefined) continue;
    if (!(yield* isStanding(source.volume, source.file, xattr))) continue;
    const copied = yield* copyStream(source, target, xattr);
    if (failed(copied)) return statusOf(copied);
  }
  return STATUS_SUCCESS;
}

function* copyStream(source: LocalOpen, target: LocalOpen, xattr: string): Task<0 | Errno> {
  const name = streamOfXattr(xattr) ?? '';
  const made = yield* wait(createStream(target.file, name));
  if (failed(made)) return made;
  const from = streamOf(source, xattr);
  const to = streamOf(target, streamXattr(name));
  const copied = yield* copyContent(from, to);
  from.close();
  to.close();
  reportStreamAdded(target, name);
  return copied;
}

function streamOf({ volume, file, path }: LocalOpen, xattr: string): NamedStream {
  return new NamedStream(volume.streams, file, { path, xattr });
}

function* copyContent(from: NamedStream, to: NamedStream): Task<0 | Errno> {
  const size = yield* wait(from.size());
  if (failed(size)) return size;
  const buffer = new Uint8Array(Math.min(size, STREAM_STEP_SIZE));
  for (let at = 0; at < size; ) {
    const count = yield* wait(from.read(buffer, at));
    if (failed(count)) return count;
    // Somebody cut it meanwhile.
    if (count === 0) return 0;
    const written = yield* wait(to.write([buffer.slice(0, count)], at));
    if (failed(written)) return written;
    at += count;
  }
  return 0;
}

function* copyEas(source: LocalOpen, target: LocalOpen): Task<NtStatus> {
  if ((source.grantedAccess & FILE_READ_EA) === 0) return STATUS_SUCCESS;
  if ((target.grantedAccess & FILE_WRITE_EA) === 0) return STATUS_SUCCESS;
  const eas = yield* loadEas(source.file);
  if (failed(eas)) return statusOf(eas);
  const status = yield* storeEas(target.volume, target.file, eas);
  if (status === STATUS_SUCCESS && eas.length > 0) yield* storeEaSize(target.file);
  return status;
}

function* copyTimes(times: FileMetadata, target: LocalOpen): Task<NtStatus> {
  if ((target.grantedAccess & FILE_WRITE_ATTRIBUTES) === 0) return STATUS_SUCCESS;
  const { creationTime, lastAccessTime, lastWriteTime } = times;
  const change = { creationTime, lastAccessTime, lastWriteTime, changeTime: 0n, attributes: 0 };
  return yield* setBasic(target, change);
}

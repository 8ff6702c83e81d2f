/**
 * Named streams as Apple's clients know them, on shares for them (Samba's vfs_fruit): an empty
 * stream is none. Who made one goes on with it; for everybody else it appears with its first byte,
 * and what nobody wrote to is gone with the last open.
 *
 * Two have rules of their own. AFP_AfpInfo always has 60 bytes, in which the Finder keeps type,
 * creator and flags: afp-info.ts. AFP_Resource, the resource fork, goes by being cut to nothing,
 * never by a deletion.
 */
import { type Task, wait } from '../base/task.ts';
import { upcase } from '../fscc/upcase.ts';
import { failed } from '../vfs/errno.ts';
import type { VfsFile } from '../vfs/vfs.ts';
import { AfpInfoStream, isAfpInfo } from './afp-info.ts';
import type { LocalOpen } from './local-open.ts';
import {
  findStream,
  type NamedStream,
  type StreamBacking,
  streamOfXattr,
  streamSize,
} from './stream-backing.ts';
import type { Volume } from './volume.ts';

const AFP_INFO_KEY = 'AFP_AFPINFO';
const AFP_RESOURCE_KEY = 'AFP_RESOURCE';

/** What an open of the stream reads and writes. */
export function appleBacking(open: LocalOpen, stream: NamedStream): StreamBacking {
  const { volume, streamKey } = open;
  const isInfo = volume.options.appleStreams && streamKey === AFP_INFO_KEY;
  return isInfo ? new AfpInfoStream(stream) : stream;
}

/**
 * Whether the stream in this attribute is one for who looks for it: true where Apple has no say,
 * and of the unnamed one.
 */
export function* isStanding(
  volume: Volume,
  file: VfsFile,
  xattr: string | undefined,
): Task<boolean> {
  if (!volume.options.appleStreams || xattr === undefined) return true;
  const value = yield* wait(file.getXattr(xattr));
  if (failed(value)) return false;
  const key = upcase(streamOfXattr(xattr) ?? '');
  // The attribute holds one byte more than the stream.
  if (key === AFP_INFO_KEY) return isAfpInfo(value.subarray(0, Math.max(0, value.length - 1)));
  const size = yield* streamSize(volume.streams, file, value);
  return !failed(size) && size.size > 0;
}

/** Whether the open's stream is empty, and goes when nobody else has it open. */
export function* isLeftOver({ volume, file, streamName }: LocalOpen): Task<boolean> {
  if (!volume.options.appleStreams || streamName === '') return false;
  const xattr = yield* findStream(volume.streams, file, streamName);
  if (failed(xattr)) return false;
  const value = yield* wait(file.getXattr(xattr));
  if (failed(value)) return false;
  const size = yield* streamSize(volume.streams, file, value);
  return !failed(size) && size.size === 0;
}

/** Whether a deletion of the stream is granted, and not done: Samba's vfs_fruit. */
export function* outlivesDeletion(open: LocalOpen, xattr: string): Task<boolean> {
  const { volume, file } = open;
  if (!volume.options.appleStreams) return false;
  if (upcase(streamOfXattr(xattr) ?? '') !== AFP_RESOURCE_KEY) return false;
  return yield* isStanding(volume, file, xattr);
}

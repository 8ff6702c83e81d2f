import { crc32 } from 'node:zlib';
import { type Task, wait } from '../base/task.ts';
import { type Errno, failed } from '../vfs/errno.ts';
import type { FileStat } from '../vfs/vfs.ts';
import type { LocalOpen } from './local-open.ts';
import { findStream } from './stream-backing.ts';
import { markedId } from './stream-store.ts';

/** By which content that somebody changed beside the server is told from what it was. */
export interface ContentIdentity {
  /** Bytes that hold it. */
  readonly size: number;
  /** 0 where nobody notes when it changes. */
  readonly modifyTimeNs: bigint;
  /** CRC-32 of the content then. */
  readonly checksum?: number | undefined;
}

/**
 * That of the stream that is open; `stat` is its file's. ENODATA: the stream is gone. Of a named
 * one that an attribute holds it costs reading it.
 */
export function* contentIdentity(open: LocalOpen, stat: FileStat): Task<ContentIdentity | Errno> {
  const { streamName, file } = open;
  if (streamName === '') return timeAndSize(stat);
  // As anybody finds it now, whatever this open has of it.
  const { streams } = open.volume;
  const xattr = yield* findStream(streams, file, streamName);
  const value = failed(xattr) ? xattr : yield* wait(file.getXattr(xattr));
  if (failed(value)) return value;
  const id = markedId(value);
  if (id === undefined) return { size: value.length, modifyTimeNs: 0n, checksum: crc32(value) };
  const content = yield* streams.open(id, file);
  if (failed(content)) return content;
  const found = yield* wait(content.stat());
  content.close();
  return failed(found) ? found : timeAndSize(found);
}

function timeAndSize({ size, modifyTimeNs }: FileStat): ContentIdentity {
  return { size, modifyTimeNs };
}

import { type Task, wait } from '../base/task.ts';
import { STATUS_FILE_CLOSED, STATUS_SUCCESS } from '../erref/ntstatus.ts';
import type { StreamData } from '../fscc/stream-information.ts';
import { EOPNOTSUPP, failed } from '../vfs/errno.ts';
import { isStanding } from './apple-streams.ts';
import { statusOf } from './errno-to-ntstatus.ts';
import type { LocalOpen } from './local-open.ts';
import { roundUp } from './metadata.ts';
import { hasStreams } from './open-request.ts';
import { streamOfXattr, streamSize } from './stream-backing.ts';
import type { StreamsOutcome } from './surface.ts';

/**
 * All data streams of a file; a directory has none without a name.
 *
 * [MS-FSA] 2.1.5.12.31 FileStreamInformation.
 */
export function* queryStreams(open: LocalOpen): Task<StreamsOutcome> {
  if (open.closed) return { status: STATUS_FILE_CLOSED, streams: [] };
  const { file, volume } = open;
  const stat = yield* wait(file.stat());
  if (failed(stat)) return { status: statusOf(stat), streams: [] };
  const streams: StreamData[] = [];
  if (stat.type !== 'directory') {
    const allocationSize = Math.max(stat.allocated, roundUp(stat.size));
    streams.push({ name: '::$DATA', size: stat.size, allocationSize });
  }
  if (!hasStreams(volume)) return { status: STATUS_SUCCESS, streams };
  const xattrs = yield* wait(file.listXattrs());
  if (failed(xattrs)) {
    const status = xattrs === EOPNOTSUPP ? STATUS_SUCCESS : statusOf(xattrs);
    return { status, streams };
  }
  for (const xattr of xattrs) {
    const name = streamOfXattr(xattr);
    if (name === undefined) continue;
    if (!(yield* isStanding(volume, file, xattr))) continue;
    const value = yield* wait(file.getXattr(xattr));
    if (failed(value)) continue;
    const sizes = yield* streamSize(volume.streams, file, value);
    if (failed(sizes)) continue;
    const allocationSize = Math.max(sizes.allocated, roundUp(sizes.size));
    streams.push({ name: `:${name}:$DATA`, size: sizes.size, allocationSize });
  }
  return { status: STATUS_SUCCESS, streams };
}

import { recycle } from '../../../base/buffer-pool.ts';
import type { IoBuffer, RegisteredRegion } from '../../../base/io-buffer.ts';
import { type Task, wait } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_PARAMETER,
  STATUS_PIPE_DISCONNECTED,
} from '../../../erref/ntstatus.ts';
import { writeFile } from '../../../fsa/read-write.ts';
import {
  SMB2_WRITEFLAG_WRITE_THROUGH,
  SMB2_WRITEFLAG_WRITE_UNBUFFERED,
} from '../../wire/constants.ts';
import {
  decodeWriteChannelInfo,
  decodeWriteRequest,
  encodeWriteResponse,
  type WriteRequest,
} from '../../wire/write.ts';
import type { Request } from '../request.ts';
import { fetchWrite, regionOf, usesChannel } from './channel-payload.ts';

/** [MS-SMB2] 3.3.5.13: data in the message begins here at the latest. */
const DATA_OFFSET_MAX = 0x100;

/**
 * [MS-SMB2] 3.3.5.13 Receiving an SMB2 WRITE Request. Undefined: the data could not be had from
 * where the peer says it is, and the connection ends.
 */
export function* handleWrite(request: Request): Task<NtStatus | undefined> {
  const { connection } = request;
  const write = decodeWriteRequest(request.view, request.body, request.end);
  if (write === undefined) return STATUS_INVALID_PARAMETER;
  const isBeside = usesChannel(connection, write.channel);
  const source: IoBuffer | undefined = isBeside ? regionOfWrite(request, write) : write.data;
  const open = request.findOpen(write.fileId);
  if (typeof open === 'number') return open;
  if (write.length > connection.maxWriteSize) return STATUS_INVALID_PARAMETER;
  if (!request.chargeCovers(write.length)) return STATUS_INVALID_PARAMETER;
  if (write.offset === undefined) return STATUS_INVALID_PARAMETER;
  if (source === undefined || write.dataOffset > DATA_OFFSET_MAX) return STATUS_INVALID_PARAMETER;
  const data =
    source instanceof Uint8Array
      ? source
      : yield* fetchWrite(request, source, write.remainingBytes);
  if (data === undefined) return undefined;
  let count = data.length;
  if (open.pipe !== undefined) {
    const accepted = yield* wait(open.pipe.write(data.slice()));
    if (isBeside) recycle(data);
    if (!accepted) return STATUS_PIPE_DISCONNECTED;
  } else {
    if (open.localOpen === undefined) return STATUS_FILE_CLOSED;
    const outcome = yield* writeFile(open.localOpen, [data], write.offset, {
      writeThrough: (write.flags & SMB2_WRITEFLAG_WRITE_THROUGH) !== 0,
      unbuffered: (write.flags & SMB2_WRITEFLAG_WRITE_UNBUFFERED) !== 0,
    });
    if (isBeside) recycle(data);
    if (outcome.status !== 0) return outcome.status;
    count = outcome.count;
  }
  const reply = request.room(16);
  reply.finish(encodeWriteResponse(reply.view, reply.body, count));
  return 0;
}

/** Where the data is; undefined: the request breaks the rules for it. */
function regionOfWrite(request: Request, write: WriteRequest): RegisteredRegion | undefined {
  const { channel, length, dataOffset, remainingBytes } = write;
  const channelInfo = decodeWriteChannelInfo(request.view, request.body, request.end);
  const region = regionOf(request, { channel, channelInfo, length: remainingBytes });
  return length === 0 && dataOffset === 0 ? region : undefined;
}

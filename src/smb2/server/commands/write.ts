import { type Task, wait } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_PARAMETER,
  STATUS_PIPE_DISCONNECTED,
} from '../../../erref/ntstatus.ts';
import { writeFile } from '../../../fsa/read-write.ts';
import {
  SMB2_CHANNEL_NONE,
  SMB2_WRITEFLAG_WRITE_THROUGH,
  SMB2_WRITEFLAG_WRITE_UNBUFFERED,
} from '../../wire/constants.ts';
import { decodeWriteRequest, encodeWriteResponse } from '../../wire/write.ts';
import type { Request } from '../request.ts';

/** [MS-SMB2] 3.3.5.13 Receiving an SMB2 WRITE Request. */
export function* handleWrite(request: Request): Task<NtStatus> {
  const write = decodeWriteRequest(request.view, request.body, request.end);
  if (write === undefined) return STATUS_INVALID_PARAMETER;
  const open = request.findOpen(write.fileId);
  if (typeof open === 'number') return open;
  if (write.length > request.connection.maxTransactSize) return STATUS_INVALID_PARAMETER;
  if (!request.chargeCovers(write.length)) return STATUS_INVALID_PARAMETER;
  if (write.channel !== SMB2_CHANNEL_NONE || write.offset === undefined) {
    return STATUS_INVALID_PARAMETER;
  }
  let count = write.length;
  if (open.pipe !== undefined) {
    const accepted = yield* wait(open.pipe.write(write.data.slice()));
    if (!accepted) return STATUS_PIPE_DISCONNECTED;
  } else {
    if (open.localOpen === undefined) return STATUS_FILE_CLOSED;
    const outcome = yield* writeFile(open.localOpen, [write.data], write.offset, {
      writeThrough: (write.flags & SMB2_WRITEFLAG_WRITE_THROUGH) !== 0,
      unbuffered: (write.flags & SMB2_WRITEFLAG_WRITE_UNBUFFERED) !== 0,
    });
    if (outcome.status !== 0) return outcome.status;
    count = outcome.count;
  }
  const reply = request.room(16);
  reply.finish(encodeWriteResponse(reply.view, reply.body, count));
  return 0;
}

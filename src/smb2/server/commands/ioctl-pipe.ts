import { type Task, wait } from '../../../base/task.ts';
import {
  type NtStatus,
  STATUS_BUFFER_OVERFLOW,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_PIPE_DISCONNECTED,
} from '../../../erref/ntstatus.ts';
import { decodePipeWait } from '../../../fscc/fsctl-pipe-wait.ts';
import { waitForPipe } from '../pipe-wait.ts';
import type { Open } from '../state/open.ts';
import type { Ioctl } from './ioctl-call.ts';

/** [MS-SMB2] 3.3.5.15.10 Handling a Pipe Transaction: a write, then the read of its answer. */
export function* pipeTransceive(call: Ioctl, open: Open): Task<NtStatus> {
  const { request, ioctl } = call;
  if (open.pipe === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  const accepted = yield* wait(open.pipe.write(ioctl.input.slice()));
  if (!accepted) return STATUS_PIPE_DISCONNECTED;
  const message = yield* waitForPipe(request, open.pipe, ioctl.maxOutputResponse);
  if (typeof message === 'number') return message;
  call.output(message.bytes.length, (view, at) => {
    new Uint8Array(view.buffer, view.byteOffset + at, message.bytes.length).set(message.bytes);
  });
  return message.more ? STATUS_BUFFER_OVERFLOW : 0;
}

/** [MS-SMB2] 3.3.5.15.4 Handling a Pipe Wait Request: our pipes are never all busy. */
export function* pipeWait(call: Ioctl): Task<NtStatus> {
  const { request, input } = call;
  if (request.treeConnect?.share.type !== 'pipe') return STATUS_INVALID_DEVICE_REQUEST;
  const asked = decodePipeWait(input, 0, input.byteLength);
  if (asked === undefined) return STATUS_INVALID_PARAMETER;
  const pipe = request.server.options.openPipe(asked.name.toLowerCase(), {
    userName: '',
    domainName: '',
    serverName: request.server.options.serverName,
    sessionKey: new Uint8Array(16),
  });
  if (pipe === undefined) return STATUS_OBJECT_NAME_NOT_FOUND;
  pipe.close();
  return 0;
}

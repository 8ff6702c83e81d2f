import { viewOf } from '../../../base/bytes.ts';
import { type NtStatus, STATUS_BUFFER_TOO_SMALL } from '../../../erref/ntstatus.ts';
import {
  encodeIoctlResponseHead,
  IOCTL_RESPONSE_HEAD,
  type IoctlRequest,
} from '../../wire/ioctl.ts';
import type { Request } from '../request.ts';

/** What a control function has to do with: the request, and where its output goes. */
export interface Ioctl {
  readonly request: Request;
  readonly ioctl: IoctlRequest;
  readonly input: DataView;
  /** Writes `size` bytes of output into the response. */
  output(size: number, write: (view: DataView, at: number) => void): void;
}

/** The call that a decoded IOCTL request stands for. */
export function makeIoctl(request: Request, ioctl: IoctlRequest): Ioctl {
  return {
    request,
    ioctl,
    input: viewOf(ioctl.input),
    output(size, write) {
      const reply = request.room(IOCTL_RESPONSE_HEAD + size);
      write(reply.view, reply.body + IOCTL_RESPONSE_HEAD);
      const { ctlCode, fileId } = ioctl;
      reply.finish(
        encodeIoctlResponseHead(reply.view, reply.body, { ctlCode, fileId, outputCount: size }),
      );
    },
  };
}

/** Writes the output, or tells that the client's buffer is too small for it. */
export function outputWhole(
  call: Ioctl,
  size: number,
  write: (view: DataView, at: number) => void,
): NtStatus {
  if (size > call.ioctl.maxOutputResponse) return STATUS_BUFFER_TOO_SMALL;
  call.output(size, write);
  return 0;
}

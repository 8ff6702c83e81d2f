import { type NtStatus, STATUS_INVALID_PARAMETER } from '../../../erref/ntstatus.ts';
import { decodeEchoRequest, encodeEchoResponse } from '../../wire/echo.ts';
import type { Request } from '../request.ts';

/** [MS-SMB2] 3.3.5.17 Receiving an SMB2 ECHO Request. */
export function handleEcho(request: Request): NtStatus {
  if (decodeEchoRequest(request.view, request.body, request.end) === undefined) {
    return STATUS_INVALID_PARAMETER;
  }
  const reply = request.room(4);
  reply.finish(encodeEchoResponse(reply.view, reply.body));
  return 0;
}

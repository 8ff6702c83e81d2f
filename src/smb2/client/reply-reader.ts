import { viewOf } from '../../base/bytes.ts';
import {
  type NtStatus,
  STATUS_BUFFER_OVERFLOW,
  STATUS_INVALID_NETWORK_RESPONSE,
  STATUS_SUCCESS,
  STATUS_USER_SESSION_DELETED,
} from '../../erref/ntstatus.ts';
import { decodeErrorResponse } from '../wire/error.ts';
import { HEADER_SIZE } from '../wire/header.ts';
import type { Response } from './message-reader.ts';
import type { Protection, Reply, Request } from './request.ts';

/** Decodes a final response: as its command's, else as an ERROR Response ([MS-SMB2] 2.2.2). */
export function replyTo<R>(
  request: Request<R>,
  { header, message }: Response,
  protection: Protection,
): Reply<R> {
  const { status } = header;
  const reply = { status, header, protection, message, response: undefined, error: undefined };
  const view = viewOf(message);
  const decode = (): R | undefined => request.decode(view, HEADER_SIZE, message.length);
  if (carriesResponse(status) || request.bodyStatuses?.includes(status) === true) {
    const response = decode();
    if (response !== undefined) return { ...reply, response };
  }
  const error = decodeErrorResponse(view, HEADER_SIZE, message.length);
  if (error !== undefined && status !== STATUS_SUCCESS) return { ...reply, error };
  // Samba answers some failed IOCTLs with the command's own body.
  if (decode() !== undefined) return reply;
  return { ...reply, status: STATUS_INVALID_NETWORK_RESPONSE };
}

/** [MS-SMB2] 3.3.4.4 Sending an Error Response: which statuses come with the command's own body. */
function carriesResponse(status: NtStatus): boolean {
  const severity = status >>> 30;
  return severity < 2 || status === STATUS_BUFFER_OVERFLOW;
}

/**
 * Why a response is less protected than its request was, if it is: [MS-SMB2] 3.2.5.1.3 Verifying
 * the Signature, 3.3.4.1.4 Encrypting the Message.
 */
export function complaintAbout(
  { header, isInterim }: Response,
  expected: 'none' | 'signed' | 'encrypted',
  protection: Protection,
): string | undefined {
  if (protection === 'bad-signature') return 'a response has a wrong signature';
  // A server that forgot the session has no key to protect its answer with.
  if (isInterim || header.status === STATUS_USER_SESSION_DELETED) return undefined;
  if (expected === 'encrypted' && protection !== 'encrypted') {
    return 'a response to an encrypted request is not encrypted';
  }
  if (expected === 'signed' && protection === 'none') {
    return 'a response to a signed request is not signed';
  }
  return undefined;
}

/** [MS-SMB2] 3.3.4.1.1 Signing the Message: which responses are signed, and with whose key. */
import { put, slice } from '../../base/bytes.ts';
import { type NtStatus, STATUS_PENDING } from '../../erref/ntstatus.ts';
import { SMB2_FLAGS_SIGNED } from '../wire/constants.ts';
import {
  HEADER_SIZE,
  headerFlags,
  SIGNATURE_OFFSET,
  SIGNATURE_SIZE,
  setFlags,
} from '../wire/header.ts';
import type { Reply } from './reply.ts';
import type { Request } from './request.ts';

/**
 * What was signed is answered signed, what is encrypted needs no signature, and interim responses
 * carry none.
 */
export function mustSign(request: Request, status: NtStatus): boolean {
  if (request.chain.sealedBy !== undefined || status === STATUS_PENDING) return false;
  if (!canSign(request)) return false;
  const required = request.session?.signingRequired ?? false;
  return request.signer !== undefined || request.mustSign || request.isSigned || required;
}

/** Whether there is a key for it. */
export function canSign({ signer, session, connection }: Request): boolean {
  return (signer ?? session?.channels.get(connection)?.signer) !== undefined;
}

/** Signs a finished response whose header says that it is signed. */
export function signReply(request: Request, reply: Reply): void {
  if ((headerFlags(reply.view, reply.start) & SMB2_FLAGS_SIGNED) === 0) return;
  const signer = request.signer ?? request.session?.channels.get(request.connection)?.signer;
  signer?.sign(reply.bytes.subarray(reply.start, reply.end));
}

/**
 * Windows: without a key, for a session that is not there, a signed request is answered with its
 * own signature; clients that insist on signatures take that for the status it comes with.
 */
export function echoSignature({ view, body }: Request, { view: out, start }: Reply): void {
  const at = body - HEADER_SIZE + SIGNATURE_OFFSET;
  setFlags(out, start, headerFlags(out, start) | SMB2_FLAGS_SIGNED);
  put(out, start + SIGNATURE_OFFSET, slice(view, at, at + SIGNATURE_SIZE));
}
